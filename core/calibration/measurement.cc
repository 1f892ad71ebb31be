#include "core/calibration/measurement.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "absl/strings/match.h"
#include "core/base/checked.h"
#include "core/base/field_path.h"

namespace moeplan {
namespace {

constexpr int64_t kLargestSize = int64_t{1} << 40;
constexpr int64_t kLongestText = 256;

// Adds what is wrong with the sizes of an operation.
class SizeCheck {
 public:
  SizeCheck(const FieldPath& field, Violations& violations)
      : field_(field), violations_(violations) {}

  void operator()(const Gemm& op) {
    Size("m", op.m);
    Size("n", op.n);
    Size("k", op.k);
  }
  void operator()(const GroupedGemm& op) {
    Rows(op.rows_per_expert);
    Size("in_width", op.in_width);
    Size("out_width", op.out_width);
  }
  void operator()(const AttentionCore& op) {
    Size("sequences", op.sequences);
    Size("query_tokens", op.query_tokens);
    violations_.RequireIntegerWithin(field_ / "context_tokens",
                                     op.context_tokens, op.query_tokens,
                                     kLargestSize);
    violations_.RequireIntegerWithin(field_ / "window", op.window, 0,
                                     kLargestSize);
    Size("heads", op.heads);
    Size("kv_heads", op.kv_heads);
    Size("key_dim", op.key_dim);
    Size("value_dim", op.value_dim);
  }
  void operator()(const Routing& op) {
    Size("tokens", op.tokens);
    Size("experts", op.experts);
    violations_.RequireIntegerWithin(field_ / "experts_per_token",
                                     op.experts_per_token, 1, op.experts);
    Size("d_model", op.d_model);
  }
  void operator()(const Elementwise& op) {
    Size("elements_read", op.elements_read);
    Size("elements_written", op.elements_written);
  }
  void operator()(const CrossEntropy& op) {
    Size("tokens", op.tokens);
    Size("vocabulary_size", op.vocabulary_size);
  }
  void operator()(const OptimizerStep& op) { Size("params", op.params); }
  void operator()(const Copy& op) { Size("bytes", op.bytes); }
  void operator()(const Launch&) {}
  void operator()(const MoeBlock& op) {
    const int64_t before = violations_.count();
    Size("tokens", op.tokens);
    Size("d_model", op.d_model);
    Size("expert_width", op.expert_width);
    Rows(op.rows_per_expert);
    violations_.RequireIntegerWithin(
        field_ / "experts_per_token", op.experts_per_token, 1,
        static_cast<int64_t>(op.rows_per_expert.size()));
    if (violations_.count() == before) BlockRows(op);
  }

 private:
  // Rows go where the router sends them, none gets lost. Their sum and the
  // product stay below 2^57, for each factor was checked.
  void BlockRows(const MoeBlock& op) {
    const int64_t rows = std::accumulate(op.rows_per_expert.begin(),
                                         op.rows_per_expert.end(), int64_t{0});
    if (rows != op.tokens * op.experts_per_token) {
      violations_.AddInteger(field_ / "rows_per_expert",
                             "must sum to tokens * experts_per_token", rows);
    }
    const double elements =
        static_cast<double>(rows) * static_cast<double>(op.expert_width);
    if (elements > kMostBlockElements) {
      violations_.AddInteger(
          field_ / "expert_width",
          "must be at most 2^60 over the rows of all experts", op.expert_width);
    }
  }
  void Size(absl::string_view name, int64_t value) {
    violations_.RequireIntegerWithin(field_ / name, value, 1, kLargestSize);
  }
  void Rows(const std::vector<int64_t>& rows) {
    const FieldPath field = field_ / "rows_per_expert";
    if (rows.empty() || static_cast<int64_t>(rows.size()) > kMostExperts) {
      violations_.AddInteger(field, "must hold 1 to 65536 experts",
                             static_cast<int64_t>(rows.size()));
    }
    bool has_rows = false;
    for (size_t i = 0; i < rows.size(); ++i) {
      violations_.RequireIntegerWithin(field[static_cast<int64_t>(i)], rows[i],
                                       0, kLargestSize);
      has_rows = has_rows || rows[i] > 0;
    }
    if (!has_rows) violations_.Add(field, "must give some expert a row");
  }

