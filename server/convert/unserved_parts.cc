#include "server/convert/unserved_parts.h"

#include <algorithm>

#include "server/rpc/status.h"

namespace moeplan::server {
namespace {

constexpr int64_t kMostContextTokens = int64_t{1} << 24;
constexpr double kMostElementBytes = 8;

absl::Status CheckServingDemand(const v1::ServingDemand& demand,
                                const OptimalConfigQuery& query) {
  if (demand.coupling() == v1::SERVING_COUPLING_WEIGHTED_COST ||
      demand.coupling() == v1::SERVING_COUPLING_LIMIT) {
    return NotServedError(
        "serving_demand.coupling",
        "this server plans with SERVING_COUPLING_IN_BUDGET only, where "
        "training and serving share the budget");
  }
  if (demand.activation_bits() != 0) {
    return NotServedError(
        "serving_demand.activation_bits",
        "this server does not model activations; serving memory is weights "
        "and KV cache");
  }
  if (demand.has_hardware()) {
    return NotServedError(
        "serving_demand.hardware",
        "this server does not serve on other machines than it trains on; "
        "leave it out, and with a budget of device time those serve");
  }
  if (!query.serving.has_value()) {
    if (demand.max_seconds_per_output_token() == 0) return absl::OkStatus();
    return NotServedError(
        "serving_demand.max_seconds_per_output_token",
        "this server knows the time of serving only for a budget of device "
        "time (budget.hardware); else serving is counted in FLOPs and bytes");
  }
  if (query.serving->context_tokens > kMostContextTokens) {
    return NotServedError("serving_demand.context_tokens",
                          "this server times contexts of up to 2^24 tokens");
  }
  const double most_bytes = std::max(query.serving->bytes_per_weight,
                                     query.serving->bytes_per_cache_element);
  if (most_bytes > kMostElementBytes) {
    return NotServedError("serving_memory",
                          "this server times the serving of elements of up to "
                          "8 bytes");
  }
  return absl::OkStatus();
}

absl::Status CheckSearchSpace(const v1::SearchSpace& space) {
  if (space.realisable()) {
    return NotServedError(
        "search_space.realisable",
        "this server gives the continuous optimum; shapes that can be built "
        "are to come");
  }
  return absl::OkStatus();
}

// What device time cannot be combined with yet, and what only it makes sense
// of.
absl::Status CheckHardware(const v1::OptimalConfigRequest& wire,
                           const OptimalConfigQuery& query) {
  if (!query.hardware.has_value()) {
    if (!wire.has_training_setup()) return absl::OkStatus();
    return NotServedError(
        "training_setup",
        "this server models training time only for a budget of device time "
        "(budget.hardware), and no training memory; leave it out");
  }
  struct Part {
    bool is_asked;
    absl::string_view field;
  };
  const Part parts[] = {
      {wire.objective() != v1::OBJECTIVE_LEAST_LOSS, "objective"},
      {wire.pareto_point_count() > 0, "pareto_point_count"},
  };
  for (const Part& part : parts) {
    if (!part.is_asked) continue;
    return NotServedError(
        part.field,
        "with a budget of device time (budget.hardware) this server answers "
        "OBJECTIVE_LEAST_LOSS without this; leave it out, or give "
        "budget.train_flops");
  }
  for (const HardwareOptionQuery& option : query.hardware->options) {
    absl::Status served =
        CheckTrainingSetupServed(wire.training_setup(), query.training_setup,
                                 /*asks_for_time=*/true, option.device_count);
    if (!served.ok()) return served;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckServed(const v1::OptimalConfigRequest& wire,
                         const OptimalConfigQuery& query) {
  if (wire.objective() == v1::OBJECTIVE_LEAST_TOTAL_COST) {
    return NotServedError(
        "objective",
        "this server does not price training and serving yet; ask for "
        "OBJECTIVE_LEAST_COMPUTE");
  }
  absl::Status hardware = CheckHardware(wire, query);
  if (!hardware.ok()) return hardware;
  if (wire.token_supply().max_epochs() > 1) {
    return NotServedError(
        "token_supply.max_epochs",
        "this server plans with every token seen once; repetition is to come");
  }
  absl::Status demand = CheckServingDemand(wire.serving_demand(), query);
  if (!demand.ok()) return demand;
  return CheckSearchSpace(wire.search_space());
}

}  // namespace moeplan::server
