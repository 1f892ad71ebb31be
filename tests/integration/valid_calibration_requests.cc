#include "absl/strings/str_cat.h"
#include "tests/integration/valid_requests.h"

namespace moeplan::testing {
namespace {

constexpr char kCalibrations[] = "CalibrationService";

// The first and the last measurement, which are changed field by field, have
// two sizes each; the other two are what a model of time needs.
constexpr char kMeasurements[] =
    "measurements { operation: OPERATION_KIND_GROUPED_GEMM "
    "  pass: OPERATION_PASS_WEIGHT_GRADIENT case_name: \"a\" dtype: \"bf16\" "
    "  backend: \"made up\" dimensions { name: \"in_width\" value: 64 } "
    "  dimensions { name: \"out_width\" value: 32 } rows_per_expert: 7 "
    "  rows_per_expert: 0 rows_per_expert: 9 disposition: DISPOSITION_PASSED "
    "  timing { median_seconds: 1e-3 lower_seconds: 9e-4 upper_seconds: 1.1e-3 "
    "    iqr_seconds: 1e-4 sample_count: 30 discarded_count: 2 "
    "    drift_ratio: 1.01 } model_flops: 65536 executed_flops: 70000 "
    "  min_moved_bytes: 11264 counted_moved_bytes: 12000 "
    "  peak_memory_bytes: 100000 } "
    "measurements { operation: OPERATION_KIND_GEMM pass: OPERATION_PASS_NONE "
    "  case_name: \"b\" dtype: \"bf16\" dimensions { name: \"m\" value: 512 } "
    "  dimensions { name: \"n\" value: 512 } "
    "  dimensions { name: \"k\" value: 512 } disposition: DISPOSITION_PASSED "
    "  timing { median_seconds: 1e-2 lower_seconds: 1e-2 upper_seconds: 1e-2 "
    "    sample_count: 30 } } "
    "measurements { operation: OPERATION_KIND_COPY pass: OPERATION_PASS_NONE "
    "  case_name: \"c\" dtype: \"bf16\" dimensions { name: \"bytes\" "
    "    value: 1048576 } disposition: DISPOSITION_PASSED timing { "
    "    median_seconds: 1e-3 lower_seconds: 1e-3 upper_seconds: 1e-3 "
    "    sample_count: 30 } } "
    "measurements { operation: OPERATION_KIND_ELEMENTWISE "
    "  pass: OPERATION_PASS_NONE case_name: \"d\" dtype: \"f32\" "
    "  dimensions { name: \"elements_read\" value: 1000 } "
    "  dimensions { name: \"elements_written\" value: 500 } "
    "  disposition: DISPOSITION_PASSED timing { median_seconds: 1e-5 "
    "    lower_seconds: 1e-5 upper_seconds: 1e-5 sample_count: 30 } "
    "  min_moved_bytes: 6000 } ";

std::string Create(const std::string& id) {
  return absl::StrCat(
      "calibration_id: \"", id,
      "\" calibration { device { kind: DEVICE_KIND_FAKE product: \"fake\" "
      "  device_hash: \"h\" multiprocessor_count: 132 "
      "  memory_bytes: 150000000000 l2_bytes: 1000000 power_limit_watts: 700 "
      "  ecc_enabled: true } software { worker_version: \"0.1.0\" "
      "  worker_revision: \"abc\" suite_hash: \"",
      std::string(64, 'a'),
      "\" driver_version: \"570\" runtime_version: \"13.1\" "
      "  library_versions: \"cublasLt 13.1.0\" } conditions { "
      "  regime: MEASURING_REGIME_SUSTAINED compute_clock_hertz: 1.9e9 "
      "  memory_clock_hertz: 3.2e9 power_watts: 690 temperature_celsius: 60 "
      "  throttle_reasons: \"sw_power_cap\" seed: 7 } peaks { "
      "  dtype: \"bf16\" flops_per_second: 1e12 } coverage_gaps: \"counters\" "
      "measure_start_time { seconds: 1 } measure_end_time { seconds: 2 } ",
      kMeasurements, "}");
}

std::string Convert(const std::string& budget) {
  return absl::StrCat(
      "calibration: \"calibrations/kept\" shape { d_model: 1024 "
      "  vocabulary_size: 50257 tied_embeddings: true layer_groups { "
      "  layer_count: 12 gqa { heads: 8 head_dim: 128 } dense { width: 4096 "
      "  gated: false biased: true } } } "
      "coefficient_set: \"coefficientSets/chinchilla-2024-besiroglu\" "
      "device_count: 8 goodput: 0.9 training_setup { sequence_tokens: 1024 "
      "  global_batch_tokens: 4194304 optimizer: OPTIMIZER_ADAMW "
      "  recomputation: RECOMPUTATION_SELECTIVE fixed_layout { "
      "  data_parallel: 8 tensor_parallel: 1 pipeline_parallel: 1 "
      "  expert_parallel: 1 micro_batch_sequences: 2 } } ",
      budget);
}

}  // namespace

ValidRequest RequestForKeptCalibration() {
  return {kCalibrations, "CreateCalibration", Create("kept")};
}

std::vector<ValidRequest> ValidCalibrationRequests() {
  const auto one = [](const std::string& rpc, const std::string& text,
                      grpc::StatusCode code = grpc::StatusCode::OK) {
    return ValidRequest{kCalibrations, rpc, text, code};
  };
  return {
      one("CreateCalibration", Create("mine")),
      one("GetCalibration", "name: \"calibrations/kept\""),
      one("ListCalibrations", "page_size: 3 product: \"fake\" dtype: \"bf16\""),
      one("DeleteCalibration", "name: \"calibrations/no-such\"",
          grpc::StatusCode::NOT_FOUND),
      one("ConvertBudget", Convert("device_hours: 100")),
      one("ConvertBudget", Convert("dtype: \"bf16\" train_flops: 1e20")),
      one("ConvertBudget", Convert("device_bytes: 85899345920")),
      one("ConvertBudget", Convert("total_params: 1e9")),
      // It has no measurement of a product in f32.
      one("ConvertBudget", Convert("dtype: \"f32\" train_flops: 1e20"),
          grpc::StatusCode::FAILED_PRECONDITION),
  };
}

}  // namespace moeplan::testing
