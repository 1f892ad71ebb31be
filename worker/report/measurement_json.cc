#include "worker/report/measurement_json.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "worker/bench/measure_case.h"
#include "worker/report/operation_json.h"

namespace moeplan::worker {
namespace {

using nlohmann::json;

constexpr std::pair<const char*, DeviceKind> kDevices[] = {
    {"cuda", DeviceKind::kCuda},
    {"cpu", DeviceKind::kCpu},
    {"fake", DeviceKind::kFake}};
constexpr std::pair<const char*, MeasuringRegime> kRegimes[] = {
    {"sustained", MeasuringRegime::kSustained},
    {"burst", MeasuringRegime::kBurst}};
constexpr int kDispositions = static_cast<int>(Disposition::kAbovePeak) + 1;

template <typename T>
void PutIfSet(json& to, const char* name, const std::optional<T>& value) {
  if (value.has_value()) to[name] = *value;
}

// Reads fields of one object; a missing or wrong one throws nlohmann's
// exception, which Guarded turns into a status.
template <typename T>
void GetIfSet(const json& from, const char* name, std::optional<T>& value) {
  if (from.contains(name)) value = from.at(name).get<T>();
}

template <typename T>
void Get(const json& from, const char* name, T& value) {
  value = from.at(name).get<T>();
}

template <typename Table, typename T>
void GetNamed(const json& from, const char* name, const Table& table,
              T& value) {
  const std::string text = from.at(name).get<std::string>();
  for (const auto& [known, each] : table) {
    if (text == known) {
      value = each;
      return;
    }
  }
  throw json::other_error::create(501, absl::StrCat(name, ": ", text), &from);
}

template <typename T, typename Fill>
absl::StatusOr<T> Guarded(const char* what, const Fill& fill) {
  T value;
  try {
    fill(value);
  } catch (const json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(what, ": ", error.what()));
  }
  return value;
}

json ToJson(const Timing& timing) {
  json made = {{"median_seconds", timing.median_seconds},
               {"lower_seconds", timing.lower_seconds},
               {"upper_seconds", timing.upper_seconds},
               {"iqr_seconds", timing.iqr_seconds},
               {"sample_count", timing.sample_count},
               {"discarded_count", timing.discarded_count}};
  PutIfSet(made, "drift_ratio", timing.drift_ratio);
  return made;
}

Timing TimingOf(const json& from) {
  Timing timing;
  Get(from, "median_seconds", timing.median_seconds);
  Get(from, "lower_seconds", timing.lower_seconds);
  Get(from, "upper_seconds", timing.upper_seconds);
  Get(from, "iqr_seconds", timing.iqr_seconds);
  Get(from, "sample_count", timing.sample_count);
  Get(from, "discarded_count", timing.discarded_count);
  GetIfSet(from, "drift_ratio", timing.drift_ratio);
  return timing;
}

Disposition DispositionOf(const json& from) {
  const std::string text = from.at("disposition").get<std::string>();
  for (int i = 0; i < kDispositions; ++i) {
    const Disposition each = static_cast<Disposition>(i);
    if (NameOf(each) == text) return each;
  }
  throw json::other_error::create(501, "disposition: " + text, &from);
}

}  // namespace

json ToJson(const Measurement& measurement) {
  json made = {{"case_name", measurement.case_name},
               {"operation", ToJson(measurement.operation)},
               {"dtype", measurement.dtype},
               {"backend", measurement.backend},
               {"disposition", NameOf(measurement.disposition)}};
  if (!measurement.disposition_reason.empty()) {
    made["disposition_reason"] = measurement.disposition_reason;
  }
  if (measurement.timing.has_value()) {
    made["timing"] = ToJson(*measurement.timing);
  }
  PutIfSet(made, "executed_flops", measurement.executed_flops);
  PutIfSet(made, "counted_moved_bytes", measurement.counted_moved_bytes);
  PutIfSet(made, "peak_memory_bytes", measurement.peak_memory_bytes);
  PutIfSet(made, "device_memory_bytes", measurement.device_memory_bytes);
  PutIfSet(made, "hgmma_share", measurement.hgmma_share);
  return made;
}

