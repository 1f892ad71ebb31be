#ifndef MOEPLAN_TESTS_TESTING_CUDA_FAKE_CLOCK_KERNELS_H_
#define MOEPLAN_TESTS_TESTING_CUDA_FAKE_CLOCK_KERNELS_H_

#include <algorithm>
#include <cstdint>

#include "tests/testing/cuda/fake_cuda.h"
#include "worker/kernels/clock_kernels.h"

namespace moeplan::worker {

// Clocks of a FakeCuda: its virtual time, and cycles at a clock that tests
// change.
class FakeClockKernels final : public ClockKernels {
 public:
  explicit FakeClockKernels(FakeCuda& cuda) : cuda_(cuda) {}

  // From the time of the last reading on.
  double hertz = 1.5e9;
  // Multiprocessors that no reading reaches: those from this one on.
  int reached = 1 << 20;

  // Of every launch.
  cudaError_t error = cudaSuccess;

  cudaError_t Spin(int64_t nanoseconds, cudaStream_t stream) override {
    if (error != cudaSuccess) return error;
    cuda_.AddWork(stream, 1e-9 * static_cast<double>(nanoseconds));
    ++spins_;
    return cudaSuccess;
  }

  cudaError_t ReadClocks(int count, ClockReading* readings,
                         cudaStream_t) override {
    const double seconds =
        std::max(cuda_.now_seconds(), cuda_.device_done_seconds());
    cycles_ += hertz * (seconds - read_at_seconds_);
    read_at_seconds_ = seconds;
    ++readings_;
    for (int i = 0; i < count; ++i) {
      readings[i] = {};
      if (i >= reached) continue;
      readings[i].nanoseconds = static_cast<uint64_t>(1e9 * seconds);
      readings[i].cycles = static_cast<uint64_t>(cycles_);
    }
    return cudaSuccess;
  }

  int64_t spins() const { return spins_; }
  int64_t readings() const { return readings_; }

 private:
  FakeCuda& cuda_;
  double cycles_ = 1;
  double read_at_seconds_ = 0;
  int64_t spins_ = 0;
  int64_t readings_ = 0;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_TESTS_TESTING_CUDA_FAKE_CLOCK_KERNELS_H_
