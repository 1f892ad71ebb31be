// CalibrationService, as proto/moeplan/v1 comments it.
#include "tests/testing/field_rules.h"

namespace moeplan::testing {
namespace {

using Text = FieldRule::Text;

constexpr double kMostSize = 0x1p40;
constexpr double kMostInt32 = 0x1p31 - 1;

std::map<std::string, FieldRule> RequestFieldRules() {
  return {
      {"CreateCalibrationRequest.calibration_id",
       {.text = Text::kId, .required = true}},
      {"CreateCalibrationRequest.calibration",
       {.required = true, .illegal_when_empty = true}},
      {"CreateCalibrationRequest.request_id", {.text = Text::kUuid}},
      {"GetCalibrationRequest.name",
       {.text = Text::kCalibrationName, .required = true}},
      {"ListCalibrationsRequest.page_size", {.low = 0}},
      {"ListCalibrationsRequest.page_token", {.text = Text::kToken}},
      {"ListCalibrationsRequest.product", {.longest = 256}},
      {"ListCalibrationsRequest.dtype", {.text = Text::kKnown}},
      {"DeleteCalibrationRequest.name",
       {.text = Text::kCalibrationName, .required = true}},
      {"DeleteCalibrationRequest.request_id", {.text = Text::kUuid}},
      {"ConvertBudgetRequest.calibration",
       {.text = Text::kCalibrationName, .required = true}},
      {"ConvertBudgetRequest.shape",
       {.required = true, .illegal_when_empty = true}},
      {"ConvertBudgetRequest.coefficient_set",
       {.text = Text::kName, .required = true}},
      {"ConvertBudgetRequest.training_setup", {.illegal_when_empty = true}},
      {"ConvertBudgetRequest.device_count",
       {.low = 1, .high = 1e6, .zero_is_unset = true, .unserved = true}},
      {"ConvertBudgetRequest.goodput", {.low = 1e-9, .high = 1}},
      {"ConvertBudgetRequest.dtype", {.text = Text::kKnown}},
      {"ConvertBudgetRequest.device_hours",
       {.low = 0, .high = 1e12, .low_is_open = true}},
      {"ConvertBudgetRequest.train_flops", {.low = 1, .high = 1e36}},
      {"ConvertBudgetRequest.device_bytes", {.low = 1, .high = 0x1p60}},
      // As many as take less than 2^63 bytes.
      {"ConvertBudgetRequest.total_params",
       {.low = 1, .high = 1e18, .coupled = true}},
  };
}

// Part of a setup is not served.
std::map<std::string, FieldRule> SetupFieldRules() {
  return {
      {"TrainingSetup.sequence_tokens",
       {.low = 1, .high = 16777216, .zero_is_unset = true}},
      {"TrainingSetup.global_batch_tokens",
       {.low = 1, .high = 0x1p40, .zero_is_unset = true}},
      {"TrainingSetup.optimizer", {.required = true, .unserved = true}},
      {"TrainingSetup.recomputation", {.required = true, .unserved = true}},
      {"TrainingSetup.fixed_layout",
       {.illegal_when_empty = true, .unserved = true}},
      {"TrainingSetup.layout_search", {.unserved = true}},
      {"TrainingSetup.device_memory_bytes",
       {.low = 1, .high = 0x1p50, .zero_is_unset = true, .unserved = true}},
      {"TrainingSetup.interconnect", {.illegal_when_empty = true}},
      {"Interconnect.devices_per_node", {.low = 1, .high = 65536}},
      {"Interconnect.intra_node_bytes_per_second", {.low = 1, .high = 1e18}},
      {"Interconnect.inter_node_bytes_per_second", {.low = 1, .high = 1e18}},
      {"Interconnect.latency_seconds", {.low = 0, .high = 1e6}},
      {"Interconnect.overlap_share", {.low = 0, .high = 1}},
      {"Interconnect.expert_imbalance",
       {.low = 1, .high = 1e6, .zero_is_unset = true}},
      {"Interconnect.dispatch_bytes_per_element",
       {.low = 0.001, .high = 16, .zero_is_unset = true}},
      {"Interconnect.one_copy_per_device", {}},
      // DEFAULT is not the caller's to say.
      {"Interconnect.source", {.coupled = true}},
      // expert_parallel divides their product.
      {"ParallelLayout.data_parallel",
       {.low = 1, .high = 1e6, .coupled = true, .unserved = true}},
      {"ParallelLayout.tensor_parallel",
       {.low = 1, .high = 4096, .coupled = true, .unserved = true}},
      {"ParallelLayout.pipeline_parallel",
       {.low = 1, .high = 4096, .unserved = true}},
      {"ParallelLayout.expert_parallel",
       {.low = 1, .high = 1e6, .coupled = true, .unserved = true}},
      {"ParallelLayout.stages_per_device",
       {.low = 1, .high = 4096, .zero_is_unset = true, .coupled = true}},
      {"ParallelLayout.micro_batch_sequences",
       {.low = 1, .high = 65536, .zero_is_unset = true}},
  };
}

std::map<std::string, FieldRule> MachineFieldRules() {
  return {
      {"Calibration.name", {.ignored = true}},
      {"Calibration.device", {.required = true, .illegal_when_empty = true}},
      {"Calibration.software", {.required = true, .illegal_when_empty = true}},
      {"Calibration.conditions",
       {.required = true, .illegal_when_empty = true}},
      {"Calibration.measurements",
       {.fewest = 1, .most = 20000, .no_duplicates = true}},
      {"Calibration.coverage_gaps", {.longest = 1024, .most = 256}},
      // One is not after the other.
      {"Calibration.measure_start_time", {.required = true, .coupled = true}},
      {"Calibration.measure_end_time", {.required = true, .coupled = true}},
      {"Calibration.checksum", {.ignored = true}},
      {"Calibration.create_time", {.ignored = true}},
      {"Calibration.peaks", {.no_duplicates = true}},
      {"Timestamp.seconds",
       {.low = -62135596800, .high = 253402300799, .coupled = true}},
      {"Timestamp.nanos", {.low = 0, .high = 999999999, .coupled = true}},
      {"DeviceIdentity.kind", {.required = true}},
      {"DeviceIdentity.product", {.longest = 256, .required = true}},
      {"DeviceIdentity.device_hash", {.longest = 256}},
      {"DeviceIdentity.multiprocessor_count", {.low = 1, .high = 1e6}},
      {"DeviceIdentity.memory_bytes", {.low = 1}},
      {"DeviceIdentity.l2_bytes", {.low = 0}},
      {"DeviceIdentity.power_limit_watts", {.low = 0, .low_is_open = true}},
      {"DeviceIdentity.ecc_enabled", {}},
      {"DeviceIdentity.partitioned", {}},
      {"SoftwareStack.worker_version", {.longest = 256, .required = true}},
      {"SoftwareStack.worker_revision", {.longest = 256, .required = true}},
      {"SoftwareStack.worker_dirty", {}},
      {"SoftwareStack.suite_hash", {.text = Text::kSha256, .required = true}},
      {"SoftwareStack.driver_version", {.longest = 256}},
      {"SoftwareStack.runtime_version", {.longest = 256}},
      {"SoftwareStack.library_versions", {.longest = 256, .most = 64}},
      {"MeasuringConditions.regime", {.required = true}},
      {"MeasuringConditions.compute_clock_hertz",
       {.low = 0, .low_is_open = true}},
      {"MeasuringConditions.memory_clock_hertz",
       {.low = 0, .low_is_open = true}},
      {"MeasuringConditions.power_watts", {.low = 0, .low_is_open = true}},
      {"MeasuringConditions.temperature_celsius", {}},
      {"MeasuringConditions.throttle_reasons", {.longest = 256, .most = 64}},
      {"MeasuringConditions.contended", {}},
      {"MeasuringConditions.seed", {}},
  };
}

std::map<std::string, FieldRule> MeasurementFieldRules() {
  return {
      {"ClockTruePeak.dtype", {.text = Text::kKnown, .required = true}},
      {"ClockTruePeak.flops_per_second",
       {.low = 0, .low_is_open = true, .coupled = true}},
      // Sizes and passes go with the operation.
      {"Measurement.operation", {.required = true, .coupled = true}},
      {"Measurement.case_name", {.longest = 256, .required = true}},
      {"Measurement.dtype", {.text = Text::kKnown, .required = true}},
      {"Measurement.backend", {.longest = 64}},
      {"Measurement.pass", {.required = true, .coupled = true}},
      // Those of the operations that the valid request begins and ends with.
      {"Measurement.dimensions",
       {.fewest = 2, .most = 2, .no_duplicates = true}},
      {"Measurement.rows_per_expert",
       {.low = 0,
        .high = kMostSize,
        .fewest = 1,
        .most = 65536,
        .coupled = true}},
      {"Measurement.disposition", {.required = true, .coupled = true}},
      {"Measurement.disposition_reason", {.longest = 1024}},
      {"Measurement.timing", {.required = true, .illegal_when_empty = true}},
      // What follows from the shape, or nothing.
      {"Measurement.model_flops", {.low = 0, .coupled = true}},
      {"Measurement.executed_flops", {.low = 0}},
      {"Measurement.min_moved_bytes", {.low = 0, .coupled = true}},
      {"Measurement.counted_moved_bytes", {.low = 0}},
      {"Measurement.peak_memory_bytes", {.low = 0}},
      {"Dimension.name", {.text = Text::kKnown, .required = true}},
      {"Dimension.value", {.low = 1, .high = kMostSize, .coupled = true}},
      // lower <= median <= upper, and no rate above the peak.
      {"Timing.median_seconds",
       {.low = 0, .low_is_open = true, .coupled = true}},
      {"Timing.lower_seconds",
       {.low = 0, .low_is_open = true, .coupled = true}},
      {"Timing.upper_seconds",
       {.low = 0, .low_is_open = true, .coupled = true}},
      {"Timing.iqr_seconds", {.low = 0}},
      {"Timing.sample_count", {.low = 10, .high = kMostInt32}},
      {"Timing.discarded_count", {.low = 0, .high = kMostInt32}},
      {"Timing.drift_ratio", {.low = 0, .low_is_open = true}},
  };
}

}  // namespace

std::map<std::string, FieldRule> CalibrationFieldRules() {
  std::map<std::string, FieldRule> rules = RequestFieldRules();
  rules.merge(SetupFieldRules());
  rules.merge(MachineFieldRules());
  rules.merge(MeasurementFieldRules());
  return rules;
}

}  // namespace moeplan::testing
