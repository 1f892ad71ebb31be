#include "core/calibration/operation.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "core/calibration/model_operations.h"

namespace moeplan {
namespace {

constexpr std::array<absl::string_view, kOperationKindCount> kNames = {
    "gemm",          "grouped_gemm", "attention", "routing", "elementwise",
    "cross_entropy", "optimizer",    "copy",      "launch",  "moe_block"};

constexpr double kOptimizerBytesPerParam = 28;
constexpr double kCrossEntropyBytesPerLogit = 12;
constexpr double kLogitBytes = 8;
constexpr double kIndexBytesPerRow = 16;
// Backward of attention makes two products of each of forward's.
constexpr double kAttentionBackward = 2;

OperationCost Cost(const Gemm& op, double e) {
  const double m = static_cast<double>(op.m);
  const double n = static_cast<double>(op.n);
  const double k = static_cast<double>(op.k);
  return {2 * m * n * k, e * (m * k + k * n + m * n)};
}

OperationCost Cost(const GroupedGemm& op, double e) {
  double rows = 0;
  double active = 0;
  for (const int64_t each : op.rows_per_expert) {
    rows += static_cast<double>(each);
    active += each > 0 ? 1 : 0;
  }
  const double in = static_cast<double>(op.in_width);
  const double out = static_cast<double>(op.out_width);
  return {2 * rows * in * out, e * (rows * (in + out) + active * in * out)};
}

OperationCost Cost(const AttentionCore& op, double e) {
  const double sequences = static_cast<double>(op.sequences);
  const double queries = static_cast<double>(op.query_tokens);
  const double keys = static_cast<double>(op.context_tokens);
  const double heads = static_cast<double>(op.heads);
  const double kv_heads = static_cast<double>(op.kv_heads);
  const double dims = static_cast<double>(op.key_dim + op.value_dim);
  const double passes = op.backward ? kAttentionBackward : 1;
  double seen = keys;
  double pairs = queries * keys - queries * (queries - 1) / 2;
  if (op.window > 0 && op.window < op.context_tokens) {
    const double window = static_cast<double>(op.window);
    seen = std::min(keys, queries + window - 1);
    // Only the queries at positions below the window see fewer keys than it.
    const double short_queries = std::max(0.0, window - (keys - queries + 1));
    pairs = queries * window - short_queries * (short_queries + 1) / 2;
  }
  return {passes * 2 * sequences * pairs * heads * dims,
          passes * e * sequences * dims * (queries * heads + seen * kv_heads)};
}

OperationCost Cost(const Routing& op, double e) {
  const double tokens = static_cast<double>(op.tokens);
  const double rows = tokens * static_cast<double>(op.experts_per_token);
  const double moved = (op.backward ? 3 : 2) * rows + 2 * tokens;
  return {0, kLogitBytes * tokens * static_cast<double>(op.experts) +
                 kIndexBytesPerRow * rows +
                 e * moved * static_cast<double>(op.d_model)};
}

OperationCost Cost(const Elementwise& op, double e) {
  return {0, e * (static_cast<double>(op.elements_read) +
                  static_cast<double>(op.elements_written))};
}

OperationCost Cost(const CrossEntropy& op, double) {
  return {0, kCrossEntropyBytesPerLogit * static_cast<double>(op.tokens) *
                 static_cast<double>(op.vocabulary_size)};
}

OperationCost Cost(const OptimizerStep& op, double) {
  return {0, kOptimizerBytesPerParam * static_cast<double>(op.params)};
}

OperationCost Cost(const Copy& op, double) {
  return {0, 2 * static_cast<double>(op.bytes)};
}

OperationCost Cost(const Launch&, double) { return {}; }

OperationCost Cost(const MoeBlock& op, double e) {
  OperationCost sum;
  for (const RepeatedOperation& part : MoeBlockOperations(op)) {
    const OperationCost cost = CostOf(part.operation, e);
    sum.flops += part.count * cost.flops;
    sum.bytes += part.count * cost.bytes;
  }
  return sum;
}

absl::string_view PassName(GemmPass pass) {
  switch (pass) {
    case GemmPass::kForward:
      return "forward";
    case GemmPass::kInputGradient:
      return "input_gradient";
    case GemmPass::kWeightGradient:
      return "weight_gradient";
  }
  return "";
}

absl::string_view DirectionName(bool backward) {
  return backward ? "backward" : "forward";
}

std::string Sizes(const Gemm& op) {
  return absl::StrCat("_m", op.m, "_n", op.n, "_k", op.k);
}

// Experts, their rows, and how far from balanced.
std::string RowsName(const std::vector<int64_t>& rows_per_expert) {
  int64_t rows = 0;
  int64_t largest = 0;
  for (const int64_t each : rows_per_expert) {
    rows += each;
    largest = std::max(largest, each);
  }
  return absl::StrCat("_e", rows_per_expert.size(), "_rows", rows, "_max",
                      largest);
}

std::string Sizes(const GroupedGemm& op) {
  return absl::StrCat("_", PassName(op.pass), RowsName(op.rows_per_expert),
                      "_in", op.in_width, "_out", op.out_width);
}

std::string Sizes(const AttentionCore& op) {
  return absl::StrCat("_", DirectionName(op.backward), "_b", op.sequences, "_q",
                      op.query_tokens, "_c", op.context_tokens, "_h", op.heads,
                      "_kv", op.kv_heads, "_dk", op.key_dim, "_dv",
                      op.value_dim,
                      op.window > 0 ? absl::StrCat("_w", op.window) : "");
}

std::string Sizes(const Routing& op) {
  return absl::StrCat("_", DirectionName(op.backward), "_t", op.tokens, "_e",
                      op.experts, "_k", op.experts_per_token, "_d", op.d_model);
}

std::string Sizes(const Elementwise& op) {
  return absl::StrCat("_r", op.elements_read, "_w", op.elements_written);
}

std::string Sizes(const CrossEntropy& op) {
  return absl::StrCat("_t", op.tokens, "_v", op.vocabulary_size);
}

std::string Sizes(const OptimizerStep& op) {
  return absl::StrCat("_n", op.params);
}

std::string Sizes(const Copy& op) { return absl::StrCat("_bytes", op.bytes); }

std::string Sizes(const Launch&) { return ""; }

std::string Sizes(const MoeBlock& op) {
  return absl::StrCat("_", DirectionName(op.backward), "_t", op.tokens, "_d",
                      op.d_model, "_k", op.experts_per_token,
                      op.gated ? "_gated" : "_plain", op.expert_width,
                      RowsName(op.rows_per_expert));
}

}  // namespace

absl::string_view NameOf(OperationKind kind) {
  return kNames[static_cast<size_t>(kind)];
}

std::string DescribeOperation(const Operation& operation) {
  return absl::StrCat(
      NameOf(KindOf(operation)),
      std::visit([](const auto& op) { return Sizes(op); }, operation));
}

OperationCost CostOf(const Operation& operation, double element_bytes) {
  return std::visit([&](const auto& op) { return Cost(op, element_bytes); },
                    operation);
}

}  // namespace moeplan
