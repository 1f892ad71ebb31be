#include "core/law/leverage.h"

#include <gtest/gtest.h>

#include "tests/testing/steps.h"

namespace moeplan {
namespace {

const LeverageLaw& Ling() { return *FindLeverageLaw("ling-2025-leverage"); }

double At(double share, double granularity, double flops) {
  return EfficiencyLeverage(Ling(), {.active_share = share,
                                     .ling_granularity = granularity,
                                     .forward_flops = flops})
      .dense_to_moe_flops_ratio;
}

TEST(LeverageTest, IsFoundByName) {
  EXPECT_EQ(FindLeverageLaw("ling-2025-leverage"), &AllLeverageLaws()[0]);
  EXPECT_EQ(FindLeverageLaw("no such law"), nullptr);
}

// Section 4.4 of the reference: what the text of arXiv 2507.17702 says, by
// which the bases of the logarithms were inferred.
TEST(LeverageTest, AgreesWithTheTextOfThePaper) {
  EXPECT_GT(At(0.031, 12, 1e22), 7);
  EXPECT_NEAR(BestLingGranularity(Ling()), 11.34, 0.005);
  // Dense over dense.
  EXPECT_NEAR(At(1, 1, 1e22), 1, 0.01);
}

TEST(LeverageTest, BestGranularityIsTheHighestLeverage) {
  const double best = BestLingGranularity(Ling());
  for (const double flops : {1e18, 1e20, 1e22}) {
    const double highest = At(0.05, best, flops);
    for (const double granularity : testing::FactorSteps(1, 300, 1.1)) {
      EXPECT_LT(At(0.05, granularity, flops), highest) << granularity;
    }
  }
}

TEST(LeverageTest, RisesWithSparsityAndCompute) {
  for (const double flops : testing::FactorSteps(1e18, 1e22, 10)) {
    double before = 0;
    for (const double share : testing::FactorSteps(0.9, 0.008, 0.8)) {
      EXPECT_GT(At(share, 4, flops), before) << share << " " << flops;
      before = At(share, 4, flops);
      EXPECT_GT(At(share, 4, 10 * flops), before) << share << " " << flops;
    }
  }
}

TEST(LeverageTest, InputsFollowFromALayer) {
  // Row C11b of the reference: 12 of 384 experts and a shared one.
  EXPECT_DOUBLE_EQ(ActiveShare(384, 12, 1), 13.0 / 385);
  EXPECT_EQ(ActiveShare(8, 8, 0), 1);
  // A fine-grained expert of width 4 d / 16: G = 16, G' = 8.
  EXPECT_EQ(LingGranularity(512, 4 * 512 / 16.0), 8);
}

TEST(LeverageTest, FlagsItsOwnHighValues) {
  const auto outside = EfficiencyLeverage(Ling(), {.active_share = 0.01,
                                                   .ling_granularity = 8,
                                                   .forward_flops = 3e20})
                           .outside;
  ASSERT_EQ(outside.size(), 1u);
  EXPECT_EQ(outside[0].quantity, "efficiency_leverage");
  EXPECT_EQ(outside[0].nearest_edge, 6);
}

}  // namespace
}  // namespace moeplan
