#ifndef MOEPLAN_WORKER_DEVICE_CUDA_DEVICE_MONITOR_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_DEVICE_MONITOR_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/calibration/measurement.h"
#include "worker/device/cuda/nvml.h"
#include "worker/device/device.h"

namespace moeplan::worker {

// Looks after a device while it is measured: what spoils samples, and the
// conditions of the run. Looks no more often than every 10 ms (reasons of
// throttling) and 100 ms (everything else), so that looking takes little time.
class DeviceMonitor {
 public:
  // `nvml` outlives it; without it nothing is seen, and Gaps() says so.
  explicit DeviceMonitor(absl::StatusOr<Nvml>& nvml) : nvml_(nvml) {}

  // Before the first sample of a case: the device was idle, which counts for
  // nothing.
  void Restart();

  // To be called after each sample, at `now_seconds` of any steady clock. What
  // spoils the sample: heat or a failing power supply; another process that
  // computes on the device.
  SampleFault Look(double now_seconds);

  // Power over everything that was measured: energy over time where the device
  // counts it, for readings of power are averages of its own over up to a
  // second; else the mean of those. Medians of temperature and memory clock.
  void AddTo(MeasuringConditions& conditions) const;
  // What NVML did not give.
  std::vector<std::string> Gaps() const;

 private:
  void LookAtAll(double now_seconds);

  absl::StatusOr<Nvml>& nvml_;
  double next_look_seconds_ = -std::numeric_limits<double>::infinity();
  double next_long_look_seconds_ = -std::numeric_limits<double>::infinity();
  SampleFault fault_ = SampleFault::kNone;
  bool is_shared_ = false;
  uint64_t reasons_seen_ = 0;
  int64_t samples_ = 0;
  int64_t contended_ = 0;
  // Energy when the present stretch of work without pauses was last looked at.
  std::optional<double> energy_joules_;
  double energy_at_seconds_ = 0;
  double spent_joules_ = 0;
  double spent_seconds_ = 0;
  std::vector<double> power_watts_;
  std::vector<double> temperatures_;
  std::vector<double> memory_clocks_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_DEVICE_MONITOR_H_
