#ifndef MOEPLAN_WORKER_DEVICE_CUDA_CUDA_CONTEXT_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_CUDA_CONTEXT_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "worker/device/cuda/cuda_calls.h"

namespace moeplan::worker {

class CudaContext;
class Kernels;
class LtProducts;
struct LtCalls;

// Memory of the device; freed with the buffer. Movable only. An empty one holds
// nothing.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  DeviceBuffer(CudaContext* context, void* data, int64_t bytes)
      : context_(context), data_(data), bytes_(bytes) {}
  DeviceBuffer(DeviceBuffer&& other) noexcept { *this = std::move(other); }
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    std::swap(context_, other.context_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~DeviceBuffer();

  void* data() const { return data_; }
  template <typename T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  int64_t bytes() const { return bytes_; }

 private:
  CudaContext* context_ = nullptr;
  void* data_ = nullptr;
  int64_t bytes_ = 0;
};

// What operations of one CUDA device run with: its calls, its streams, its
// memory. Not thread-safe.
class CudaContext {
 public:
  // Streams onto which the experts' products are forked.
  static constexpr int kSideStreams = 4;

  // Opens device `index` and creates its streams. `kernels` and `lt` outlive
  // the context; `lt` is null where cuBLASLt could not be loaded, and
  // `lt_status` says why. Errors: NOT_FOUND no driver, no device, or none of
  // this index, with a sentence for each; those of ToStatus.
  static absl::StatusOr<std::unique_ptr<CudaContext>> Open(
      int index, const CudaCalls& calls, Kernels& kernels, const LtCalls* lt,
      absl::Status lt_status);
  ~CudaContext();
  CudaContext(const CudaContext&) = delete;
  CudaContext& operator=(const CudaContext&) = delete;

  const CudaCalls& calls() const { return calls_; }
  Kernels& kernels() const { return kernels_; }
  const LtCalls* lt() const { return lt_; }
  const absl::Status& lt_status() const { return lt_status_; }
  // Made once for all operations of the context.
  LtProducts& lt_products() { return *lt_products_; }
  const cudaDeviceProp& properties() const { return properties_; }
  // 90 for compute capability 9.0.
  int compute_capability() const {
    return 10 * properties_.major + properties_.minor;
  }

  // Where everything runs and is captured.
  cudaStream_t stream() const { return stream_; }
  cudaStream_t side_stream(int i) const {
    return side_streams_[static_cast<size_t>(i)];
  }
  // Lets side streams 0..count-1 wait for what `stream` was given, and
  // the other way round. Legal while capturing.
  absl::Status Fork(cudaStream_t stream, int count);
  absl::Status Join(cudaStream_t stream, int count);

  // Aligned to 256 bytes. Errors: RESOURCE_EXHAUSTED where it does not fit.
  absl::StatusOr<DeviceBuffer> Allocate(int64_t bytes);
  // Bytes of live buffers, and the most since ResetPeak.
  int64_t allocated_bytes() const { return allocated_bytes_; }
  int64_t peak_bytes() const { return peak_bytes_; }
  void ResetPeak() { peak_bytes_ = allocated_bytes_; }

  // Copies between host and device behind what stream() was given, and wait.
  absl::Status Upload(const void* from, int64_t bytes, void* to);
  absl::Status Download(const void* from, int64_t bytes, void* to);
  // Rows of width_bytes that lie `pitch_bytes` apart on the device, packed on
  // the host.
  absl::Status DownloadRows(const void* from, int64_t pitch_bytes,
                            int64_t width_bytes, int64_t rows, void* to);
  // Waits for everything on stream(), or for the event, and reports what
  // failed. UNAVAILABLE where the device does not finish in time.
  absl::Status Wait();
  absl::Status WaitFor(cudaEvent_t event);
  // Seconds on the host's clock, and how long Wait waits by it. Tests give a
  // clock of their own.
  double NowSeconds() const { return now_seconds_(); }
  void SetClock(std::function<double()> now_seconds, double most_wait_seconds) {
    now_seconds_ = std::move(now_seconds);
    most_wait_seconds_ = most_wait_seconds;
  }

  // OK, or: RESOURCE_EXHAUSTED out of memory; DATA_LOSS an ECC error that could
  // not be corrected; UNAVAILABLE the device is lost or its context is broken;
  // INTERNAL otherwise. The message names the call, CUDA's name of the error
  // and its text.
  absl::Status ToStatus(cudaError_t error, absl::string_view call) const;
  // UNAVAILABLE once an error broke the context, so that every later call would
  // fail: what it was. OK before.
  const absl::Status& broken() const { return broken_; }

 private:
  friend class DeviceBuffer;
  CudaContext(const CudaCalls& calls, Kernels& kernels, const LtCalls* lt,
              absl::Status lt_status);
  absl::Status Create();
  void Free(void* data, int64_t bytes);

  const CudaCalls& calls_;
  Kernels& kernels_;
  const LtCalls* const lt_;
  const absl::Status lt_status_;
  cudaDeviceProp properties_ = {};
  cudaStream_t stream_ = nullptr;
  std::array<cudaStream_t, kSideStreams> side_streams_ = {};
  cudaEvent_t fork_event_ = nullptr;
  std::array<cudaEvent_t, kSideStreams> join_events_ = {};
  cudaEvent_t done_event_ = nullptr;
  int64_t allocated_bytes_ = 0;
  int64_t peak_bytes_ = 0;
  std::function<double()> now_seconds_;
  double most_wait_seconds_ = 60;
  mutable absl::Status broken_;
  std::unique_ptr<LtProducts> lt_products_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_CUDA_CONTEXT_H_
