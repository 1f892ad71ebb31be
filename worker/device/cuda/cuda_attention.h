#ifndef MOEPLAN_WORKER_DEVICE_CUDA_CUDA_ATTENTION_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_CUDA_ATTENTION_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/calibration/operation.h"
#include "worker/bench/case.h"
#include "worker/device/cuda/cuda_context.h"
#include "worker/device/cuda/cuda_operation.h"

namespace moeplan::worker {

// Operands in bf16 on the device, all dense: queries, the output and their
// gradients [sequence][head][query][dim], keys and values
// [sequence][kv head][key][dim].
struct AttentionOperands {
  const void* queries = nullptr;
  const void* keys = nullptr;
  const void* values = nullptr;
  // What the backward pass reads of the forward pass: the output and, in 32
  // bits, [sequence][head][query] logarithms of the sum of exponentials.
  void* out = nullptr;
  void* stats = nullptr;
  const void* d_out = nullptr;
  void* d_queries = nullptr;
  void* d_keys = nullptr;
  void* d_values = nullptr;
};

enum class AttentionPass {
  kForward,           // writes out
  kForwardWithStats,  // writes out and stats
  kBackward,          // writes d_queries, d_keys and d_values
};

// One pass of an attention, ready to run on any operands of its sizes.
class AttentionPlan {
 public:
  virtual ~AttentionPlan() = default;
  // May be captured. `workspace` holds workspace_bytes().
  virtual absl::Status Enqueue(const AttentionOperands& operands,
                               void* workspace, cudaStream_t stream) = 0;
  virtual int64_t workspace_bytes() const = 0;
};

// A library of attention kernels. Tests have one in the host's memory.
class AttentionLibrary {
 public:
  virtual ~AttentionLibrary() = default;
  virtual std::string name() const = 0;  // such as "cudnn.sdpa"
  // `op` in bf16; its `backward` is not looked at. One plan serves all sets of
  // operands that live at one time. Takes up to seconds, since kernels may be
  // compiled. Errors: UNIMPLEMENTED where the library is missing or has no
  // kernel.
  virtual absl::StatusOr<std::shared_ptr<AttentionPlan>> PlanOf(
      const AttentionCore& op, AttentionPass pass, CudaContext& context) = 0;
};

// cuDNN, loaded at the first plan. Lives until the process ends.
AttentionLibrary& CudnnAttention();

// Whether cuDNN's frontend has such a graph for the context's device, which it
// says of a made-up one too; engines for it are found on a true one only.
// Errors: UNIMPLEMENTED, also where cuDNN is missing.
absl::Status ValidateCudnnAttention(const AttentionCore& op, AttentionPass pass,
                                    CudaContext& context);

// MakeCudaAttention by this library, which outlives the operation.
MadeCudaOperation MakeAttentionBy(AttentionLibrary& library, const Case& one,
                                  CudaContext& context);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_CUDA_ATTENTION_H_
