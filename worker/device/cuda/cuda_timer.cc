#include "worker/device/cuda/cuda_timer.h"

#include "core/base/status_macros.h"

namespace moeplan::worker {
namespace {

constexpr int64_t kMostSpinNanoseconds = 2'000'000;

}  // namespace

absl::StatusOr<std::unique_ptr<CudaTimer>> CudaTimer::Create(
    CudaContext& context, ClockKernels& kernels) {
  std::unique_ptr<CudaTimer> timer(new CudaTimer(context, kernels));
  for (cudaEvent_t* event : {&timer->start_, &timer->stop_}) {
    MOEPLAN_RETURN_IF_ERROR(context.ToStatus(
        context.calls().event_create_with_flags(event, cudaEventDefault),
        "cudaEventCreateWithFlags"));
  }
  return timer;
}

CudaTimer::~CudaTimer() {
  if (!context_.broken().ok()) return;
  for (const cudaEvent_t event : {start_, stop_}) {
    if (event != nullptr) context_.calls().event_destroy(event);
  }
}

absl::StatusOr<CudaTimer::Reading> CudaTimer::Time(
    const std::function<absl::Status()>& enqueue) {
  const CudaCalls& calls = context_.calls();
  const auto record = [&](cudaEvent_t event) {
    return context_.ToStatus(calls.event_record(event, context_.stream()),
                             "cudaEventRecord");
  };
  for (;;) {
    MOEPLAN_RETURN_IF_ERROR(context_.ToStatus(
        kernels_.Spin(spin_nanoseconds_, context_.stream()), "spinning"));
    MOEPLAN_RETURN_IF_ERROR(record(start_));
    MOEPLAN_RETURN_IF_ERROR(enqueue());
    MOEPLAN_RETURN_IF_ERROR(record(stop_));
    const bool is_late = calls.event_query(start_) != cudaErrorNotReady;
    MOEPLAN_RETURN_IF_ERROR(context_.WaitFor(stop_));
    float milliseconds = 0;
    MOEPLAN_RETURN_IF_ERROR(context_.ToStatus(
        calls.event_elapsed_time(&milliseconds, start_, stop_),
        "cudaEventElapsedTime"));
    if (!is_late || spin_nanoseconds_ >= kMostSpinNanoseconds) {
      return Reading{.seconds = 1e-3 * static_cast<double>(milliseconds),
                     .is_host_late = is_late};
    }
    // It stays longer: the host was late once and will be again.
    spin_nanoseconds_ *= 2;
  }
}

}  // namespace moeplan::worker
