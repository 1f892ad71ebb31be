#include "server/convert/calibration_convert.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/convert/deterministic_bytes.h"
#include "server/convert/limits.h"
#include "server/convert/measurement_convert.h"
#include "server/convert/operation_convert.h"

namespace moeplan::server {
namespace {

constexpr int kMostGaps = 256;
constexpr size_t kLongestGap = 1024;
constexpr int64_t kMicrosPerSecond = 1000000;

// Measurements that were converted, and where each stood on the wire.
struct Converted {
  std::vector<Measurement> measurements;
  std::vector<int> places;
};

Converted MeasurementsFromWire(const FieldPath& field,
                               const v1::Calibration& wire,
                               Violations& violations) {
  Converted converted;
  const int count = wire.measurements_size();
  if (count < 1 || count > kMostMeasurements) {
    violations.AddInteger(field, "must hold 1 to 20000 measurements", count);
    return converted;
  }
  for (int i = 0; i < count; ++i) {
    std::optional<Measurement> one =
        MeasurementFromWire(field[i], wire.measurements(i), violations);
    if (!one.has_value()) continue;
    converted.measurements.push_back(*std::move(one));
    converted.places.push_back(i);
  }
  return converted;
}

std::vector<ClockTruePeak> PeaksFromWire(const FieldPath& field,
                                         const v1::Calibration& wire,
                                         Violations& violations) {
  std::vector<ClockTruePeak> peaks;
  std::set<std::string> seen;
  for (int i = 0; i < wire.peaks_size(); ++i) {
    const v1::ClockTruePeak& one = wire.peaks(i);
    const FieldPath here = field[i];
    if (ElementBytes(one.dtype()) == 0) {
      violations.Add(here / "dtype",
                     "must be bf16, fp16, f32, tf32, fp8 or f64", one.dtype());
    } else if (!seen.insert(one.dtype()).second) {
      violations.Add(here / "dtype", "must have one peak only", one.dtype());
    }
    peaks.push_back({one.dtype(), one.flops_per_second()});
  }
  return peaks;
}

int64_t MicrosFromWire(const FieldPath& field, bool is_set,
                       const google::protobuf::Timestamp& wire,
                       Violations& violations) {
  // 0001-01-01 to 9999-12-31, as google.protobuf.Timestamp says.
  constexpr int64_t kFirstSecond = -62135596800;
  constexpr int64_t kLastSecond = 253402300799;
  if (!is_set) {
    violations.Add(field, "must be set");
    return 0;
  }
  if (!violations.RequireIntegerWithin(field / "seconds", wire.seconds(),
                                       kFirstSecond, kLastSecond)) {
    return 0;
  }
  violations.RequireIntegerWithin(field / "nanos", wire.nanos(), 0, 999999999);
  return wire.seconds() * kMicrosPerSecond + wire.nanos() / 1000;
}

void MicrosToWire(int64_t micros, google::protobuf::Timestamp* wire) {
  int64_t seconds = micros / kMicrosPerSecond;
  int64_t rest = micros % kMicrosPerSecond;
  if (rest < 0) {
    rest += kMicrosPerSecond;
    --seconds;
  }
  wire->set_seconds(seconds);
  wire->set_nanos(static_cast<int32_t>(rest * 1000));
}

// What core says of the calibration that was converted, by the fields that the
// sender knows.
class CoreCheck {
 public:
  CoreCheck(const FieldPath& field, const v1::Calibration& wire,
            const std::vector<int>& places)
      : field_(field), wire_(wire), places_(places) {}

  void Run(const Calibration& calibration, Violations& violations) {
    Violations found;
    CheckCalibration(calibration, found);
    for (const Violation& violation : found.kept()) {
      // Counted on the wire, for those that could not be converted too.
      if (violation.field == "measurements") continue;
      violations.Add(field_ / WirePath(violation.field), violation.rule,
                     violation.value);
    }
    // Not kept, but counted.
    const int64_t kept = static_cast<int64_t>(found.kept().size());
    for (int64_t i = kept; i < found.count(); ++i) {
      violations.Add(field_, "breaks more rules than are listed");
    }
    // With more violations than are kept, the list is full.
    if (kept < found.count()) return;
    for (size_t i = 0; i < places_.size(); ++i) {
      const int place = places_[i];
      if (refused_.count(place) > 0) continue;
      const FieldPath measurements = field_ / "measurements";
      CheckStatedCost(measurements[place], wire_.measurements(place),
                      calibration.measurements[i], violations);
    }
  }

 private:
  // "measurements[1].operation.m" -> "measurements[2].dimensions[0].value",
  // where the second one was not converted.
  std::string WirePath(absl::string_view path) {
    absl::string_view rest = path;
    if (!absl::ConsumePrefix(&rest, "measurements[")) return std::string(path);
    int index = 0;
    const size_t end = rest.find(']');
    if (end == rest.npos || !absl::SimpleAtoi(rest.substr(0, end), &index)) {
      return std::string(path);
    }
    const int place = places_[static_cast<size_t>(index)];
    refused_.insert(place);
    rest.remove_prefix(end + 1);
    if (!absl::ConsumePrefix(&rest, ".operation.")) {
      return absl::StrCat("measurements[", place, "]", rest);
    }
    return absl::StrCat("measurements[", place, "].",
                        SizeFieldOf(wire_.measurements(place), rest));
  }

