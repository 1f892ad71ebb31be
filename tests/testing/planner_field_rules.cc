// The requests of PlannerService, as proto/moeplan/v1 comments them.
#include "tests/testing/field_rules.h"

namespace moeplan::testing {
namespace {

using Text = FieldRule::Text;

std::map<std::string, FieldRule> PredictFieldRules() {
  return {
      {"PredictRequest.coefficient_set", {.text = Text::kName}},
      {"PredictRequest.shape_points",
       {.required = true, .illegal_when_empty = true}},
      {"PredictRequest.point_columns",
       {.required = true, .illegal_when_empty = true}},
      {"PredictRequest.include_intervals", {}},
      {"PredictRequest.include_gradients", {}},
      {"PredictRequest.strict", {}},
      {"ShapePoints.points", {.fewest = 1, .most = 50000}},
      {"ShapePoint.shape", {.required = true, .illegal_when_empty = true}},
      {"ShapePoint.training_tokens", {.low = 1, .high = 1e20}},
      // Exactly one of the two is given.
      {"PointColumns.law_params",
       {.low = 1, .high = 1e18, .column = true, .required = true}},
      {"PointColumns.active_params",
       {.low = 1, .high = 1e18, .column = true, .required = true}},
      {"PointColumns.training_tokens",
       {.low = 1, .high = 1e20, .column = true, .required = true}},
      {"PointColumns.expansion_rate",
       {.low = 1,
        .high = 1e6,
        .column = true,
        .may_be_absent = true,
        .coupled = true}},
      {"PointColumns.granularity",
       {.low = 1,
        .high = 1e6,
        .column = true,
        .may_be_absent = true,
        .coupled = true}},
  };
}

std::map<std::string, FieldRule> OptimalConfigFieldRules() {
  return {
      {"OptimalConfigRequest.coefficient_set", {.text = Text::kName}},
      {"OptimalConfigRequest.dense_coefficient_set", {.text = Text::kName}},
      {"OptimalConfigRequest.objective", {.required = true, .coupled = true}},
      {"OptimalConfigRequest.target_loss",
       {.low = 0,
        .high = 1000,
        .low_is_open = true,
        .zero_is_unset = true,
        .coupled = true}},
      {"OptimalConfigRequest.budget",
       {.illegal_when_empty = true, .coupled = true}},
      {"OptimalConfigRequest.memory_limit", {.illegal_when_empty = true}},
      {"OptimalConfigRequest.serving_memory", {}},
      {"OptimalConfigRequest.token_supply", {.coupled = true}},
      {"OptimalConfigRequest.serving_demand", {.illegal_when_empty = true}},
      {"OptimalConfigRequest.training_setup",
       {.illegal_when_empty = true, .unserved = true}},
      {"OptimalConfigRequest.search_space", {}},
      {"OptimalConfigRequest.loss_tolerance",
       {.low = 1e-12, .high = 10, .zero_is_unset = true}},
      {"OptimalConfigRequest.alternative_count", {.low = 0, .high = 4096}},
      {"OptimalConfigRequest.include_cells", {}},
      {"OptimalConfigRequest.candidate",
       {.illegal_when_empty = true, .coupled = true}},
      {"OptimalConfigRequest.max_extrapolation_decades", {.low = 0}},
      {"OptimalConfigRequest.strict", {}},
      {"OptimalConfigRequest.pareto_point_count",
       {.low = 0, .high = 1000, .coupled = true}},
      {"OptimalConfigRequest.learning_rate_by_non_embedding_params", {}},
  };
}

std::map<std::string, FieldRule> SearchFieldRules() {
  return {
      {"SearchSpace.expansion_rates",
       {.low = 1, .high = 1e6, .most = 64, .no_duplicates = true}},
      {"SearchSpace.granularities",
       {.low = 1, .high = 1e6, .most = 64, .no_duplicates = true}},
      {"SearchSpace.routing_flops_per_router_param", {.low = 0, .high = 1e6}},
      {"SearchSpace.smallest_shape", {.coupled = true}},
      {"SearchSpace.any_shape", {.coupled = true}},
      {"SearchSpace.realisable", {.coupled = true}},
      {"SearchSpace.shape_rules", {.coupled = true}},
      {"SmallestShape.d_model",
       {.low = 0, .high = 1e9, .low_is_open = true, .zero_is_unset = true}},
      {"SmallestShape.block_count",
       {.low = 0, .high = 1e9, .low_is_open = true, .zero_is_unset = true}},
      {"ShapeRules.head_dim", {.low = 1, .high = 65536, .zero_is_unset = true}},
      {"ShapeRules.width_multiple",
       {.low = 1, .high = 65536, .zero_is_unset = true}},
      {"ShapeRules.min_layer_count",
       {.low = 1, .high = 100000, .zero_is_unset = true, .coupled = true}},
      {"ShapeRules.max_layer_count",
       {.low = 1, .high = 100000, .zero_is_unset = true, .coupled = true}},
      {"ShapeRules.query_heads_per_kv_head",
       {.low = 1, .high = 65536, .zero_is_unset = true}},
      {"ShapeRules.shared_experts", {.low = 0, .high = 65536}},
      {"ShapeRules.dense_first_layer_count", {.low = 0, .high = 100000}},
      {"ShapeRules.max_routed_experts", {.low = 0, .high = 1048576}},
      {"Candidate.shape", {.required = true, .illegal_when_empty = true}},
      {"Candidate.point", {.required = true, .illegal_when_empty = true}},
      // With device time, 0 is what that buys.
      {"Candidate.training_tokens",
       {.low = 1, .high = 1e20, .zero_is_unset = true, .coupled = true}},
      // A layout has to be able to split the model.
      {"CandidatePoint.active_params",
       {.low = 1, .high = 1e18, .coupled = true}},
      {"CandidatePoint.expansion_rate",
       {.low = 1, .high = 1e6, .zero_is_unset = true}},
      {"CandidatePoint.granularity",
       {.low = 1, .high = 1e6, .zero_is_unset = true}},
  };
}

std::map<std::string, FieldRule> HardwareFieldRules() {
  return {
      {"HardwareBudget.options", {.fewest = 1, .most = 64}},
      {"HardwareBudget.wall_duration",
       {.required = true, .illegal_when_empty = true}},
      // Together above 0 and at most 10 years; negative is illegal.
      {"Duration.seconds", {.low = 0, .coupled = true}},
      {"Duration.nanos", {.low = 0, .high = 999999999, .coupled = true}},
      {"HardwareBudget.goodput", {.low = 1e-9, .high = 1}},
      {"HardwareOption.calibration",
       {.text = Text::kCalibrationName, .required = true}},
      {"HardwareOption.selector",
       {.required = true, .illegal_when_empty = true}},
      // The training setup may name a layout of another number of devices.
      {"HardwareOption.device_count",
       {.low = 1, .high = 1e6, .unserved = true}},
      {"HardwareOption.price_per_hour", {.low = 0, .high = 1e12}},
      {"HardwareOption.label", {.longest = 128}},
      // A product or format that was not measured is NOT_FOUND.
      {"CalibrationSelector.product",
       {.longest = 128, .required = true, .coupled = true}},
      {"CalibrationSelector.dtype",
       {.text = Text::kKnown, .required = true, .coupled = true}},
  };
}

std::map<std::string, FieldRule> LimitFieldRules() {
  return {
      {"ComputeBudget.train_flops", {.low = 1, .high = 1e40, .required = true}},
      {"ComputeBudget.hardware",
       {.required = true, .illegal_when_empty = true}},
      {"ServingMemory.kv_cache_tokens",
       {.low = 0, .high = 1e15, .coupled = true}},
      {"ServingMemory.bytes_per_weight",
       {.low = 0.001, .high = 16, .zero_is_unset = true}},
      {"ServingMemory.bytes_per_cache_element",
       {.low = 0.001, .high = 16, .zero_is_unset = true}},
      {"MemoryLimit.total_params", {.low = 1, .high = 1e18, .required = true}},
      {"MemoryLimit.elements", {.low = 1, .high = 1e18, .required = true}},
      {"MemoryLimit.bytes", {.low = 1, .high = 0x1p60, .required = true}},
      {"MemoryLimit.as_dense_model",
       {.required = true, .illegal_when_empty = true}},
      {"DenseModelReference.active_params",
       {.low = 1, .high = 1e18, .required = true}},
      {"DenseModelReference.d_model",
       {.low = 1, .high = 1e9, .required = true}},
      {"DenseModelReference.shape",
       {.required = true, .illegal_when_empty = true}},
      {"TokenSupply.available_training_tokens",
       {.low = 1, .high = 1e30, .zero_is_unset = true, .coupled = true}},
      {"TokenSupply.max_epochs",
       {.low = 1, .high = 1000, .zero_is_unset = true, .coupled = true}},
      // Only together with max_epochs above 1.
      {"TokenSupply.repetition_transform", {.longest = 0}},
      {"ServingDemand.prefill_tokens", {.low = 0, .high = 1e30}},
      {"ServingDemand.decode_tokens", {.low = 0, .high = 1e30}},
      {"ServingDemand.coupling", {.required = true, .coupled = true}},
      {"ServingDemand.cost_weight",
       {.low = 0, .low_is_open = true, .zero_is_unset = true, .coupled = true}},
      {"ServingDemand.serving_flops_limit",
       {.low = 1, .high = 1e40, .zero_is_unset = true, .coupled = true}},
      {"ServingDemand.concurrent_sequences",
       {.low = 1, .high = 0x1p30, .zero_is_unset = true, .coupled = true}},
      {"ServingDemand.context_tokens",
       {.low = 1, .high = 0x1p30, .zero_is_unset = true, .coupled = true}},
      {"ServingDemand.activation_bits",
       {.low = 1, .high = 64, .zero_is_unset = true}},
      {"ServingDemand.max_seconds_per_output_token",
       {.low = 1e-9, .high = 1e6, .zero_is_unset = true, .unserved = true}},
      {"ServingDemand.hardware",
       {.illegal_when_empty = true, .unserved = true}},
  };
}

std::map<std::string, FieldRule> FitRequestFieldRules() {
  return {
      {"FitFromRunsRequest.runs",
       {.required = true, .illegal_when_empty = true}},
      {"FitFromRunsRequest.convention",
       {.required = true, .illegal_when_empty = true}},
      {"FitFromRunsRequest.families",
       {.text = Text::kKnown,
        .fewest = 1,
        .no_duplicates = true,
        .required = true,
        .coupled = true}},
      {"FitFromRunsRequest.fixed_coefficients", {.no_duplicates = true}},
      {"FitFromRunsRequest.initial_coefficients",
       {.no_duplicates = true, .coupled = true}},
      {"FitFromRunsRequest.loss_function", {}},
      {"FitFromRunsRequest.hold_out", {.illegal_when_empty = true}},
      {"FitFromRunsRequest.start_count",
       {.low = 1, .high = 10000, .zero_is_unset = true}},
      {"FitFromRunsRequest.bootstrap_draw_count", {.low = 0, .high = 10000}},
      {"FitFromRunsRequest.interval_level",
       {.low = 0,
        .high = 1,
        .low_is_open = true,
        .high_is_open = true,
        .zero_is_unset = true}},
      {"FitFromRunsRequest.seed", {.low = 0}},
      {"FitFromRunsRequest.coefficient_set_id",
       {.text = Text::kId, .coupled = true}},
      {"FitFromRunsRequest.display_name", {.longest = 200}},
      {"FitFromRunsRequest.run_source", {.longest = 2000}},
      {"FitFromRunsRequest.request_id", {.text = Text::kUuid}},
      {"FitFromRunsRequest.bootstrap_by_group", {}},
      {"FitFromRunsRequest.include_fitted_losses", {}},
  };
}

std::map<std::string, FieldRule> RunColumnFieldRules() {
  return {
      {"RunColumns.active_params",
       {.low = 0,
        .high = 1e18,
        .low_is_open = true,
        .column = true,
        .required = true,
        .coupled = true}},
      {"RunColumns.total_params",
       {.low = 0,
        .high = 1e18,
        .low_is_open = true,
        .column = true,
        .may_be_absent = true,
        .coupled = true}},
      {"RunColumns.training_tokens",
       {.low = 0,
        .high = 1e18,
        .low_is_open = true,
        .column = true,
        .required = true}},
      {"RunColumns.expansion_rate",
       {.low = 1, .high = 1e6, .column = true, .may_be_absent = true}},
      {"RunColumns.granularity",
       {.low = 1, .high = 1e6, .column = true, .may_be_absent = true}},
      {"RunColumns.loss",
       {.low = 0,
        .high = 1000,
        .low_is_open = true,
        .column = true,
        .required = true}},
      {"RunColumns.weight",
       {.low = 0,
        .high = 1e9,
        .column = true,
        .may_be_absent = true,
        .coupled = true}},
      // A hold-out rule may name a group that a change takes away.
      {"RunColumns.group",
       {.longest = 256,
        .column = true,
        .may_be_absent = true,
        .coupled = true}},
      {"RunColumns.tag",
       {.longest = 256, .column = true, .may_be_absent = true}},
  };
}

std::map<std::string, FieldRule> FitDetailFieldRules() {
  return {
      {"NamedValue.name", {.text = Text::kKnown, .required = true}},
      {"NamedValue.value", {.coupled = true}},
      {"FitLossFunction.huber_delta",
       {.low = 0, .low_is_open = true, .zero_is_unset = true}},
      {"FitLossFunction.raw_loss_residuals", {}},
      {"HoldOutRule.lowest_loss_run_count",
       {.low = 1, .high = 17, .required = true}},
      {"HoldOutRule.lowest_loss_share",
       {.low = 0,
        .high = 1,
        .low_is_open = true,
        .high_is_open = true,
        .required = true}},
      {"HoldOutRule.groups", {.required = true, .illegal_when_empty = true}},
      {"HoldOutRule.at_least", {.required = true, .illegal_when_empty = true}},
      {"HoldOutRule.largest_values",
       {.required = true, .illegal_when_empty = true}},
      {"HoldOutRule.random_share",
       {.low = 0,
        .high = 1,
        .low_is_open = true,
        .high_is_open = true,
        .required = true}},
      {"HoldOutGroups.groups",
       {.text = Text::kKnown, .fewest = 1, .required = true}},
      {"HoldOutThreshold.variable", {.required = true}},
      {"HoldOutThreshold.threshold", {.low = 0, .low_is_open = true}},
      {"HoldOutLargest.variable", {.required = true, .coupled = true}},
      {"HoldOutLargest.value_count", {.low = 1, .high = 17, .coupled = true}},
  };
}

}  // namespace

std::map<std::string, FieldRule> PlannerFieldRules() {
  std::map<std::string, FieldRule> rules = PredictFieldRules();
  rules.merge(OptimalConfigFieldRules());
  rules.merge(SearchFieldRules());
  rules.merge(HardwareFieldRules());
  rules.merge(LimitFieldRules());
  rules.merge(FitRequestFieldRules());
  rules.merge(RunColumnFieldRules());
  rules.merge(FitDetailFieldRules());
  return rules;
}

}  // namespace moeplan::testing