  const FieldPath& field_;
  Violations& violations_;
};

void CheckTiming(const Timing& timing, const FieldPath& field,
                 Violations& violations) {
  if (!violations.RequirePositiveFinite(field / "median_seconds",
                                        timing.median_seconds)) {
    return;
  }
  violations.RequireWithin(field / "lower_seconds", timing.lower_seconds,
                           std::numeric_limits<double>::min(),
                           timing.median_seconds);
  if (!IsFinite(timing.upper_seconds) ||
      timing.upper_seconds < timing.median_seconds) {
    violations.AddNumber(field / "upper_seconds",
                         "must be finite and at least median_seconds",
                         timing.upper_seconds);
  }
  violations.RequireNonNegativeFinite(field / "iqr_seconds",
                                      timing.iqr_seconds);
  violations.RequireIntegerWithin(field / "sample_count", timing.sample_count,
                                  kLeastSamples,
                                  std::numeric_limits<int32_t>::max());
  violations.RequireIntegerWithin(field / "discarded_count",
                                  timing.discarded_count, 0,
                                  std::numeric_limits<int32_t>::max());
  if (timing.drift_ratio.has_value()) {
    violations.RequirePositiveFinite(field / "drift_ratio",
                                     *timing.drift_ratio);
  }
}

// The rate of a passed case against the peak of its number format.
void CheckPeak(const Measurement& measurement,
               const std::vector<ClockTruePeak>& peaks, const FieldPath& field,
               Violations& violations) {
  for (const ClockTruePeak& peak : peaks) {
    if (peak.dtype != measurement.dtype) continue;
    const double flops =
        CostOf(measurement.operation, ElementBytes(measurement.dtype)).flops;
    const double rate = flops / measurement.timing->median_seconds;
    if (rate > peak.flops_per_second * (1 + kPeakTolerance)) {
      violations.AddNumber(field / "timing",
                           "must not mean a rate above the clock-true peak: "
                           "the count or the timer is wrong",
                           rate);
    }
  }
}

void CheckMeasurement(const Measurement& measurement,
                      const std::vector<ClockTruePeak>& peaks,
                      const FieldPath& field, Violations& violations) {
  const int64_t before = violations.count();
  if (ElementBytes(measurement.dtype) == 0) {
    violations.Add(field / "dtype", "must be bf16, fp16, f32, tf32, fp8 or f64",
                   measurement.dtype);
  }
  const FieldPath operation = field / "operation";
  std::visit(SizeCheck(operation, violations), measurement.operation);
  const bool passed = measurement.disposition == Disposition::kPassed;
  if (passed != measurement.timing.has_value()) {
    violations.Add(field / "timing",
                   passed ? "must be set with disposition PASSED"
                          : "must not be set without disposition PASSED");
    return;
  }
  if (!passed) return;
  CheckTiming(*measurement.timing, field / "timing", violations);
  if (violations.count() == before) {
    CheckPeak(measurement, peaks, field, violations);
  }
}

void CheckDevice(const DeviceIdentity& device, Violations& violations) {
  const FieldPath field = "device";
  violations.RequireNonEmpty(field / "product", device.product);
  violations.RequireIntegerWithin(field / "multiprocessor_count",
                                  device.multiprocessor_count, 1, 1000000);
  violations.RequireIntegerWithin(field / "memory_bytes", device.memory_bytes,
                                  1, std::numeric_limits<int64_t>::max());
  violations.RequireIntegerWithin(field / "l2_bytes", device.l2_bytes, 0,
                                  std::numeric_limits<int64_t>::max());
}

}  // namespace

double ElementBytes(const std::string& dtype) {
  if (dtype == "bf16" || dtype == "fp16") return 2;
  if (dtype == "f32" || dtype == "tf32") return 4;
  if (dtype == "fp8") return 1;
  if (dtype == "f64") return 8;
  return 0;
}

void CheckCalibration(const Calibration& calibration, Violations& violations) {
  CheckDevice(calibration.device, violations);
  for (size_t i = 0; i < calibration.peaks.size(); ++i) {
    const FieldPath peaks = "peaks";
    violations.RequirePositiveFinite(
        peaks[static_cast<int64_t>(i)] / "flops_per_second",
        calibration.peaks[i].flops_per_second);
  }
  const int64_t count = static_cast<int64_t>(calibration.measurements.size());
  const FieldPath measurements = "measurements";
  if (count < 1 || count > kMostMeasurements) {
    violations.AddInteger(measurements, "must hold 1 to 20000 measurements",
                          count);
    return;
  }
  std::set<std::string> names;
  for (int64_t i = 0; i < count; ++i) {
    const Measurement& measurement =
        calibration.measurements[static_cast<size_t>(i)];
    const FieldPath field = measurements[i];
    const int64_t length = static_cast<int64_t>(measurement.case_name.size());
    if (length < 1 || length > kLongestText) {
      violations.Add(field / "case_name", "must have 1 to 256 characters",
                     measurement.case_name);
    } else if (!names.insert(measurement.case_name).second) {
      violations.Add(field / "case_name", "must be unique",
                     measurement.case_name);
    }
    CheckMeasurement(measurement, calibration.peaks, field, violations);
  }
  if (calibration.end_unix_micros < calibration.start_unix_micros) {
    violations.Add("measure_end_time", "must not be before measure_start_time");
  }
}

}  // namespace moeplan
