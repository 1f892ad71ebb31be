#ifndef MOEPLAN_WORKER_DEVICE_CUDA_CLOCK_METER_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_CLOCK_METER_H_

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/device/cuda/cuda_context.h"
#include "worker/kernels/clock_kernels.h"

namespace moeplan::worker {

// The clock that the multiprocessors really ran, from their own counters of
// cycles over the device's timer: what is set or shown elsewhere is no
// measurement.
class ClockMeter {
 public:
  // The context and the kernels outlive it. Errors: RESOURCE_EXHAUSTED.
  static absl::StatusOr<ClockMeter> Create(CudaContext& context,
                                           ClockKernels& kernels);

  // Before the first sample of a case: the device was idle.
  void Restart() { readings_.clear(); }

  // To be called between samples, at `now_seconds` of the context's clock; it
  // reads the clocks every 50 ms, which costs some 30 us. Errors: those of
  // CudaContext::ToStatus.
  absl::Status Look(double now_seconds);

  // Over all windows between two readings, of each the median multiprocessor;
  // absent before the first.
  std::optional<double> median_hertz() const;
  std::optional<double> highest_hertz() const;

 private:
  ClockMeter(CudaContext& context, ClockKernels& kernels, DeviceBuffer readings)
      : context_(&context),
        kernels_(&kernels),
        device_readings_(std::move(readings)) {}

  CudaContext* context_;
  ClockKernels* kernels_;
  DeviceBuffer device_readings_;
  double read_at_seconds_ = 0;
  std::vector<ClockReading> readings_;  // empty before the first
  std::vector<double> hertz_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_CLOCK_METER_H_
