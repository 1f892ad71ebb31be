#ifndef MOEPLAN_CORE_CALIBRATION_MEASUREMENT_H_
#define MOEPLAN_CORE_CALIBRATION_MEASUREMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/violations.h"
#include "core/calibration/operation.h"

namespace moeplan {

enum class DeviceKind { kCuda, kCpu, kFake };

// Sustained: soaked at full power first, the only regime that plans use.
enum class MeasuringRegime { kSustained, kBurst };

// Whether a case gave a number; only kPassed carries one.
enum class Disposition {
  kPassed,
  kIncorrect,    // its numerics were wrong
  kUnsupported,  // device or library cannot run it
  kSkipped,      // left out by choice
  kFailed,
  kContended,  // others used the device
  kNoSamples,  // too few were accepted
  kAbovePeak,  // a rate above the clock-true peak: count or timer is wrong
};

struct Timing {
  double median_seconds = 0;
  double lower_seconds = 0;  // 95 % interval of the median, by order statistics
  double upper_seconds = 0;
  double iqr_seconds = 0;
  int64_t sample_count = 0;
  int64_t discarded_count = 0;
  std::optional<double> drift_ratio;  // last third's median over the first's
  bool operator==(const Timing&) const = default;
};

// One case and what came of it.
struct Measurement {
  std::string case_name;  // unique in the calibration
  Operation operation;
  std::string dtype;    // of the operands: bf16, f32, ...
  std::string backend;  // library or kernel that ran, such as "lt_streams"
  Disposition disposition = Disposition::kSkipped;
  std::string disposition_reason;
  std::optional<Timing> timing;  // if and only if kPassed
  std::optional<double> executed_flops;
  std::optional<int64_t> counted_moved_bytes;
  std::optional<int64_t> peak_memory_bytes;
  // Kept with a run and not sent: device.h of the worker says what they are.
  std::optional<int64_t> device_memory_bytes;
  std::optional<double> hgmma_share;
  bool operator==(const Measurement&) const = default;
};

struct DeviceIdentity {
  DeviceKind kind = DeviceKind::kCpu;
  std::string product;
  std::string device_hash;  // empty: unknown
  int64_t multiprocessor_count = 0;
  int64_t memory_bytes = 0;
  int64_t l2_bytes = 0;  // 0: unknown
  std::optional<double> power_limit_watts;
  std::optional<bool> ecc_enabled;
  bool partitioned = false;
  bool operator==(const DeviceIdentity&) const = default;
};

struct SoftwareStack {
  std::string worker_version;
  std::string worker_revision;
  bool worker_dirty = false;
  std::string suite_hash;  // 64 hex digits
  std::string driver_version;
  std::string runtime_version;
  std::vector<std::string> library_versions;
  bool operator==(const SoftwareStack&) const = default;
};

struct MeasuringConditions {
  MeasuringRegime regime = MeasuringRegime::kSustained;
  std::optional<double> compute_clock_hertz;
  std::optional<double> memory_clock_hertz;
  std::optional<double> power_watts;
  std::optional<double> temperature_celsius;
  std::vector<std::string> throttle_reasons;
  bool contended = false;
  int64_t seed = 0;
  bool operator==(const MeasuringConditions&) const = default;
};

// The most that the device's units can do at the clock that was really run.
struct ClockTruePeak {
  std::string dtype;
  double flops_per_second = 0;
  bool operator==(const ClockTruePeak&) const = default;
};

// What one machine delivers, measured by one run of one worker. Measurements of
// different machines, software or conditions are never merged.
struct Calibration {
  DeviceIdentity device;
  SoftwareStack software;
  MeasuringConditions conditions;
  std::vector<ClockTruePeak> peaks;  // none where the device's are not known
  std::vector<Measurement> measurements;
  std::vector<std::string>
      coverage_gaps;  // what could not be measured, and why
  int64_t start_unix_micros = 0;
  int64_t end_unix_micros = 0;
  bool operator==(const Calibration&) const = default;
};

inline constexpr int64_t kLeastSamples = 10;
inline constexpr int64_t kMostMeasurements = 20000;
inline constexpr int64_t kMostExperts = 65536;
// Of a block's rows times expert_width, so that what MoeBlockOperations makes
// of them, at most 3 times as many elements, is counted in 64 bits.
inline constexpr double kMostBlockElements = 0x1p60;
// A rate may pass the peak by as much as clocks are known.
inline constexpr double kPeakTolerance = 0.01;

// Bytes of an element: bf16 and fp16 2, f32 and tf32 4, fp8 1, f64 8; 0 for
// what is none of these.
double ElementBytes(const std::string& dtype);

// Adds every rule that `calibration` breaks, under the field names above: sizes
// of operations in range, a block's rows that sum to tokens * experts_per_token
// with at most kMostBlockElements over expert_width, a timing with every passed
// case and with no other, at least kLeastSamples samples, ordered intervals,
// names unique, and no passed rate above the clock-true peak.
void CheckCalibration(const Calibration& calibration, Violations& violations);

}  // namespace moeplan

#endif  // MOEPLAN_CORE_CALIBRATION_MEASUREMENT_H_
