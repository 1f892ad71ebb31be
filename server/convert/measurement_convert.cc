#include "server/convert/measurement_convert.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/convert/enum_table.h"
#include "server/convert/operation_convert.h"

namespace moeplan::server {
namespace {

constexpr size_t kLongestText = 256;
constexpr size_t kLongestBackend = 64;
constexpr size_t kLongestReason = 1024;
constexpr int kMostTexts = 64;
constexpr double kCostTolerance = 1e-9;  // relative

constexpr std::pair<v1::DeviceKind, DeviceKind> kDeviceKinds[] = {
    {v1::DEVICE_KIND_CUDA, DeviceKind::kCuda},
    {v1::DEVICE_KIND_CPU, DeviceKind::kCpu},
    {v1::DEVICE_KIND_FAKE, DeviceKind::kFake},
};
constexpr std::pair<v1::MeasuringRegime, MeasuringRegime> kRegimes[] = {
    {v1::MEASURING_REGIME_SUSTAINED, MeasuringRegime::kSustained},
    {v1::MEASURING_REGIME_BURST, MeasuringRegime::kBurst},
};
constexpr std::pair<v1::Disposition, Disposition> kDispositions[] = {
    {v1::DISPOSITION_PASSED, Disposition::kPassed},
    {v1::DISPOSITION_INCORRECT, Disposition::kIncorrect},
    {v1::DISPOSITION_UNSUPPORTED, Disposition::kUnsupported},
    {v1::DISPOSITION_SKIPPED, Disposition::kSkipped},
    {v1::DISPOSITION_FAILED, Disposition::kFailed},
    {v1::DISPOSITION_CONTENDED, Disposition::kContended},
    {v1::DISPOSITION_NO_SAMPLES, Disposition::kNoSamples},
    {v1::DISPOSITION_ABOVE_PEAK, Disposition::kAbovePeak},
};

bool CheckText(const FieldPath& field, absl::string_view text, size_t longest,
               Violations& violations) {
  if (text.size() <= longest) return true;
  violations.Add(field, absl::StrCat("must have at most ", longest, " bytes"),
                 text);
  return false;
}

void CheckNeededText(const FieldPath& field, absl::string_view text,
                     Violations& violations) {
  if (violations.RequireNonEmpty(field, text)) {
    CheckText(field, text, kLongestText, violations);
  }
}

Timing TimingFromWire(const v1::Timing& wire) {
  Timing timing = {.median_seconds = wire.median_seconds(),
                   .lower_seconds = wire.lower_seconds(),
                   .upper_seconds = wire.upper_seconds(),
                   .iqr_seconds = wire.iqr_seconds(),
                   .sample_count = wire.sample_count(),
                   .discarded_count = wire.discarded_count(),
                   .drift_ratio = {}};
  if (wire.has_drift_ratio()) timing.drift_ratio = wire.drift_ratio();
  return timing;
}

void TimingToWire(const Timing& timing, v1::Timing* wire) {
  wire->set_median_seconds(timing.median_seconds);
  wire->set_lower_seconds(timing.lower_seconds);
  wire->set_upper_seconds(timing.upper_seconds);
  wire->set_iqr_seconds(timing.iqr_seconds);
  wire->set_sample_count(static_cast<int32_t>(timing.sample_count));
  wire->set_discarded_count(static_cast<int32_t>(timing.discarded_count));
  if (timing.drift_ratio.has_value()) {
    wire->set_drift_ratio(*timing.drift_ratio);
  }
}

// What counters saw.
void CountersFromWire(const FieldPath& field, const v1::Measurement& wire,
                      Measurement& measurement, Violations& violations) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  if (wire.has_executed_flops()) {
    violations.RequireNonNegativeFinite(field / "executed_flops",
                                        wire.executed_flops());
    measurement.executed_flops = wire.executed_flops();
  }
  if (wire.has_counted_moved_bytes()) {
    violations.RequireIntegerWithin(field / "counted_moved_bytes",
                                    wire.counted_moved_bytes(), 0, kMost);
    measurement.counted_moved_bytes = wire.counted_moved_bytes();
  }
  if (wire.has_peak_memory_bytes()) {
    violations.RequireIntegerWithin(field / "peak_memory_bytes",
                                    wire.peak_memory_bytes(), 0, kMost);
    measurement.peak_memory_bytes = wire.peak_memory_bytes();
  }
}

void CheckFollows(const FieldPath& field, double stated, double follows,
                  absl::string_view what, Violations& violations) {
  if (std::abs(stated - follows) <= kCostTolerance * std::abs(follows)) return;
  violations.AddNumber(
      field,
      absl::StrCat("must be 0 or what follows from the ", what, ", ", follows),
      stated);
}

}  // namespace

