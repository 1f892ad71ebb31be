#include "tests/testing/two_minima_law.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/testing/steps.h"

namespace moeplan::testing {
namespace {

struct Minimum {
  double params;
  double loss;
};

std::vector<Minimum> MinimaAlongBudget(const CoefficientSet& set,
                                       double train_flops) {
  constexpr double kStep = 0.002;
  const auto loss_at = [&](double log_n) {
    const double n = std::exp(log_n);
    return set.Loss({n, train_flops / 6 / n, 1, 1});
  };
  std::vector<Minimum> minima;
  for (const double x :
       testing::EqualSteps(std::log(1e6), std::log(1e13), kStep)) {
    const double loss = loss_at(x);
    if (loss < loss_at(x - kStep) && loss <= loss_at(x + kStep)) {
      minima.push_back({std::exp(x), loss});
    }
  }
  return minima;
}

TEST(TwoMinimaLawTest, HasTheMinimaThatItsHeaderNames) {
  struct {
    double train_flops, height, left, right;
    bool left_is_lower;
  } const cases[] = {{1e20, 0.15, 6.45e8, 7.0e9, true},
                     {1e20, 0.3, 6.45e8, 7.5e9, false},
                     {1e21, 0.05, 1.82e9, 6.9e9, true},
                     {1e21, 0.15, 1.82e9, 7.66e9, false}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.height);
    const auto minima =
        MinimaAlongBudget(*TwoMinimaSet(c.height), c.train_flops);
    ASSERT_EQ(minima.size(), 2u);
    EXPECT_NEAR(minima[0].params / c.left, 1, 0.01);
    EXPECT_NEAR(minima[1].params / c.right, 1, 0.01);
    EXPECT_EQ(minima[0].loss < minima[1].loss, c.left_is_lower);
  }
}

TEST(TwoMinimaLawTest, IsInNoRegistry) {
  CoefficientSetSpec spec = TwoMinimaSet()->spec();
  EXPECT_FALSE(CoefficientSet::Create(spec).ok());
  EXPECT_TRUE(CoefficientSet::Create(spec, TwoMinimaLawFamily()).ok());
}

}  // namespace
}  // namespace moeplan::testing
