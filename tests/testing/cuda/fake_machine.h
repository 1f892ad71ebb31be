#ifndef MOEPLAN_TESTS_TESTING_CUDA_FAKE_MACHINE_H_
#define MOEPLAN_TESTS_TESTING_CUDA_FAKE_MACHINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/testing/cuda/fake_clock_kernels.h"
#include "tests/testing/cuda/fake_cuda.h"
#include "tests/testing/cuda/fake_cupti.h"
#include "tests/testing/cuda/fake_nvml.h"
#include "worker/bench/case.h"
#include "worker/device/cuda/cuda_device.h"

namespace moeplan::worker {

inline constexpr int64_t kMiB = int64_t{1} << 20;

inline Case CopyCase(int64_t bytes) {
  return {.operation = Copy{.bytes = bytes}, .dtype = "bf16"};
}

inline Case GemmCase(int64_t size) {
  return {.operation = Gemm{.m = size, .n = size, .k = size}, .dtype = "bf16"};
}

// A machine with a made-up CUDA device, and operations that hold the bytes of
// their case, write one value and take run_seconds each.
class FakeMachine {
 public:
  absl::StatusOr<std::unique_ptr<CudaDevice>> Open();

  FakeCuda cuda;
  FakeNvml nvml;
  FakeClockKernels clock_kernels{cuda};
  FakeCupti cupti;
  bool has_nvml = true;
  bool has_cupti = false;

  double run_seconds = 100e-6;
  double enqueue_seconds = 0;  // of the host, for each run that it enqueues
  // In which the counter of tensor cores counts what they are worth.
  double flops_per_operation = 512;
  double hgmma_share = 1;
  // Faults of operations.
  cudaError_t enqueue_error = cudaSuccess;
  bool computes_wrongly = false;
  bool waits_while_enqueuing = false;
  // Called as an operation is made.
  std::function<void(const Case&)> before_operation;

  // As the device's counters see one run.
  void CountRun(double flops);

  // What happened: cases of which operations were made, and the number of each
  // set, within its case, as it was enqueued.
  std::vector<Case> made;
  std::vector<int> enqueued;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_TESTS_TESTING_CUDA_FAKE_MACHINE_H_