  const FieldPath& field_;
  const v1::Calibration& wire_;
  const std::vector<int>& places_;
  std::set<int> refused_;
};

int64_t BytesToWire(double bytes) {
  // No memory holds more; the shapes that core admits could.
  constexpr double kMostBytes = 0x1p62;
  return static_cast<int64_t>(std::min(bytes, kMostBytes));
}

// An answer with it has to pass the limit of messages, its models of time
// included.
void CheckSize(const FieldPath& field, const Calibration& calibration,
               Violations& violations) {
  constexpr int64_t kMostBytes = kMaxMessageBytes - (int64_t{256} << 10);
  v1::Calibration answer;
  CalibrationToWire(calibration, /*with_measurements=*/true, &answer);
  const int64_t bytes = static_cast<int64_t>(answer.ByteSizeLong());
  if (bytes <= kMostBytes) return;
  violations.AddInteger(
      field / "measurements",
      absl::StrCat("must be stored in at most ", kMostBytes, " bytes"), bytes);
}

}  // namespace

void CalibrationToWire(const Calibration& calibration, bool with_measurements,
                       v1::Calibration* wire) {
  DeviceToWire(calibration.device, wire->mutable_device());
  SoftwareToWire(calibration.software, wire->mutable_software());
  ConditionsToWire(calibration.conditions, wire->mutable_conditions());
  for (const ClockTruePeak& peak : calibration.peaks) {
    v1::ClockTruePeak* one = wire->add_peaks();
    one->set_dtype(peak.dtype);
    one->set_flops_per_second(peak.flops_per_second);
  }
  if (with_measurements) {
    for (const Measurement& measurement : calibration.measurements) {
      MeasurementToWire(measurement, wire->add_measurements());
    }
  }
  for (const std::string& gap : calibration.coverage_gaps) {
    wire->add_coverage_gaps(gap);
  }
  MicrosToWire(calibration.start_unix_micros,
               wire->mutable_measure_start_time());
  MicrosToWire(calibration.end_unix_micros, wire->mutable_measure_end_time());
}

std::optional<Calibration> CalibrationFromWire(const FieldPath& field,
                                               const v1::Calibration& wire,
                                               Violations& violations) {
  const int64_t before = violations.count();
  Calibration calibration;
  calibration.device =
      DeviceFromWire(field / "device", wire.device(), violations);
  calibration.software =
      SoftwareFromWire(field / "software", wire.software(), violations);
  calibration.conditions =
      ConditionsFromWire(field / "conditions", wire.conditions(), violations);
  calibration.peaks = PeaksFromWire(field / "peaks", wire, violations);
  Converted converted =
      MeasurementsFromWire(field / "measurements", wire, violations);
  calibration.measurements = std::move(converted.measurements);
  CheckTexts(field / "coverage_gaps", wire.coverage_gaps(), kMostGaps,
             kLongestGap, violations);
  calibration.coverage_gaps.assign(wire.coverage_gaps().begin(),
                                   wire.coverage_gaps().end());
  calibration.start_unix_micros = MicrosFromWire(
      field / "measure_start_time", wire.has_measure_start_time(),
      wire.measure_start_time(), violations);
  calibration.end_unix_micros =
      MicrosFromWire(field / "measure_end_time", wire.has_measure_end_time(),
                     wire.measure_end_time(), violations);
  CoreCheck(field, wire, converted.places).Run(calibration, violations);
  if (violations.count() == before) CheckSize(field, calibration, violations);
  if (violations.count() != before) return std::nullopt;
  return calibration;
}

std::string EncodeStoredCalibration(const Calibration& calibration) {
  v1::Calibration wire;
  CalibrationToWire(calibration, /*with_measurements=*/true, &wire);
  for (v1::Measurement& measurement : *wire.mutable_measurements()) {
    measurement.clear_model_flops();
    measurement.clear_min_moved_bytes();
  }
  return DeterministicBytes(wire);
}

absl::StatusOr<Calibration> DecodeStoredCalibration(absl::string_view id,
                                                    absl::string_view payload) {
  v1::Calibration wire;
  if (!wire.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return absl::DataLossError(
        absl::StrCat("the stored bytes of calibration ", id, " do not parse"));
  }
  Violations violations;
  std::optional<Calibration> calibration =
      CalibrationFromWire(FieldPath(), wire, violations);
  if (calibration.has_value()) return *std::move(calibration);
  return absl::DataLossError(
      absl::StrCat("the stored calibration ", id,
                   " is no legal one: ", violations.ToStatus().message()));
}

void TimeModelToWire(const TimeModel& model, v1::TimeModel* wire) {
  wire->set_time_model_version(kTimeModelVersion);
  wire->set_block_ratio(model.block_ratio());
  wire->set_block_count(model.block_count());
  for (const OperationFit& fit : model.fits()) {
    v1::OperationFit* one = wire->add_fits();
    one->set_operation_class(fit.operation_class);
    for (const NamedValue& coefficient : fit.coefficients) {
      v1::TimeCoefficient* value = one->add_coefficients();
      value->set_name(coefficient.name);
      value->set_value(coefficient.value);
    }
    one->set_measurement_count(fit.measurement_count);
    if (fit.held_out_median_error.has_value()) {
      one->set_held_out_median_error(*fit.held_out_median_error);
    }
    if (fit.held_out_mean_error.has_value()) {
      one->set_held_out_mean_error(*fit.held_out_mean_error);
    }
    if (fit.held_out_worst_error.has_value()) {
      one->set_held_out_worst_error(*fit.held_out_worst_error);
    }
    one->set_least_flops(fit.least_flops);
    one->set_most_flops(fit.most_flops);
    one->set_least_bytes(BytesToWire(fit.least_bytes));
    one->set_most_bytes(BytesToWire(fit.most_bytes));
  }
}

}  // namespace moeplan::server
