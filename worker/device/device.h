#ifndef MOEPLAN_WORKER_DEVICE_DEVICE_H_
#define MOEPLAN_WORKER_DEVICE_DEVICE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/calibration/measurement.h"
#include "worker/bench/case.h"

namespace moeplan::worker {

// What spoiled a sample; such a sample is thrown away and counted.
enum class SampleFault {
  kNone,
  kContended,  // others used the device while it ran
  kSlowdown,   // the device was too hot or its power failed; a mere power cap
               // is how it always runs and spoils nothing
};

struct Sample {
  double seconds = 0;  // of one run, on average
  SampleFault fault = SampleFault::kNone;
};

// What a case computed, against a reference of higher precision.
struct NumericsCheck {
  double relative_error =
      0;  // |out - reference| / |reference|; NaN: not finite
  double most_allowed = 0;
  std::string output;  // the output that is worst, such as "weight_gradient"

  bool passed() const { return relative_error <= most_allowed; }
};

// A case with its operands on the device, ready to run. Random data; operands
// are rotated, so that each run reads them from memory and not from a cache
// that the run before has filled.
class PreparedCase {
 public:
  virtual ~PreparedCase() = default;

  // Library or kernel that runs, such as "onednn.brg:avx512_core"; at most 64
  // characters.
  virtual std::string backend() const = 0;

  // Runs once with outputs poisoned by NaN before, and compares them. Large
  // outputs are compared in sampled rows. Errors: as Time.
  virtual absl::StatusOr<NumericsCheck> CheckNumerics() = 0;

  // Runs `runs` >= 1 times back to back and waits for the end.
  // Errors: RESOURCE_EXHAUSTED out of memory; DATA_LOSS an error of memory that
  // could not be corrected; UNAVAILABLE the device is lost; INTERNAL otherwise.
  virtual absl::StatusOr<Sample> Time(int64_t runs) = 0;

  // Most bytes in use for one set of operands; absent where unknown.
  virtual std::optional<int64_t> peak_memory_bytes() const = 0;
  // These and whatever else is in use on the device after CheckNumerics, such
  // as its context and libraries; absent where the device does not tell.
  virtual std::optional<int64_t> device_memory_bytes() const {
    return std::nullopt;
  }

  // Counts one more run by the device's counters, where it has some and was
  // asked to; slows it down, so never between timed runs. What cannot be
  // counted is a coverage gap.
  virtual void Count() {}

  // FLOPs that counters saw, or that are known to be executed; absent where
  // neither is.
  virtual std::optional<double> executed_flops() const { return std::nullopt; }
  // Bytes that counters saw going from and to memory.
  virtual std::optional<int64_t> counted_moved_bytes() const {
    return std::nullopt;
  }
  // Share of the tensor cores' operations that counters saw running by Hopper's
  // own instruction, hgmma.
  virtual std::optional<double> hgmma_share() const { return std::nullopt; }
};

// One accelerator. Not thread-safe.
class Device {
 public:
  virtual ~Device() = default;

  virtual const DeviceIdentity& identity() const = 0;

  // Versions of what runs on it. Worker and suite are left to the caller.
  virtual SoftwareStack software() const = 0;

  // Number formats that cases may have, best known first.
  virtual std::vector<std::string> dtypes() const = 0;

  // Seconds since some fixed moment, monotonic. Virtual on a fake device.
  virtual double NowSeconds() = 0;

  // Leaves the device idle for so long, so that it cools and its clocks rise.
  virtual void Idle(double seconds);

  // At the clock that was run until now; empty where it is not known.
  virtual std::vector<ClockTruePeak> ClockTruePeaks() = 0;

  // Clocks, power, temperature and reasons of throttling until now.
  virtual MeasuringConditions Conditions() = 0;

  // What cannot be measured here and why, such as counters without permission.
  virtual std::vector<std::string> CoverageGaps() = 0;

  // OK, or UNAVAILABLE once an error has left the device useless to this
  // process, so that no further case can be measured.
  virtual absl::Status Usable() { return absl::OkStatus(); }

  // Errors: UNIMPLEMENTED where device or library cannot run the case;
  // RESOURCE_EXHAUSTED where its operands do not fit; those of Time.
  virtual absl::StatusOr<std::unique_ptr<PreparedCase>> Prepare(
      const Case& one) = 0;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_DEVICE_H_
