#include "core/law/literature_losses.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/testing/steps.h"

namespace moeplan {
namespace {

// Section 4.3 of the reference.
TEST(ClarkLossTest, OneExpertOfSBaseIsNearTheDenseLaw) {
  EXPECT_NEAR(ClarkLoss(kClarkSBase, 1e9, 1) / ClarkDenseLoss(1e9), 1, 0.01);
}

TEST(ClarkLossTest, FallsWithParamsAndExpertsAndSaturates) {
  for (const ClarkCoefficients& routing :
       {kClarkSBase, kClarkRlR, kClarkHash}) {
    for (const double params : testing::FactorSteps(15e6, 1.3e9, 2)) {
      EXPECT_GT(ClarkLoss(routing, params, 64),
                ClarkLoss(routing, 1.1 * params, 64));
      for (const double experts : testing::FactorSteps(1, 512, 2)) {
        EXPECT_GT(ClarkLoss(routing, params, experts),
                  ClarkLoss(routing, params, 2 * experts));
      }
    }
    EXPECT_NEAR(ClarkLoss(routing, 1e8, 1e12) / ClarkLoss(routing, 1e8, 1e15),
                1, 1e-9);
  }
}

// The paper prints 937B, 85B and 83B; its rounded c gives these.
TEST(ClarkLossTest, CutoffOfRoundedCoefficientsIsNotThePrintedOne) {
  EXPECT_NEAR(ClarkCutoffParams(kClarkSBase), 1.0e12, 0.005e12);
  EXPECT_NEAR(ClarkCutoffParams(kClarkRlR), 3.16e10, 0.005e10);
  EXPECT_NEAR(ClarkCutoffParams(kClarkHash), 2.15e11, 0.005e11);
  // There experts make no difference.
  const double params = ClarkCutoffParams(kClarkHash);
  EXPECT_NEAR(ClarkLoss(kClarkHash, params, 1),
              ClarkLoss(kClarkHash, params, 512), 1e-12);
}

TEST(AbnarLossTest, FallsWithSizeAndData) {
  for (const double sparsity : {0.0, 0.5, 0.9, 0.98}) {
    for (const double n : testing::FactorSteps(1e8, 1e12, 10)) {
      EXPECT_GT(AbnarLoss(n, 20e9, sparsity), AbnarLoss(2 * n, 20e9, sparsity));
      EXPECT_GT(AbnarLoss(n, 20e9, sparsity), AbnarLoss(n, 40e9, sparsity));
    }
  }
}

// Section 4.3: S -> 1 diverges; with N and D endless the sparse term is left.
TEST(AbnarLossTest, Limits) {
  EXPECT_GT(AbnarLoss(1e10, 1e11, 1 - 1e-12), AbnarLoss(1e10, 1e11, 0.98) + 5);
  EXPECT_TRUE(std::isinf(AbnarLoss(1e10, 1e11, 1)));
  EXPECT_NEAR(AbnarLoss(1e300, 1e300, 0), 0.4598 + 0.94, 1e-12);
}

TEST(AbnarLossTest, FlagsSparsityBeyondTheRuns) {
  EXPECT_TRUE(FindOutside(kAbnarDomain, {0.98}).empty());
  EXPECT_EQ(FindOutside(kAbnarDomain, {0.99}).size(), 1u);
}

ZhaoPoint ZhaoAt(double total, double share, double activated, double ratio) {
  return {.total_params = total,
          .training_tokens = 1e12,
          .active_params = share * total,
          .activated_experts = activated,
          .shared_expert_ratio = ratio};
}

// Section 4.3: the derived optima agree with the text (about 7, about 0.31).
TEST(ZhaoLossTest, OptimaAgreeWithTheText) {
  EXPECT_NEAR(ZhaoBestActivatedExperts(), 6.778, 0.0005);
  EXPECT_NEAR(ZhaoBestSharedExpertRatio(), 0.3148, 0.00005);
  EXPECT_NEAR(ZhaoBestActiveShare(30e9), 0.4007, 0.00005);
  EXPECT_NEAR(ZhaoBestActiveShare(671e9), 0.2204, 0.00005);
}

TEST(ZhaoLossTest, OptimaAreMinimaOfTheLoss) {
  const double best_g = ZhaoBestActivatedExperts();
  const double best_s = ZhaoBestSharedExpertRatio();
  for (const double total : {3e9, 30e9, 671e9}) {
    const double best_x = ZhaoBestActiveShare(total);
    const double least = ZhaoLoss(ZhaoAt(total, best_x, best_g, best_s));
    for (const double factor : {0.9, 0.99, 1.01, 1.1}) {
      EXPECT_GT(ZhaoLoss(ZhaoAt(total, factor * best_x, best_g, best_s)),
                least);
      EXPECT_GT(ZhaoLoss(ZhaoAt(total, best_x, factor * best_g, best_s)),
                least);
      EXPECT_GT(ZhaoLoss(ZhaoAt(total, best_x, best_g, factor * best_s)),
                least);
    }
  }
}

TEST(ZhaoLossTest, FallsWithTokens) {
  ZhaoPoint point = ZhaoAt(30e9, 0.1, 8, 0.125);
  double before = 1e9;
  for (const double tokens : testing::FactorSteps(1e9, 1e14, 10)) {
    point.training_tokens = tokens;
    EXPECT_LT(ZhaoLoss(point), before);
    before = ZhaoLoss(point);
  }
}

// Section 4.3: 75 % sparsity equals a dense model 2.16 times larger.
TEST(FrantarLossTest, DenseEquivalentReachesTheSameLoss) {
  EXPECT_NEAR(FrantarDenseEquivalent(kFrantarT5, 0.75), 2.1598, 0.00005);
  EXPECT_EQ(FrantarDenseEquivalent(kFrantarT5, 0), 1);
  for (const FrantarCoefficients& model : {kFrantarT5, kFrantarVit}) {
    for (const double sparsity : {0.5, 0.75, 0.9}) {
      const double dense = FrantarDenseEquivalent(model, sparsity) * 1e8;
      EXPECT_NEAR(FrantarLoss(model, 0, dense, 1e10),
                  FrantarLoss(model, sparsity, 1e8, 1e10), 1e-12);
    }
  }
}

}  // namespace
}  // namespace moeplan