absl::StatusOr<Measurement> MeasurementFromJson(const json& from) {
  MOEPLAN_ASSIGN_OR_RETURN(
      Operation operation,
      OperationFromJson(from.is_object() ? from.value("operation", json())
                                         : json()));
  return Guarded<Measurement>("measurement", [&](Measurement& made) {
    made.operation = std::move(operation);
    Get(from, "case_name", made.case_name);
    Get(from, "dtype", made.dtype);
    Get(from, "backend", made.backend);
    made.disposition = DispositionOf(from);
    made.disposition_reason = from.value("disposition_reason", "");
    if (from.contains("timing")) made.timing = TimingOf(from.at("timing"));
    GetIfSet(from, "executed_flops", made.executed_flops);
    GetIfSet(from, "counted_moved_bytes", made.counted_moved_bytes);
    GetIfSet(from, "peak_memory_bytes", made.peak_memory_bytes);
    GetIfSet(from, "device_memory_bytes", made.device_memory_bytes);
    GetIfSet(from, "hgmma_share", made.hgmma_share);
  });
}

json ToJson(const DeviceIdentity& device) {
  json made = {{"product", device.product},
               {"device_hash", device.device_hash},
               {"multiprocessor_count", device.multiprocessor_count},
               {"memory_bytes", device.memory_bytes},
               {"l2_bytes", device.l2_bytes},
               {"partitioned", device.partitioned}};
  for (const auto& [name, kind] : kDevices) {
    if (kind == device.kind) made["kind"] = name;
  }
  PutIfSet(made, "power_limit_watts", device.power_limit_watts);
  PutIfSet(made, "ecc_enabled", device.ecc_enabled);
  return made;
}

absl::StatusOr<DeviceIdentity> DeviceFromJson(const json& from) {
  return Guarded<DeviceIdentity>("device", [&](DeviceIdentity& made) {
    GetNamed(from, "kind", kDevices, made.kind);
    Get(from, "product", made.product);
    Get(from, "device_hash", made.device_hash);
    Get(from, "multiprocessor_count", made.multiprocessor_count);
    Get(from, "memory_bytes", made.memory_bytes);
    Get(from, "l2_bytes", made.l2_bytes);
    Get(from, "partitioned", made.partitioned);
    GetIfSet(from, "power_limit_watts", made.power_limit_watts);
    GetIfSet(from, "ecc_enabled", made.ecc_enabled);
  });
}

json ToJson(const SoftwareStack& software) {
  return {{"worker_version", software.worker_version},
          {"worker_revision", software.worker_revision},
          {"worker_dirty", software.worker_dirty},
          {"suite_hash", software.suite_hash},
          {"driver_version", software.driver_version},
          {"runtime_version", software.runtime_version},
          {"library_versions", software.library_versions}};
}

absl::StatusOr<SoftwareStack> SoftwareFromJson(const json& from) {
  return Guarded<SoftwareStack>("software", [&](SoftwareStack& made) {
    Get(from, "worker_version", made.worker_version);
    Get(from, "worker_revision", made.worker_revision);
    Get(from, "worker_dirty", made.worker_dirty);
    Get(from, "suite_hash", made.suite_hash);
    Get(from, "driver_version", made.driver_version);
    Get(from, "runtime_version", made.runtime_version);
    Get(from, "library_versions", made.library_versions);
  });
}

json ToJson(const MeasuringConditions& conditions) {
  json made = {{"throttle_reasons", conditions.throttle_reasons},
               {"contended", conditions.contended},
               {"seed", conditions.seed}};
  for (const auto& [name, regime] : kRegimes) {
    if (regime == conditions.regime) made["regime"] = name;
  }
  PutIfSet(made, "compute_clock_hertz", conditions.compute_clock_hertz);
  PutIfSet(made, "memory_clock_hertz", conditions.memory_clock_hertz);
  PutIfSet(made, "power_watts", conditions.power_watts);
  PutIfSet(made, "temperature_celsius", conditions.temperature_celsius);
  return made;
}

absl::StatusOr<MeasuringConditions> ConditionsFromJson(const json& from) {
  return Guarded<MeasuringConditions>(
      "conditions", [&](MeasuringConditions& made) {
        GetNamed(from, "regime", kRegimes, made.regime);
        Get(from, "throttle_reasons", made.throttle_reasons);
        Get(from, "contended", made.contended);
        Get(from, "seed", made.seed);
        GetIfSet(from, "compute_clock_hertz", made.compute_clock_hertz);
        GetIfSet(from, "memory_clock_hertz", made.memory_clock_hertz);
        GetIfSet(from, "power_watts", made.power_watts);
        GetIfSet(from, "temperature_celsius", made.temperature_celsius);
      });
}

}  // namespace moeplan::worker
