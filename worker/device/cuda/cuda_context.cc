#include "worker/device/cuda/cuda_context.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/device/cuda/lt_product.h"

namespace moeplan::worker {
namespace {

double SteadySeconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// 13.0 for 13000.
std::string VersionText(int version) {
  return absl::StrCat(version / 1000, ".", version % 1000 / 10);
}

// Why there is no device, in plain words; the same error means two things where
// the driver is missing or older than this program.
absl::Status NoDevice(cudaError_t error, const CudaCalls& calls) {
  int driver = 0;
  int runtime = 0;
  calls.driver_get_version(&driver);
  calls.runtime_get_version(&runtime);
  const std::string code = absl::StrCat(" (CUDA error ", error, ")");
  switch (error) {
    case cudaErrorInsufficientDriver:
      if (driver == 0) {
        return absl::NotFoundError(
            absl::StrCat("no NVIDIA driver is installed on this machine, or "
                         "the container was started without it",
                         code));
      }
      [[fallthrough]];
    case cudaErrorCallRequiresNewerDriver:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice:
      return absl::NotFoundError(
          absl::StrCat("the NVIDIA driver is too old: it supports CUDA ",
                       VersionText(driver), ", this worker needs ",
                       VersionText(runtime), code));
    case cudaErrorStubLibrary:
      return absl::NotFoundError(absl::StrCat(
          "libcuda.so.1 is the toolkit's stub and no driver: leave its folder "
          "out of LD_LIBRARY_PATH",
          code));
    case cudaErrorNoDevice:
      return absl::NotFoundError(absl::StrCat(
          "the NVIDIA driver sees no GPU; is one visible "
          "(CUDA_VISIBLE_DEVICES, the container's resource limits)?",
          code));
    case cudaErrorDevicesUnavailable:
      return absl::NotFoundError(absl::StrCat(
          "all GPUs are taken by other processes (exclusive mode)", code));
    default:
      return absl::NotFoundError(absl::StrCat(
          "CUDA could not be started: ", calls.get_error_string(error), code));
  }
}

// Errors after which every call fails until the process ends.
bool BreaksContext(cudaError_t error) {
  constexpr cudaError_t kBreaking[] = {cudaErrorECCUncorrectable,
                                       cudaErrorNvlinkUncorrectable,
                                       cudaErrorContained,
                                       cudaErrorDevicesUnavailable,
                                       cudaErrorNoDevice,
                                       cudaErrorIllegalAddress,
                                       cudaErrorLaunchTimeout,
                                       cudaErrorLaunchFailure,
                                       cudaErrorHardwareStackError,
                                       cudaErrorIllegalInstruction,
                                       cudaErrorMisalignedAddress,
                                       cudaErrorInvalidAddressSpace,
                                       cudaErrorInvalidPc,
                                       cudaErrorAssert,
                                       cudaErrorContextIsDestroyed,
                                       cudaErrorSystemNotReady,
                                       cudaErrorTensorMemoryLeak,
                                       cudaErrorExternalDevice,
                                       cudaErrorMpsConnectionFailed,
                                       cudaErrorMpsRpcFailure,
                                       cudaErrorMpsServerNotReady,
                                       cudaErrorCudartUnloading,
                                       cudaErrorUnknown};
  return std::find(std::begin(kBreaking), std::end(kBreaking), error) !=
         std::end(kBreaking);
}

}  // namespace

DeviceBuffer::~DeviceBuffer() {
  if (data_ != nullptr) context_->Free(data_, bytes_);
}

CudaContext::CudaContext(const CudaCalls& calls, Kernels& kernels,
                         const LtCalls* lt, absl::Status lt_status)
    : calls_(calls),
      kernels_(kernels),
      lt_(lt),
      lt_status_(std::move(lt_status)),
      now_seconds_(&SteadySeconds) {}

absl::StatusOr<std::unique_ptr<CudaContext>> CudaContext::Open(
    int index, const CudaCalls& calls, Kernels& kernels, const LtCalls* lt,
    absl::Status lt_status) {
  int count = 0;  // which is left unwritten without a driver
  const cudaError_t error = calls.get_device_count(&count);
  if (error != cudaSuccess) return NoDevice(error, calls);
  if (count == 0) return NoDevice(cudaErrorNoDevice, calls);
  if (index < 0 || index >= count) {
    return absl::NotFoundError(absl::StrCat("there is no CUDA device ", index,
                                            ": this machine has ", count,
                                            ", counted from 0"));
  }
  std::unique_ptr<CudaContext> context(
      new CudaContext(calls, kernels, lt, std::move(lt_status)));
  MOEPLAN_RETURN_IF_ERROR(context->ToStatus(
      calls.get_device_properties(&context->properties_, index),
      "cudaGetDeviceProperties"));
  MOEPLAN_RETURN_IF_ERROR(
      context->ToStatus(calls.set_device(index), "cudaSetDevice"));
  MOEPLAN_RETURN_IF_ERROR(context->Create());
  return context;
}

absl::Status CudaContext::Create() {
  const auto create_stream = [this](int priority, cudaStream_t& stream) {
    return ToStatus(calls_.stream_create_with_priority(
                        &stream, cudaStreamNonBlocking, priority),
                    "cudaStreamCreateWithPriority");
  };
  const auto create_event = [this](cudaEvent_t& event) {
    return ToStatus(
        calls_.event_create_with_flags(&event, cudaEventDisableTiming),
        "cudaEventCreateWithFlags");
  };
  MOEPLAN_RETURN_IF_ERROR(create_stream(0, stream_));
  // As frameworks do: what is forked is waited for, so it goes first.
  for (cudaStream_t& side : side_streams_) {
    MOEPLAN_RETURN_IF_ERROR(create_stream(-1, side));
  }
  MOEPLAN_RETURN_IF_ERROR(create_event(fork_event_));
  for (cudaEvent_t& event : join_events_) {
    MOEPLAN_RETURN_IF_ERROR(create_event(event));
  }
  lt_products_ = std::make_unique<LtProducts>(*this);
  return create_event(done_event_);
}

CudaContext::~CudaContext() {
  // Calls on a broken or hanging device may never return; the process, which
  // ends now, takes everything with it.
  if (!broken_.ok()) return;
  const auto destroy_event = [this](cudaEvent_t event) {
    if (event != nullptr) calls_.event_destroy(event);
  };
  destroy_event(done_event_);
  for (const cudaEvent_t event : join_events_) destroy_event(event);
  destroy_event(fork_event_);
  for (const cudaStream_t side : side_streams_) {
    if (side != nullptr) calls_.stream_destroy(side);
  }
  if (stream_ != nullptr) calls_.stream_destroy(stream_);
}

absl::Status CudaContext::Fork(cudaStream_t stream, int count) {
  MOEPLAN_RETURN_IF_ERROR(
      ToStatus(calls_.event_record(fork_event_, stream), "cudaEventRecord"));
  for (int i = 0; i < count; ++i) {
    MOEPLAN_RETURN_IF_ERROR(
        ToStatus(calls_.stream_wait_event(side_stream(i), fork_event_, 0),
                 "cudaStreamWaitEvent"));
  }
  return absl::OkStatus();
}

absl::Status CudaContext::Join(cudaStream_t stream, int count) {
  for (int i = 0; i < count; ++i) {
    const cudaEvent_t event = join_events_[static_cast<size_t>(i)];
    MOEPLAN_RETURN_IF_ERROR(ToStatus(calls_.event_record(event, side_stream(i)),
                                     "cudaEventRecord"));
    MOEPLAN_RETURN_IF_ERROR(ToStatus(calls_.stream_wait_event(stream, event, 0),
                                     "cudaStreamWaitEvent"));
  }
  return absl::OkStatus();
}

absl::StatusOr<DeviceBuffer> CudaContext::Allocate(int64_t bytes) {
  void* data = nullptr;
  // Nothing is allocated for zero bytes, and a null pointer is no operand.
  const int64_t allocated = std::max<int64_t>(bytes, 1);
  const cudaError_t error =
      calls_.malloc(&data, static_cast<size_t>(allocated));
  if (error == cudaErrorMemoryAllocation) {
    calls_.get_last_error();  // it would be found by whoever asks next
    return absl::ResourceExhaustedError(
        absl::StrCat("the device has no ", bytes, " bytes left beside the ",
                     allocated_bytes_, " in use"));
  }
  MOEPLAN_RETURN_IF_ERROR(ToStatus(error, "cudaMalloc"));
  allocated_bytes_ += allocated;
  peak_bytes_ = std::max(peak_bytes_, allocated_bytes_);
  return DeviceBuffer(this, data, allocated);
}

void CudaContext::Free(void* data, int64_t bytes) {
  allocated_bytes_ -= bytes;
  if (broken_.ok()) calls_.free(data);
}

absl::Status CudaContext::Upload(const void* from, int64_t bytes, void* to) {
  MOEPLAN_RETURN_IF_ERROR(
      ToStatus(calls_.memcpy_async(to, from, static_cast<size_t>(bytes),
                                   cudaMemcpyHostToDevice, stream_),
               "cudaMemcpyAsync to the device"));
  return Wait();
}

absl::Status CudaContext::Download(const void* from, int64_t bytes, void* to) {
  // Copying into pageable memory waits inside the call, without a limit.
  MOEPLAN_RETURN_IF_ERROR(Wait());
  MOEPLAN_RETURN_IF_ERROR(
      ToStatus(calls_.memcpy_async(to, from, static_cast<size_t>(bytes),
                                   cudaMemcpyDeviceToHost, stream_),
               "cudaMemcpyAsync to the host"));
  return Wait();
}

absl::Status CudaContext::DownloadRows(const void* from, int64_t pitch_bytes,
                                       int64_t width_bytes, int64_t rows,
                                       void* to) {
  MOEPLAN_RETURN_IF_ERROR(Wait());
  const auto width = static_cast<size_t>(width_bytes);
  MOEPLAN_RETURN_IF_ERROR(ToStatus(
      calls_.memcpy_2d_async(to, width, from, static_cast<size_t>(pitch_bytes),
                             width, static_cast<size_t>(rows),
                             cudaMemcpyDeviceToHost, stream_),
      "cudaMemcpy2DAsync to the host"));
  return Wait();
}

absl::Status CudaContext::Wait() {
  MOEPLAN_RETURN_IF_ERROR(
      ToStatus(calls_.event_record(done_event_, stream_), "cudaEventRecord"));
  return WaitFor(done_event_);
}

absl::Status CudaContext::WaitFor(cudaEvent_t event) {
  const double start = now_seconds_();
  // The core is not given up in between: beside other programs each wait would
  // last for their time slices.
  for (;;) {
    const cudaError_t error = calls_.event_query(event);
    if (error != cudaErrorNotReady) return ToStatus(error, "cudaEventQuery");
    if (now_seconds_() - start > most_wait_seconds_) {
      broken_ = absl::UnavailableError(
          absl::StrCat("the device did not finish within ", most_wait_seconds_,
                       " s; it hangs"));
      return broken_;
    }
  }
}

absl::Status CudaContext::ToStatus(cudaError_t error,
                                   absl::string_view call) const {
  if (error == cudaSuccess) return absl::OkStatus();
  const std::string message =
      absl::StrCat(call, ": ", calls_.get_error_name(error), " (",
                   calls_.get_error_string(error), ")");
  // Errors that break nothing would else be found by whoever asks next.
  calls_.get_last_error();
  if (BreaksContext(error) && broken_.ok()) {
    broken_ = absl::UnavailableError(
        absl::StrCat("the device is lost to this process: ", message));
  }
  switch (error) {
    case cudaErrorMemoryAllocation:
      return absl::ResourceExhaustedError(message);
    case cudaErrorECCUncorrectable:
      return absl::DataLossError(message);
    default:
      return BreaksContext(error) ? absl::UnavailableError(message)
                                  : absl::InternalError(message);
  }
}

}  // namespace moeplan::worker
