// FLOPs and bytes of core's formulas against a count: reference loops run over
// tensors that note which elements were touched.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include "core/calibration/model_operations.h"
#include "core/calibration/operation.h"
#include "worker/device/numerics.h"

namespace moeplan::worker {
namespace {

constexpr double kElementBytes = 4;

// Elements touched since the last pass over memory ended.
class Tensor {
 public:
  double Touch(int64_t row, int64_t column) const {
    touched_.insert({row, column});
    return 0.01 * static_cast<double>(row + 2 * column + 1);
  }
  double TakeCount() {
    const double count = static_cast<double>(touched_.size());
    touched_.clear();
    return count;
  }

 private:
  mutable std::set<std::pair<int64_t, int64_t>> touched_;
};

struct Count {
  double flops = 0;
  double elements = 0;
};

// One product by the reference's loops.
Count CountProduct(int64_t m, int64_t n, int64_t k) {
  Count count;
  Tensor a, b, c;
  for (int64_t i = 0; i < m; ++i) {
    ReferenceProductRow(
        [&](int64_t row, int64_t p) {
          count.flops += 2;  // each is multiplied and added once
          return a.Touch(row, p);
        },
        [&](int64_t p, int64_t j) { return b.Touch(p, j); }, i, n, k,
        [&](int64_t j, double) { c.Touch(i, j); });
  }
  count.elements = a.TakeCount() + b.TakeCount() + c.TakeCount();
  return count;
}

Count CountGrouped(const GroupedGemm& op) {
  Count sum;
  for (const int64_t rows : op.rows_per_expert) {
    if (rows == 0) continue;
    Count one;
    switch (op.pass) {
      case GemmPass::kForward:
        one = CountProduct(rows, op.out_width, op.in_width);
        break;
      case GemmPass::kInputGradient:
        one = CountProduct(rows, op.in_width, op.out_width);
        break;
      case GemmPass::kWeightGradient:
        one = CountProduct(op.in_width, op.out_width, rows);
        break;
    }
    sum.flops += one.flops;
    sum.elements += one.elements;
  }
  return sum;
}

Count CountAttention(const AttentionCore& op) {
  Count count;
  Tensor queries, keys, values, out;
  const int64_t group = op.heads / op.kv_heads;
  for (int64_t head = 0; head < op.sequences * op.heads; ++head) {
    const int64_t kv = head / group * op.context_tokens;
    for (int64_t q = 0; q < op.query_tokens; ++q) {
      const int64_t at = head * op.query_tokens + q;
      ReferenceAttentionRow(
          op, q, [&](int64_t i) { return queries.Touch(at, i); },
          [&](int64_t row, int64_t i) {
            count.flops += 2;
            return keys.Touch(kv + row, i);
          },
          [&](int64_t row, int64_t i) {
            count.flops += 2;
            return values.Touch(kv + row, i);
          },
          [&](int64_t i, double) { out.Touch(at, i); });
    }
  }
  count.elements = queries.TakeCount() + keys.TakeCount() + values.TakeCount() +
                   out.TakeCount();
  return count;
}

void ExpectCost(const Operation& operation, const Count& count) {
  const OperationCost cost = CostOf(operation, kElementBytes);
  EXPECT_EQ(cost.flops, count.flops) << DescribeOperation(operation);
  EXPECT_EQ(cost.bytes, kElementBytes * count.elements)
      << DescribeOperation(operation);
}

TEST(CostCountTest, DenseProducts) {
  for (const Gemm& op :
       {Gemm{.m = 3, .n = 5, .k = 7}, Gemm{.m = 1, .n = 4, .k = 9}}) {
    ExpectCost(op, CountProduct(op.m, op.n, op.k));
  }
}

TEST(CostCountTest, GroupedProductsOfEveryPass) {
  for (const GemmPass pass : {GemmPass::kForward, GemmPass::kInputGradient,
                              GemmPass::kWeightGradient}) {
    const GroupedGemm op = {.rows_per_expert = {4, 0, 1, 7},
                            .in_width = 6,
                            .out_width = 10,
                            .pass = pass};
    ExpectCost(op, CountGrouped(op));
  }
}

TEST(CostCountTest, AttentionForTrainingPrefillWindowAndDecoding) {
  const AttentionCore shapes[] = {{.sequences = 2,
                                   .query_tokens = 5,
                                   .context_tokens = 5,
                                   .heads = 4,
                                   .kv_heads = 2,
                                   .key_dim = 3,
                                   .value_dim = 2},
                                  {.sequences = 1,
                                   .query_tokens = 3,
                                   .context_tokens = 8,
                                   .heads = 2,
                                   .kv_heads = 2,
                                   .key_dim = 4,
                                   .value_dim = 4},
                                  {.sequences = 1,
                                   .query_tokens = 6,
                                   .context_tokens = 6,
                                   .window = 3,
                                   .heads = 2,
                                   .kv_heads = 1,
                                   .key_dim = 4,
                                   .value_dim = 4},
                                  {.sequences = 3,
                                   .query_tokens = 1,
                                   .context_tokens = 9,
                                   .heads = 4,
                                   .kv_heads = 1,
                                   .key_dim = 2,
                                   .value_dim = 2}};
  for (const AttentionCore& op : shapes) ExpectCost(op, CountAttention(op));
}

TEST(CostCountTest, RoutingMovesRowsLogitsAndIndex) {
  const Routing op = {
      .tokens = 6, .experts = 5, .experts_per_token = 2, .d_model = 3};
  // Forward: dispatch reads tokens and writes rows, combine the other way.
  Tensor x, rows, y, out, logits, probabilities;
  for (int64_t t = 0; t < op.tokens; ++t) {
    for (int64_t e = 0; e < op.experts; ++e) {
      logits.Touch(t, e);
      probabilities.Touch(t, e);
    }
    for (int64_t i = 0; i < op.d_model; ++i) {
      for (int64_t j = 0; j < op.experts_per_token; ++j) {
        x.Touch(t, i);
        rows.Touch(t * op.experts_per_token + j, i);
        y.Touch(t * op.experts_per_token + j, i);
      }
      out.Touch(t, i);
    }
  }
  const double moved =
      x.TakeCount() + rows.TakeCount() + y.TakeCount() + out.TakeCount();
  const double logit_bytes =
      4 * (logits.TakeCount() + probabilities.TakeCount());
  // Of each row its expert, slot and weight, 16 bytes in all.
  const double index_bytes = 16.0 * 6 * 2;
  EXPECT_EQ(CostOf(op, kElementBytes).bytes,
            kElementBytes * moved + logit_bytes + index_bytes);
}

TEST(CostCountTest, MemoryBoundOperations) {
  // Gradient, weight and two moments in; weight, moments and a copy out.
  EXPECT_EQ(CostOf(OptimizerStep{.params = 10}, 4).bytes,
            10 * (2 + 3 * 4 + 3 * 4 + 2));
  // Two passes over logits, one over the gradient.
  EXPECT_EQ(CostOf(CrossEntropy{.tokens = 3, .vocabulary_size = 7}, 2).bytes,
            3 * 7 * (4 + 4 + 4));
  EXPECT_EQ(CostOf(Copy{.bytes = 100}, 4).bytes, 200);
  EXPECT_EQ(
      CostOf(Elementwise{.elements_read = 20, .elements_written = 10}, 2).bytes,
      60);
}

TEST(CostCountTest, AWholeBlockIsTheSumOfItsCountedParts) {
  for (const bool backward : {false, true}) {
    for (const bool gated : {false, true}) {
      const MoeBlock block = {.tokens = 6,
                              .d_model = 4,
                              .experts_per_token = 2,
                              .expert_width = 3,
                              .gated = gated,
                              .rows_per_expert = {5, 0, 6, 1},
                              .backward = backward};
      double flops = 0;
      for (const RepeatedOperation& part : MoeBlockOperations(block)) {
        if (const auto* gemm = std::get_if<Gemm>(&part.operation)) {
          flops += part.count * CountProduct(gemm->m, gemm->n, gemm->k).flops;
        }
        if (const auto* grouped = std::get_if<GroupedGemm>(&part.operation)) {
          flops += part.count * CountGrouped(*grouped).flops;
        }
      }
      EXPECT_EQ(CostOf(block, 4).flops, flops);
    }
  }
}

}  // namespace
}  // namespace moeplan::worker
