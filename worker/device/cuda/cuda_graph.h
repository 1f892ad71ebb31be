#ifndef MOEPLAN_WORKER_DEVICE_CUDA_CUDA_GRAPH_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_CUDA_GRAPH_H_

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/device/cuda/cuda_context.h"

namespace moeplan::worker {

// Work that was captured once and is launched as a whole, so that the host's
// part in each piece of it is not measured. Movable only.
class CudaGraph {
 public:
  // Captures what `enqueue` gives to the context's stream, and loads it onto
  // the device. Errors: those of `enqueue` and of CudaContext::ToStatus.
  static absl::StatusOr<CudaGraph> Capture(
      CudaContext& context, const std::function<absl::Status()>& enqueue);
  CudaGraph(CudaGraph&& other) noexcept
      : context_(other.context_), exec_(std::exchange(other.exec_, nullptr)) {}
  CudaGraph& operator=(CudaGraph&&) = delete;
  ~CudaGraph();

  // Enqueues it on the context's stream.
  absl::Status Launch() const;

 private:
  CudaGraph(CudaContext& context, cudaGraphExec_t exec)
      : context_(&context), exec_(exec) {}

  CudaContext* context_;
  cudaGraphExec_t exec_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_CUDA_GRAPH_H_
