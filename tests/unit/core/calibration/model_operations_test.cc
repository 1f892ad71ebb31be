#include "core/calibration/model_operations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <string>

#include "core/arch/flops.h"
#include "core/arch/param_count.h"
#include "tests/testing/model_shape_file.h"

namespace moeplan {
namespace {

constexpr const char* kModels[] = {
    "deepseek_v2",      "deepseek_v3",   "gpt_oss_120b", "kimi_k2",
    "llama_4_maverick", "mixtral_8x22b", "mixtral_8x7b", "olmoe_1b_7b",
    "qwen3_235b_a22b",  "qwen3_30b_a3b"};

ModelShape Load(const std::string& name) {
  auto shape = testing::LoadModelShape("tests/golden/models/" + name + ".json");
  EXPECT_TRUE(shape.ok()) << shape.status();
  return *std::move(shape);
}

double FlopsOf(const std::vector<RepeatedOperation>& operations) {
  double flops = 0;
  for (const RepeatedOperation& each : operations) {
    flops += each.count * CostOf(each.operation, 2).flops;
  }
  return flops;
}

// Two ways to one number: the operations that run, and core/arch's accounting
// from the parameter counts.
TEST(ModelOperationsTest, TrainingFlopsAreThoseOfTheAccounting) {
  for (const char* name : kModels) {
    const ModelShape shape = Load(name);
    const auto operations =
        TrainingOperations(shape, {.sequences = 2, .sequence_tokens = 4096});
    ASSERT_TRUE(operations.ok()) << operations.status();
    const auto per_token =
        TrainFlopsPerToken(shape, {.routing_train_flops_per_router_param = 6,
                                   .scores = ScoreRule::kCausalAverage,
                                   .context_tokens = 4096});
    ASSERT_TRUE(per_token.ok()) << per_token.status();
    const double expected = 2 * 4096 * per_token->Total();
    EXPECT_NEAR(FlopsOf(*operations) / expected, 1, 1e-9) << name;
  }
}

TEST(ModelOperationsTest, DecodingFlopsAreThoseOfTheAccounting) {
  for (const char* name : {"mixtral_8x7b", "qwen3_30b_a3b", "gpt_oss_120b"}) {
    const ModelShape shape = Load(name);
    const auto operations = ServingOperations(
        shape, {.sequences = 16, .query_tokens = 1, .context_tokens = 3000});
    ASSERT_TRUE(operations.ok()) << operations.status();
    // Of 14/3 in training, 3/7 are forward: 2 per router parameter.
    const auto per_token = ForwardFlopsPerToken(
        shape, {.routing_train_flops_per_router_param = 14.0 / 3,
                .scores = ScoreRule::kFullContext,
                .context_tokens = 3000});
    ASSERT_TRUE(per_token.ok()) << per_token.status();
    EXPECT_NEAR(FlopsOf(*operations) / (16 * per_token->Total()), 1, 1e-9)
        << name;
  }
}

// Weights are read once a step whatever the batch: at a batch that reaches all
// experts, the bytes of the products' matrices are the parameters.
TEST(ModelOperationsTest, DecodingReadsEachReachedWeightOnce) {
  const ModelShape shape = Load("mixtral_8x7b");
  const auto operations = ServingOperations(
      shape, {.sequences = 4096, .query_tokens = 1, .context_tokens = 1});
  ASSERT_TRUE(operations.ok());
  double weights = 0;
  for (const RepeatedOperation& each : *operations) {
    if (const auto* gemm = std::get_if<Gemm>(&each.operation)) {
      weights += each.count * static_cast<double>(gemm->n * gemm->k);
    }
    if (const auto* grouped = std::get_if<GroupedGemm>(&each.operation)) {
      weights += each.count * static_cast<double>(grouped->in_width *
                                                  grouped->out_width * 8);
    }
  }
  const ParamCounts counts = CountParams(shape).total;
  EXPECT_DOUBLE_EQ(
      weights, static_cast<double>(counts.attention + counts.router +
                                   counts.routed_experts + counts.unembedding));
}

TEST(ModelOperationsTest, LatentAttentionDecodesWithOneKeyForAllHeads) {
  const ModelShape shape = Load("deepseek_v3");
  const auto operations = ServingOperations(
      shape, {.sequences = 1, .query_tokens = 1, .context_tokens = 1000});
  ASSERT_TRUE(operations.ok());
  int found = 0;
  for (const RepeatedOperation& each : *operations) {
    const auto* core = std::get_if<AttentionCore>(&each.operation);
    if (core == nullptr) continue;
    ++found;
    EXPECT_EQ(core->kv_heads, 1);
    EXPECT_EQ(core->key_dim, 512 + 64);
    EXPECT_EQ(core->value_dim, 512);
  }
  EXPECT_EQ(found, 2);  // dense and MoE layers
}

TEST(ModelOperationsTest, RowsAreThoseOfTheTokensAndReachWhatTheyCan) {
  // The reference's own figures (section 5.7): E 256, k 8.
  const std::pair<int64_t, int64_t> expected[] = {
      {1, 8}, {16, 102}, {64, 222}, {256, 256}};
  for (const auto& [tokens, active] : expected) {
    const std::vector<int64_t> rows = BalancedRows(tokens, 256, 8);
    EXPECT_EQ(std::accumulate(rows.begin(), rows.end(), int64_t{0}),
              8 * tokens);
    EXPECT_EQ(256 - std::count(rows.begin(), rows.end(), 0), active)
        << tokens << " tokens";
    EXPECT_LE(rows.front() - rows[static_cast<size_t>(active - 1)], 1);
  }
  EXPECT_EQ(BalancedRows(3, 2, 2), (std::vector<int64_t>{3, 3}));
}

TEST(ModelOperationsTest, LinearAttentionIsRefusedByItsGroup) {
  ModelShapeSpec spec = Load("mixtral_8x7b").spec();
  LayerGroup linear = spec.layer_groups[0];
  linear.attention = LinearAttention{.params = 100, .state_elements = 10};
  spec.layer_groups.push_back(linear);
  const auto shape = ModelShape::Create(spec);
  ASSERT_TRUE(shape.ok()) << shape.status();
  const auto operations = TrainingOperations(*shape, {1, 128});
  EXPECT_EQ(operations.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(operations.status().message()),
              ::testing::HasSubstr("layer_groups[1].linear"));
}

}  // namespace
}  // namespace moeplan
