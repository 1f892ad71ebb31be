#ifndef MOEPLAN_WORKER_DEVICE_CUDA_CUDA_OPERATION_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_CUDA_OPERATION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/bench/case.h"
#include "worker/device/cuda/cuda_context.h"
#include "worker/device/device.h"
#include "worker/device/number_format.h"

namespace moeplan::worker {

// Backend of a case that is measured without a graph: the device's choice, each
// of its launches given to the device by itself, as training without a fixed
// capacity of experts gives them.
inline constexpr char kEagerBackend[] = "eager";

// One operation with one set of operands in the device's memory.
class CudaOperation {
 public:
  virtual ~CudaOperation() = default;

  // Such as "lt_streams" or "kernels.permute"; at most 64 characters.
  virtual std::string backend() const = 0;
  // Enqueues one run on `stream`. Neither waits nor allocates, so that it may
  // be captured into a graph.
  virtual absl::Status Enqueue(cudaStream_t stream) = 0;
  // Overwrites all outputs with NaN, and keeps what Check needs of inputs that
  // a run overwrites.
  virtual absl::Status PoisonOutputs() = 0;
  // Compares what one run after PoisonOutputs computed, in sampled rows where
  // it is large.
  virtual absl::StatusOr<NumericsCheck> Check() = 0;
  // Of all operands, results, intermediate values and workspaces.
  virtual int64_t bytes() const = 0;
  // Padding and recomputation included; absent where not known.
  virtual std::optional<double> executed_flops() const { return std::nullopt; }

  // Whether runs are timed as they were enqueued, not as a captured graph.
  bool is_eager() const { return is_eager_; }
  void RunEagerly() { is_eager_ = true; }

 private:
  bool is_eager_ = false;
};

using MadeCudaOperation = absl::StatusOr<std::unique_ptr<CudaOperation>>;

// One function for each group of operations, each in its own file; one.seed
// makes the data, one.backend chooses among several ("" is the primary one).
// Errors: UNIMPLEMENTED where device or library cannot run the case;
// RESOURCE_EXHAUSTED where its operands do not fit; those of
// CudaContext::ToStatus.
MadeCudaOperation MakeCudaProduct(const Case& one,
                                  CudaContext& context);  // Gemm, GroupedGemm
MadeCudaOperation MakeCudaAttention(const Case& one, CudaContext& context);
MadeCudaOperation MakeCudaRouting(const Case& one, CudaContext& context);
// Elementwise, CrossEntropy, OptimizerStep, Copy, Launch.
MadeCudaOperation MakeCudaMemoryBound(const Case& one, CudaContext& context);
MadeCudaOperation MakeCudaMoeBlock(const Case& one, CudaContext& context);

// By the operation's kind, one of the above; with kEagerBackend the device's
// choice, to be run eagerly.
MadeCudaOperation MakeCudaOperation(const Case& one, CudaContext& context);

// "f32" or "bf16", in which all operations run. Errors: UNIMPLEMENTED for any
// other.
absl::StatusOr<NumberFormat> NumberFormatOf(const std::string& dtype);
// Also "fp8", e4m3, in which only matrix products run.
absl::StatusOr<NumberFormat> ProductFormatOf(const std::string& dtype);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_CUDA_OPERATION_H_
