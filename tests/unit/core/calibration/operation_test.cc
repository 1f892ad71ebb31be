#include "core/calibration/operation.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace moeplan {
namespace {

// Counts by running the loops that the formulas stand for.
struct Counted {
  double flops = 0;
  double bytes = 0;
};

Counted RunGrouped(const GroupedGemm& op, double e) {
  Counted counted;
  for (const int64_t rows : op.rows_per_expert) {
    if (rows == 0) continue;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t in = 0; in < op.in_width; ++in) {
        for (int64_t out = 0; out < op.out_width; ++out) counted.flops += 2;
      }
      counted.bytes += e * static_cast<double>(op.in_width + op.out_width);
    }
    counted.bytes += e * static_cast<double>(op.in_width * op.out_width);
  }
  return counted;
}

Counted RunAttention(const AttentionCore& op, double e) {
  Counted counted;
  const int64_t dims = op.key_dim + op.value_dim;
  int64_t first_seen = op.context_tokens;
  for (int64_t query = 0; query < op.query_tokens; ++query) {
    const int64_t position = op.context_tokens - op.query_tokens + query;
    for (int64_t key = 0; key <= position; ++key) {
      if (op.window > 0 && position - key >= op.window) continue;
      first_seen = std::min(first_seen, key);
      counted.flops += static_cast<double>(op.sequences * op.heads * 2 * dims);
    }
  }
  counted.bytes =
      e * static_cast<double>(op.sequences * dims *
                              (op.query_tokens * op.heads +
                               (op.context_tokens - first_seen) * op.kv_heads));
  return counted;
}

void ExpectCost(const Operation& operation, double e, const Counted& counted) {
  const OperationCost cost = CostOf(operation, e);
  EXPECT_DOUBLE_EQ(cost.flops, counted.flops) << DescribeOperation(operation);
  EXPECT_DOUBLE_EQ(cost.bytes, counted.bytes) << DescribeOperation(operation);
}

TEST(OperationTest, GroupedProductsCountAsTheirLoops) {
  for (const GemmPass pass : {GemmPass::kForward, GemmPass::kInputGradient,
                              GemmPass::kWeightGradient}) {
    const GroupedGemm op = {.rows_per_expert = {3, 0, 1, 7},
                            .in_width = 5,
                            .out_width = 4,
                            .pass = pass};
    ExpectCost(op, 2, RunGrouped(op, 2));
  }
}

TEST(OperationTest, OneExpertIsADenseProduct) {
  const OperationCost grouped = CostOf(
      GroupedGemm{.rows_per_expert = {6}, .in_width = 5, .out_width = 4}, 4);
  const OperationCost dense = CostOf(Gemm{.m = 6, .n = 4, .k = 5}, 4);
  EXPECT_EQ(grouped.flops, dense.flops);
  EXPECT_EQ(grouped.bytes, dense.bytes);
}

TEST(OperationTest, AttentionCountsAsItsLoops) {
  for (const int64_t window : {0, 1, 3, 5, 20}) {
    for (const int64_t queries : {1, 4, 9}) {
      const AttentionCore op = {.sequences = 2,
                                .query_tokens = queries,
                                .context_tokens = 9,
                                .window = window,
                                .heads = 6,
                                .kv_heads = 2,
                                .key_dim = 5,
                                .value_dim = 3};
      ExpectCost(op, 2, RunAttention(op, 2));
    }
  }
}

TEST(OperationTest, RoutingMovesEachRowInAndOut) {
  // 4 tokens, 2 experts each, rows of 3 elements of 2 bytes: permute reads 4
  // and writes 8 rows, combine reads 8 and writes 4; logits 8 bytes, index 16.
  const Routing op = {
      .tokens = 4, .experts = 5, .experts_per_token = 2, .d_model = 3};
  ExpectCost(op, 2, {0, 8.0 * 4 * 5 + 16.0 * 8 + 2.0 * 3 * (4 + 8 + 8 + 4)});
}

TEST(OperationTest, ABlockIsTheSumOfItsParts) {
  // 3 R d n products forward, twice that backward (gated), and the router's.
  const MoeBlock forward = {.tokens = 8,
                            .d_model = 16,
                            .experts_per_token = 2,
                            .expert_width = 12,
                            .gated = true,
                            .rows_per_expert = {4, 4, 4, 4}};
  MoeBlock backward = forward;
  backward.backward = true;
  const double experts = 2.0 * 3 * 16 * 16 * 12;
  const double router = 2.0 * 8 * 16 * 4;
  EXPECT_DOUBLE_EQ(CostOf(forward, 2).flops, experts + router);
  EXPECT_DOUBLE_EQ(CostOf(backward, 2).flops, 2 * (experts + router));
  MoeBlock plain = forward;
  plain.gated = false;
  EXPECT_DOUBLE_EQ(CostOf(plain, 2).flops, experts * 2 / 3 + router);
}

TEST(OperationTest, ShapesHaveNamesOfTheirOwn) {
  const GroupedGemm balanced = {
      .rows_per_expert = {4, 4}, .in_width = 8, .out_width = 6};
  GroupedGemm skewed = balanced;
  skewed.rows_per_expert = {7, 1};
  EXPECT_EQ(DescribeOperation(balanced),
            "grouped_gemm_forward_e2_rows8_max4_in8_out6");
  EXPECT_NE(DescribeOperation(balanced), DescribeOperation(skewed));
  EXPECT_EQ(DescribeOperation(Launch{}), "launch");
}

}  // namespace
}  // namespace moeplan