void CheckTexts(const FieldPath& field,
                const google::protobuf::RepeatedPtrField<std::string>& texts,
                int most, size_t longest, Violations& violations) {
  if (texts.size() > most) {
    violations.AddInteger(field, absl::StrCat("must hold at most ", most),
                          texts.size());
    return;
  }
  for (int i = 0; i < texts.size(); ++i) {
    CheckText(field[i], texts.Get(i), longest, violations);
  }
}

DeviceIdentity DeviceFromWire(const FieldPath& field,
                              const v1::DeviceIdentity& wire,
                              Violations& violations) {
  DeviceIdentity device = {.kind = EnumFromWire(kDeviceKinds, field / "kind",
                                                wire.kind(), violations)
                                       .value_or(DeviceKind::kCpu),
                           .product = wire.product(),
                           .device_hash = wire.device_hash(),
                           .multiprocessor_count = wire.multiprocessor_count(),
                           .memory_bytes = wire.memory_bytes(),
                           .l2_bytes = wire.l2_bytes(),
                           .power_limit_watts = {},
                           .ecc_enabled = {},
                           .partitioned = wire.partitioned()};
  CheckText(field / "product", wire.product(), kLongestText, violations);
  CheckText(field / "device_hash", wire.device_hash(), kLongestText,
            violations);
  if (wire.has_power_limit_watts()) {
    violations.RequirePositiveFinite(field / "power_limit_watts",
                                     wire.power_limit_watts());
    device.power_limit_watts = wire.power_limit_watts();
  }
  if (wire.has_ecc_enabled()) device.ecc_enabled = wire.ecc_enabled();
  return device;
}

SoftwareStack SoftwareFromWire(const FieldPath& field,
                               const v1::SoftwareStack& wire,
                               Violations& violations) {
  CheckNeededText(field / "worker_version", wire.worker_version(), violations);
  CheckNeededText(field / "worker_revision", wire.worker_revision(),
                  violations);
  CheckText(field / "driver_version", wire.driver_version(), kLongestText,
            violations);
  CheckText(field / "runtime_version", wire.runtime_version(), kLongestText,
            violations);
  CheckTexts(field / "library_versions", wire.library_versions(), kMostTexts,
             kLongestText, violations);
  const std::string& hash = wire.suite_hash();
  if (hash.size() != 64 || !std::all_of(hash.begin(), hash.end(), [](char c) {
        return absl::ascii_isxdigit(static_cast<unsigned char>(c));
      })) {
    violations.Add(field / "suite_hash", "must be 64 hexadecimal digits", hash);
  }
  return {.worker_version = wire.worker_version(),
          .worker_revision = wire.worker_revision(),
          .worker_dirty = wire.worker_dirty(),
          .suite_hash = hash,
          .driver_version = wire.driver_version(),
          .runtime_version = wire.runtime_version(),
          .library_versions = {wire.library_versions().begin(),
                               wire.library_versions().end()}};
}

MeasuringConditions ConditionsFromWire(const FieldPath& field,
                                       const v1::MeasuringConditions& wire,
                                       Violations& violations) {
  MeasuringConditions conditions = {
      .regime =
          EnumFromWire(kRegimes, field / "regime", wire.regime(), violations)
              .value_or(MeasuringRegime::kSustained),
      .compute_clock_hertz = {},
      .memory_clock_hertz = {},
      .power_watts = {},
      .temperature_celsius = {},
      .throttle_reasons = {wire.throttle_reasons().begin(),
                           wire.throttle_reasons().end()},
      .contended = wire.contended(),
      .seed = wire.seed()};
  CheckTexts(field / "throttle_reasons", wire.throttle_reasons(), kMostTexts,
             kLongestText, violations);
  if (wire.has_compute_clock_hertz()) {
    violations.RequirePositiveFinite(field / "compute_clock_hertz",
                                     wire.compute_clock_hertz());
    conditions.compute_clock_hertz = wire.compute_clock_hertz();
  }
  if (wire.has_memory_clock_hertz()) {
    violations.RequirePositiveFinite(field / "memory_clock_hertz",
                                     wire.memory_clock_hertz());
    conditions.memory_clock_hertz = wire.memory_clock_hertz();
  }
  if (wire.has_power_watts()) {
    violations.RequirePositiveFinite(field / "power_watts", wire.power_watts());
    conditions.power_watts = wire.power_watts();
  }
  if (wire.has_temperature_celsius()) {
    violations.RequireFinite(field / "temperature_celsius",
                             wire.temperature_celsius());
    conditions.temperature_celsius = wire.temperature_celsius();
  }
  return conditions;
}

