#include "core/calibration/time_formula.h"

namespace moeplan {
namespace {

constexpr double kNone = 1e-30;    // of a coefficient that adds
constexpr double kEndless = 1e30;  // of one that divides

constexpr CoefficientSpec kProduct[] = {
    {"flops_per_second", kEndless, 1e6, 1e18},
    {"launch_seconds", kNone, 1e-9, 1e-1},
    {"bytes_per_second", kEndless, 1e6, 1e15},
    {"extra_rows", kNone, 1e-2, 1e3},
    {"extra_depth", kNone, 1e-2, 1e4},
    {"seconds_per_expert", kNone, 1e-9, 1e-1},
    {"extra_columns", kNone, 1e-2, 1e3},
    {"wave_area_elements", kNone, 1, 1e8},
};
constexpr CoefficientSpec kBandwidth[] = {
    {"cached_bytes_per_second", kEndless, 1e6, 1e15},
    {"launch_seconds", kNone, 1e-9, 1e-1},
    {"beyond_cache_bytes_per_second", kEndless, 1e6, 1e15},
    {"cache_bytes", 1, 1e3, 1e10},
};
constexpr CoefficientSpec kRouting[] = {
    {"seconds_per_moved_element", kNone, 1e-16, 1},
    {"seconds_per_token_expert", kNone, 1e-16, 1},
    {"launch_seconds", kNone, 1e-9, 1e-1},
};
constexpr CoefficientSpec kConstant[] = {{"launch_seconds", kNone, 1e-12, 1}};

WorkFeatures ProductsOf(double count, double m, double n, double k) {
  WorkFeatures work;
  work.part_count = count;
  work.m = m;
  work.n = n;
  work.k = k;
  return work;
}

WorkFeatures Features(const Gemm& op) {
  return ProductsOf(1, static_cast<double>(op.m), static_cast<double>(op.n),
                    static_cast<double>(op.k));
}

WorkFeatures Features(const GroupedGemm& op) {
  double rows = 0;
  double experts = 0;
  for (const int64_t each : op.rows_per_expert) {
    rows += static_cast<double>(each);
    experts += each > 0 ? 1 : 0;
  }
  if (experts == 0) return {};
  const double mean = rows / experts;
  const double in = static_cast<double>(op.in_width);
  const double out = static_cast<double>(op.out_width);
  switch (op.pass) {
    case GemmPass::kForward:
      return ProductsOf(experts, mean, out, in);
    case GemmPass::kInputGradient:
      return ProductsOf(experts, mean, in, out);
    case GemmPass::kWeightGradient:
      return ProductsOf(experts, in, out, mean);
  }
  return {};
}

// Scores and values are two products for each sequence and head; keys that a
// query does not see are counted by the mean.
WorkFeatures Features(const AttentionCore& op) {
  const double heads =
      static_cast<double>(op.sequences) * static_cast<double>(op.heads);
  const double dims = static_cast<double>(op.key_dim + op.value_dim);
  const double queries = static_cast<double>(op.query_tokens);
  const double flops = CostOf(op, 2).flops;
  const double keys = flops / (2 * heads * dims * queries);
  return ProductsOf(heads, queries, keys, dims);
}

WorkFeatures Features(const Routing& op) {
  WorkFeatures work;
  const double tokens = static_cast<double>(op.tokens);
  work.router_elements = tokens * static_cast<double>(op.experts);
  work.moved_elements = tokens * static_cast<double>(op.experts_per_token) *
                        static_cast<double>(op.d_model);
  return work;
}

WorkFeatures Features(const Elementwise&) { return {}; }
WorkFeatures Features(const CrossEntropy&) { return {}; }
WorkFeatures Features(const OptimizerStep&) { return {}; }
WorkFeatures Features(const Copy&) { return {}; }
WorkFeatures Features(const Launch&) { return {}; }
WorkFeatures Features(const MoeBlock&) { return {}; }

}  // namespace

WorkFeatures FeaturesOf(const Operation& operation, double element_bytes) {
  WorkFeatures work =
      std::visit([](const auto& op) { return Features(op); }, operation);
  const OperationCost cost = CostOf(operation, element_bytes);
  work.flops = cost.flops;
  work.bytes = cost.bytes;
  return work;
}

absl::Span<const CoefficientSpec> CoefficientsOf(TimeFormula formula) {
  switch (formula) {
    case TimeFormula::kProduct:
      return kProduct;
    case TimeFormula::kBandwidth:
      return kBandwidth;
    case TimeFormula::kRouting:
      return kRouting;
    case TimeFormula::kConstant:
      break;
  }
  return kConstant;
}

}  // namespace moeplan
