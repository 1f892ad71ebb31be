#include "worker/device/cuda/cuda_graph.h"

#include "core/base/status_macros.h"

namespace moeplan::worker {

absl::StatusOr<CudaGraph> CudaGraph::Capture(
    CudaContext& context, const std::function<absl::Status()>& enqueue) {
  const CudaCalls& calls = context.calls();
  // Only what this thread does is forbidden meanwhile.
  MOEPLAN_RETURN_IF_ERROR(
      context.ToStatus(calls.stream_begin_capture(
                           context.stream(), cudaStreamCaptureModeThreadLocal),
                       "cudaStreamBeginCapture"));
  const absl::Status enqueued = enqueue();
  // Also after an error: a capture that is not ended leaves the stream useless.
  cudaGraph_t graph = nullptr;
  const absl::Status ended =
      context.ToStatus(calls.stream_end_capture(context.stream(), &graph),
                       "cudaStreamEndCapture");
  cudaGraphExec_t exec = nullptr;
  absl::Status status = enqueued.ok() ? ended : enqueued;
  if (status.ok()) {
    status = context.ToStatus(calls.graph_instantiate(&exec, graph, 0),
                              "cudaGraphInstantiate");
  }
  if (graph != nullptr) calls.graph_destroy(graph);
  MOEPLAN_RETURN_IF_ERROR(status);
  CudaGraph captured(context, exec);
  MOEPLAN_RETURN_IF_ERROR(context.ToStatus(
      calls.graph_upload(exec, context.stream()), "cudaGraphUpload"));
  return captured;
}

CudaGraph::~CudaGraph() {
  // On a broken device the call may never return.
  if (exec_ != nullptr && context_->broken().ok()) {
    context_->calls().graph_exec_destroy(exec_);
  }
}

absl::Status CudaGraph::Launch() const {
  return context_->ToStatus(
      context_->calls().graph_launch(exec_, context_->stream()),
      "cudaGraphLaunch");
}

}  // namespace moeplan::worker