std::optional<Measurement> MeasurementFromWire(const FieldPath& field,
                                               const v1::Measurement& wire,
                                               Violations& violations) {
  const int64_t before = violations.count();
  Measurement measurement;
  std::optional<Operation> operation =
      OperationFromWire(field, wire, violations);
  if (operation.has_value()) measurement.operation = *std::move(operation);
  measurement.case_name = wire.case_name();
  measurement.dtype = wire.dtype();
  measurement.backend = wire.backend();
  CheckText(field / "backend", wire.backend(), kLongestBackend, violations);
  measurement.disposition = EnumFromWire(kDispositions, field / "disposition",
                                         wire.disposition(), violations)
                                .value_or(Disposition::kSkipped);
  measurement.disposition_reason = wire.disposition_reason();
  CheckText(field / "disposition_reason", wire.disposition_reason(),
            kLongestReason, violations);
  if (wire.has_timing()) measurement.timing = TimingFromWire(wire.timing());
  CountersFromWire(field, wire, measurement, violations);
  if (violations.count() != before) return std::nullopt;
  return measurement;
}

void CheckStatedCost(const FieldPath& field, const v1::Measurement& wire,
                     const Measurement& measurement, Violations& violations) {
  const OperationCost cost =
      CostOf(measurement.operation, ElementBytes(measurement.dtype));
  if (wire.model_flops() != 0) {
    CheckFollows(field / "model_flops", wire.model_flops(), cost.flops, "shape",
                 violations);
  }
  if (wire.min_moved_bytes() != 0) {
    CheckFollows(field / "min_moved_bytes",
                 static_cast<double>(wire.min_moved_bytes()), cost.bytes,
                 "shape and dtype", violations);
  }
}

void DeviceToWire(const DeviceIdentity& device, v1::DeviceIdentity* wire) {
  wire->set_kind(EnumToWire(kDeviceKinds, device.kind));
  wire->set_product(device.product);
  wire->set_device_hash(device.device_hash);
  wire->set_multiprocessor_count(
      static_cast<int32_t>(device.multiprocessor_count));
  wire->set_memory_bytes(device.memory_bytes);
  wire->set_l2_bytes(device.l2_bytes);
  if (device.power_limit_watts.has_value()) {
    wire->set_power_limit_watts(*device.power_limit_watts);
  }
  if (device.ecc_enabled.has_value()) {
    wire->set_ecc_enabled(*device.ecc_enabled);
  }
  wire->set_partitioned(device.partitioned);
}

void SoftwareToWire(const SoftwareStack& software, v1::SoftwareStack* wire) {
  wire->set_worker_version(software.worker_version);
  wire->set_worker_revision(software.worker_revision);
  wire->set_worker_dirty(software.worker_dirty);
  wire->set_suite_hash(software.suite_hash);
  wire->set_driver_version(software.driver_version);
  wire->set_runtime_version(software.runtime_version);
  for (const std::string& library : software.library_versions) {
    wire->add_library_versions(library);
  }
}

void ConditionsToWire(const MeasuringConditions& conditions,
                      v1::MeasuringConditions* wire) {
  wire->set_regime(EnumToWire(kRegimes, conditions.regime));
  if (conditions.compute_clock_hertz.has_value()) {
    wire->set_compute_clock_hertz(*conditions.compute_clock_hertz);
  }
  if (conditions.memory_clock_hertz.has_value()) {
    wire->set_memory_clock_hertz(*conditions.memory_clock_hertz);
  }
  if (conditions.power_watts.has_value()) {
    wire->set_power_watts(*conditions.power_watts);
  }
  if (conditions.temperature_celsius.has_value()) {
    wire->set_temperature_celsius(*conditions.temperature_celsius);
  }
  for (const std::string& reason : conditions.throttle_reasons) {
    wire->add_throttle_reasons(reason);
  }
  wire->set_contended(conditions.contended);
  wire->set_seed(conditions.seed);
}

void MeasurementToWire(const Measurement& measurement, v1::Measurement* wire) {
  OperationToWire(measurement.operation, wire);
  wire->set_case_name(measurement.case_name);
  wire->set_dtype(measurement.dtype);
  wire->set_backend(measurement.backend);
  wire->set_disposition(EnumToWire(kDispositions, measurement.disposition));
  wire->set_disposition_reason(measurement.disposition_reason);
  if (measurement.timing.has_value()) {
    TimingToWire(*measurement.timing, wire->mutable_timing());
  }
  const OperationCost cost =
      CostOf(measurement.operation, ElementBytes(measurement.dtype));
  wire->set_model_flops(cost.flops);
  // No memory holds more; the shapes that core admits could.
  constexpr double kMostBytes = 0x1p62;
  if (cost.bytes <= kMostBytes) {
    wire->set_min_moved_bytes(static_cast<int64_t>(cost.bytes));
  }
  if (measurement.executed_flops.has_value()) {
    wire->set_executed_flops(*measurement.executed_flops);
  }
  if (measurement.counted_moved_bytes.has_value()) {
    wire->set_counted_moved_bytes(*measurement.counted_moved_bytes);
  }
  if (measurement.peak_memory_bytes.has_value()) {
    wire->set_peak_memory_bytes(*measurement.peak_memory_bytes);
  }
}

}  // namespace moeplan::server
