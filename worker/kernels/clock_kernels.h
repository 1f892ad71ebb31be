#ifndef MOEPLAN_WORKER_KERNELS_CLOCK_KERNELS_H_
#define MOEPLAN_WORKER_KERNELS_CLOCK_KERNELS_H_

#include <cuda_runtime_api.h>

#include <cstdint>

namespace moeplan::worker {

// One multiprocessor's clocks, read together. All zero where none was read.
struct alignas(16) ClockReading {
  uint64_t nanoseconds = 0;  // the device's global timer
  uint64_t cycles = 0;       // since some moment, at the clock really run
};

// Kernels that measure and pass time. Each enqueues on `stream` and returns the
// launch's error.
class ClockKernels {
 public:
  virtual ~ClockKernels() = default;

  // Keeps `stream` busy for so long, so that the host can prepare what follows
  // behind it. Ends by itself, whatever becomes of the host.
  virtual cudaError_t Spin(int64_t nanoseconds, cudaStream_t stream) = 0;

  // Reads the clocks of the multiprocessors below `count` into
  // readings[0..count), on the device; which of them are reached is the
  // device's choice, usually all.
  virtual cudaError_t ReadClocks(int count, ClockReading* readings,
                                 cudaStream_t stream) = 0;
};

// Those that run on the device.
ClockKernels& DeviceClockKernels();

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_KERNELS_CLOCK_KERNELS_H_
