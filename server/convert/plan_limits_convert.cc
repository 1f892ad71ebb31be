#include "server/convert/plan_limits_convert.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/convert/enum_table.h"
#include "server/convert/limits.h"
#include "server/convert/model_shape_convert.h"

namespace moeplan::server {
namespace {

constexpr double kMostServedTokens = 1e30;
constexpr double kMostCacheTokens = 1e15;
constexpr int64_t kMostSequences = int64_t{1} << 30;
constexpr double kMostElementBytes = 16;

// What UNIMPLEMENTED answers is legal here.
constexpr std::pair<v1::ServingCoupling, v1::ServingCoupling> kCouplings[] = {
    {v1::SERVING_COUPLING_IN_BUDGET, v1::SERVING_COUPLING_IN_BUDGET},
    {v1::SERVING_COUPLING_WEIGHTED_COST, v1::SERVING_COUPLING_WEIGHTED_COST},
    {v1::SERVING_COUPLING_LIMIT, v1::SERVING_COUPLING_LIMIT},
};

MemoryLimit DenseModelLimit(const FieldPath& field,
                            const v1::DenseModelReference& wire,
                            Violations& violations) {
  MemoryLimit limit;
  switch (wire.size_case()) {
    case v1::DenseModelReference::kActiveParams:
      limit.kind = MemoryLimitKind::kAsDenseModelOfParams;
      limit.value = wire.active_params();
      violations.RequireWithin(field / "active_params", limit.value, 1,
                               kMostParams);
      break;
    case v1::DenseModelReference::kDModel:
      limit.kind = MemoryLimitKind::kAsDenseModelOfWidth;
      limit.value = wire.d_model();
      violations.RequireWithin(field / "d_model", limit.value, 1, 1e9);
      break;
    case v1::DenseModelReference::kShape: {
      limit.kind = MemoryLimitKind::kAsDenseModelOfShape;
      const FieldPath shape = field / "shape";
      limit.dense_shape = ModelShapeFromWire(shape, wire.shape(), violations);
      const FieldPath groups = shape / "layer_groups";
      for (int i = 0; i < wire.shape().layer_groups_size(); ++i) {
        if (wire.shape().layer_groups(i).has_moe()) {
          violations.Add(groups[i] / "moe",
                         "must not be set: dense layers only");
        }
      }
      break;
    }
    case v1::DenseModelReference::SIZE_NOT_SET:
      violations.Add(field,
                     "must be set to one of active_params, d_model and shape");
  }
  return limit;
}

// The cache that concurrent sequences hold, where they state one.
void ConvertSequences(const v1::ServingDemand& wire, bool has_hardware,
                      OptimalConfigProblem& problem, Violations& violations) {
  const FieldPath field("serving_demand");
  const int64_t sequences = wire.concurrent_sequences();
  const int64_t context = wire.context_tokens();
  bool whole = violations.RequireIntegerWithin(field / "concurrent_sequences",
                                               sequences, 0, kMostSequences);
  whole &= violations.RequireIntegerWithin(field / "context_tokens", context, 0,
                                           kMostSequences);
  if (!whole || (sequences == 0 && context == 0)) return;
  if (sequences == 0 || context == 0) {
    if (has_hardware) return;
    violations.AddInteger(
        field / (sequences == 0 ? "concurrent_sequences" : "context_tokens"),
        "must be set together with the other of concurrent_sequences and "
        "context_tokens",
        0);
    return;
  }
  const double tokens =
      static_cast<double>(sequences) * static_cast<double>(context);
  double& cache = problem.serving_memory.kv_cache_tokens;
  if (cache != 0 && cache != tokens) {
    violations.AddNumber(
        "serving_memory.kv_cache_tokens",
        absl::StrCat("must be unset or serving_demand.concurrent_sequences * "
                     "context_tokens = ",
                     tokens),
        cache);
  }
  if (cache == 0 && tokens > kMostCacheTokens) {
    violations.AddNumber(field / "context_tokens",
                         "must not make a cache of more than 1e15 tokens",
                         tokens);
  }
  cache = tokens;
}

}  // namespace

double OrStandard(const FieldPath& field, double value, double standard,
                  double most, Violations& violations) {
  if (value == 0) return standard;
  if (violations.RequirePositiveFinite(field, value)) {
    violations.RequireWithin(field, value, 0, most);
  }
  return value;
}

void ConvertMemoryLimit(const v1::MemoryLimit& wire,
                        OptimalConfigProblem& problem, Violations& violations) {
  const FieldPath field("memory_limit");
  MemoryLimit limit;
  switch (wire.limit_case()) {
    case v1::MemoryLimit::kTotalParams:
      limit.kind = MemoryLimitKind::kParams;
      limit.value = wire.total_params();
      violations.RequireWithin(field / "total_params", limit.value, 1,
                               kMostParams);
      break;
    case v1::MemoryLimit::kElements:
      limit.kind = MemoryLimitKind::kElements;
      limit.value = wire.elements();
      violations.RequireWithin(field / "elements", limit.value, 1, kMostParams);
      break;
    case v1::MemoryLimit::kBytes:
      limit.kind = MemoryLimitKind::kBytes;
      violations.RequireIntegerWithin(field / "bytes", wire.bytes(), 1,
                                      int64_t{1} << 60);
      limit.value = static_cast<double>(wire.bytes());
      break;
    case v1::MemoryLimit::kAsDenseModel:
      limit = DenseModelLimit(field / "as_dense_model", wire.as_dense_model(),
                              violations);
      break;
    case v1::MemoryLimit::LIMIT_NOT_SET:
      violations.Add(field,
                     "must be set to one of total_params, elements, bytes and "
                     "as_dense_model");
  }
  problem.memory_limit = std::move(limit);
}

void ConvertServingMemory(const v1::ServingMemory& wire,
                          OptimalConfigProblem& problem,
                          Violations& violations) {
  const FieldPath field("serving_memory");
  ServingMemoryAccounting& memory = problem.serving_memory;
  violations.RequireWithin(field / "kv_cache_tokens", wire.kv_cache_tokens(), 0,
                           kMostCacheTokens);
  memory.kv_cache_tokens = wire.kv_cache_tokens();
  memory.bytes_per_weight =
      OrStandard(field / "bytes_per_weight", wire.bytes_per_weight(), 2,
                 kMostElementBytes, violations);
  memory.bytes_per_cache_element = OrStandard(field / "bytes_per_cache_element",
                                              wire.bytes_per_cache_element(), 2,
                                              kMostElementBytes, violations);
  // Smaller than any number format; core could not tell it from nothing.
  constexpr double kLeastElementBytes = 1e-3;
  violations.RequireWithin(field / "bytes_per_weight", memory.bytes_per_weight,
                           kLeastElementBytes, HUGE_VAL);
  violations.RequireWithin(field / "bytes_per_cache_element",
                           memory.bytes_per_cache_element, kLeastElementBytes,
                           HUGE_VAL);
}

void ConvertTokenSupply(const v1::TokenSupply& wire,
                        OptimalConfigProblem& problem, Violations& violations) {
  const FieldPath field("token_supply");
  if (wire.available_training_tokens() != 0) {
    violations.RequireWithin(field / "available_training_tokens",
                             wire.available_training_tokens(), 1,
                             kMostServedTokens);
    problem.available_training_tokens = wire.available_training_tokens();
  }
  if (wire.max_epochs() != 0) {
    violations.RequireWithin(field / "max_epochs", wire.max_epochs(), 1, 1000);
  }
  if (!wire.repetition_transform().empty() && !(wire.max_epochs() > 1)) {
    violations.Add(field / "repetition_transform",
                   "must be empty unless max_epochs is above 1",
                   wire.repetition_transform());
  }
}

void ConvertServingDemand(const v1::ServingDemand& wire, bool has_hardware,
                          OptimalConfigProblem& problem,
                          Violations& violations) {
  const FieldPath field("serving_demand");
  violations.RequireWithin(field / "prefill_tokens", wire.prefill_tokens(), 0,
                           kMostServedTokens);
  violations.RequireWithin(field / "decode_tokens", wire.decode_tokens(), 0,
                           kMostServedTokens);
  problem.served_tokens = wire.prefill_tokens() + wire.decode_tokens();
  EnumFromWire(kCouplings, field / "coupling", wire.coupling(), violations);
  const bool weighted = wire.coupling() == v1::SERVING_COUPLING_WEIGHTED_COST;
  const bool limited = wire.coupling() == v1::SERVING_COUPLING_LIMIT;
  if (weighted) {
    violations.RequirePositiveFinite(field / "cost_weight", wire.cost_weight());
  } else if (wire.cost_weight() != 0) {
    violations.AddNumber(field / "cost_weight",
                         "must be unset unless coupling is WEIGHTED_COST",
                         wire.cost_weight());
  }
  if (limited) {
    violations.RequireWithin(field / "serving_flops_limit",
                             wire.serving_flops_limit(), 1, kMostFlops);
  } else if (wire.serving_flops_limit() != 0) {
    violations.AddNumber(field / "serving_flops_limit",
                         "must be unset unless coupling is LIMIT",
                         wire.serving_flops_limit());
  }
  violations.RequireIntegerWithin(field / "activation_bits",
                                  wire.activation_bits(), 0, 64);
  if (wire.max_seconds_per_output_token() != 0) {
    violations.RequireWithin(field / "max_seconds_per_output_token",
                             wire.max_seconds_per_output_token(), 1e-9, 1e6);
  }
  ConvertSequences(wire, has_hardware, problem, violations);
}

}  // namespace moeplan::server
