#include "core/calibration/routing_cost.h"

#include <gtest/gtest.h>

#include "core/calibration/model_operations.h"
#include "tests/testing/made_up_calibration.h"

namespace moeplan {
namespace {

// Section 5.3 of the reference, with the operations of a block written out.
TEST(RoutingCostTest, IsTheTimeOfRoutingAtTheRateOfTheExperts) {
  const auto model = TimeModel::Fit(testing::MadeUpCalibration(), "bf16");
  ASSERT_TRUE(model.ok()) << model.status();
  const int64_t tokens = 512;
  const int64_t experts = 16;
  const int64_t choices = 2;
  const int64_t d_model = 256;
  const MoeBlock block = {
      .tokens = tokens,
      .d_model = d_model,
      .experts_per_token = choices,
      .expert_width = 128,
      .gated = true,
      .rows_per_expert = BalancedRows(tokens, experts, choices)};
  const auto seconds = [&model](const Operation& operation) {
    return model->Predict(operation).seconds;
  };
  const double products = seconds(Gemm{tokens, experts, d_model}) +
                          seconds(Gemm{tokens, d_model, experts}) +
                          seconds(Gemm{d_model, experts, tokens});
  double routing = 0;
  double choice = 0;
  for (const bool backward : {false, true}) {
    routing += seconds(Routing{tokens, experts, choices, d_model, backward});
    choice += seconds(Routing{tokens, experts, choices, 1, backward});
  }
  double expert_seconds = 0;
  for (const GemmPass pass : {GemmPass::kForward, GemmPass::kInputGradient,
                              GemmPass::kWeightGradient}) {
    expert_seconds +=
        seconds(GroupedGemm{block.rows_per_expert, d_model, 256, pass}) +
        seconds(GroupedGemm{block.rows_per_expert, 128, d_model, pass});
  }
  // Three passes of 2 T k (2 d n + n d) FLOPs, n the width.
  const double expert_flops = 3 * 2.0 * static_cast<double>(tokens * choices) *
                              3 * static_cast<double>(d_model * 128);
  const double unit = expert_flops / expert_seconds /
                      static_cast<double>(tokens * experts * d_model);
  const EffectiveRoutingCost cost = EffectiveRoutingCostOf(*model, block);
  EXPECT_NEAR(cost.products, unit * products, 1e-9 * cost.products);
  EXPECT_NEAR(cost.with_choice, unit * (products + choice),
              1e-9 * cost.with_choice);
  EXPECT_NEAR(cost.with_rows, unit * (products + routing),
              1e-9 * cost.with_rows);
  EXPECT_LT(cost.products, cost.with_choice);
  EXPECT_LT(cost.with_choice, cost.with_rows);
  // Either pass names both.
  MoeBlock backward = block;
  backward.backward = true;
  EXPECT_EQ(EffectiveRoutingCostOf(*model, backward).with_rows, cost.with_rows);
}

}  // namespace
}  // namespace moeplan
