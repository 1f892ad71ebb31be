#ifndef MOEPLAN_WORKER_DEVICE_CUDA_CUDA_TIMER_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_CUDA_TIMER_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/device/cuda/cuda_context.h"
#include "worker/kernels/clock_kernels.h"

namespace moeplan::worker {

// Times work on the device by its own events, with the host out of the way: a
// spinning kernel keeps the stream busy until all was enqueued, and a reading
// counts only where the spinning outlasted that.
class CudaTimer {
 public:
  struct Reading {
    double seconds = 0;
    // The host was too slow to enqueue the work while the longest spinning
    // lasted: some of `seconds` may be its own.
    bool is_host_late = false;
  };

  // The context and the kernels outlive it. Errors: those of
  // CudaContext::ToStatus.
  static absl::StatusOr<std::unique_ptr<CudaTimer>> Create(
      CudaContext& context, ClockKernels& kernels);
  ~CudaTimer();
  CudaTimer(const CudaTimer&) = delete;
  CudaTimer& operator=(const CudaTimer&) = delete;

  // How long what `enqueue` gives to the context's stream takes; called again
  // where the host was late. Errors: those of `enqueue` and of
  // CudaContext::ToStatus.
  absl::StatusOr<Reading> Time(const std::function<absl::Status()>& enqueue);

 private:
  CudaTimer(CudaContext& context, ClockKernels& kernels)
      : context_(context), kernels_(kernels) {}

  CudaContext& context_;
  ClockKernels& kernels_;
  cudaEvent_t start_ = nullptr;
  cudaEvent_t stop_ = nullptr;
  int64_t spin_nanoseconds_ = 30'000;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_CUDA_TIMER_H_
