#ifndef MOEPLAN_WORKER_KERNELS_KERNELS_H_
#define MOEPLAN_WORKER_KERNELS_KERNELS_H_

#include <cuda_runtime_api.h>

#include <cstdint>

#include "worker/device/adam_step.h"
#include "worker/device/bf16.h"
#include "worker/device/number_format.h"

namespace moeplan::worker {

// Choice j of token t is index t * choices + j of what is kept for each choice;
// its row among those that the experts compute on, which lie together expert by
// expert and within an expert by choice, is its slot.
struct RoutingSize {
  int64_t tokens = 0;
  int64_t experts = 0;
  int64_t choices = 0;  // of a token
  int64_t d_model = 0;

  MOEPLAN_HD int64_t rows() const { return tokens * choices; }
};

// What an activation reads: `rows` rows of `width` elements of gate and of up,
// each row `pitch` elements after the one before.
struct ActivationSize {
  int64_t rows = 0;
  int64_t width = 0;
  int64_t pitch = 0;
};

// Rows that one piece of a transposing kernel takes.
inline constexpr int kTransposedRows = 128;
// Such a piece: rows from..from+rows-1 of a matrix become columns of a
// transposed one, whose rows are `pitch` elements long.
struct TransposedPiece {
  int64_t from = 0;
  int64_t to = 0;           // where in the output the first column begins
  int64_t pitch = 0;        // a multiple of 4
  int32_t rows = 0;         // at most kTransposedRows
  int32_t padded_rows = 0;  // columns behind `rows` are 0; a multiple of 4
};

// Our own kernels: everything of a MoE model that is bound by memory and not by
// arithmetic. Each method enqueues on `stream` and returns the launch's error;
// none allocates or waits, so that all may be captured. Pointers are the
// device's; arrays are dense, row-major, and do not overlap unless it says so.
// Numbers are computed with in 32 bits. Accesses are 16 bytes wide where rows
// and pointers are aligned to that, and of one element elsewhere. The
// computation of a row or an element stands in the headers of this folder,
// which the device and the tests' host kernels share.
class Kernels {
 public:
  virtual ~Kernels() = default;

  // out[i] = scale * a standard normal value made of `seed` and i.
  virtual cudaError_t FillNormal(NumberFormat format, void* out, int64_t count,
                                 float scale, uint64_t seed,
                                 cudaStream_t stream) = 0;
  // NaN in every element.
  virtual cudaError_t Poison(NumberFormat format, void* out, int64_t count,
                             cudaStream_t stream) = 0;
  virtual cudaError_t Copy(const void* from, void* to, int64_t bytes,
                           cudaStream_t stream) = 0;
  // *out = 1, by one thread: what a launch costs.
  virtual cudaError_t WriteOne(float* out, cudaStream_t stream) = 0;

  // Softmax of each token's logits, and its `choices` most probable experts,
  // the most probable first, of equal ones the one of lower index.
  virtual cudaError_t SoftmaxTopK(const RoutingSize& size, const float* logits,
                                  float* probabilities, int32_t* experts,
                                  cudaStream_t stream) = 0;
  // Bytes of the workspace of BuildIndex. Asks the device.
  virtual cudaError_t IndexWorkspaceBytes(const RoutingSize& size,
                                          int64_t* bytes) = 0;
  // Once, before a workspace is used first.
  virtual cudaError_t InitIndexWorkspace(const RoutingSize& size,
                                         void* workspace,
                                         cudaStream_t stream) = 0;
  // Slot of each choice, and its weight: its expert's probability. `experts`
  // are in [0, size.experts).
  virtual cudaError_t BuildIndex(const RoutingSize& size,
                                 const int32_t* experts,
                                 const float* probabilities, void* workspace,
                                 int32_t* slots, float* weights,
                                 cudaStream_t stream) = 0;
  // rows[slot] = x[token]. Reads each token once.
  virtual cudaError_t Permute(NumberFormat format, const RoutingSize& size,
                              const void* x, const int32_t* slots, void* rows,
                              cudaStream_t stream) = 0;
  // out[token] = start[token] + sum of its choices' weight * rows[slot].
  // `weights` is null where they are 1, `start` where it is 0; `out` may be
  // `start`. Combines with weights, and is Permute's backward without.
  virtual cudaError_t Combine(NumberFormat format, const RoutingSize& size,
                              const void* rows, const int32_t* slots,
                              const float* weights, const void* start,
                              void* out, cudaStream_t stream) = 0;
  // d_rows[slot] = weight * d_out[token]; the weight's gradient is the dot
  // product of rows[slot] and d_out[token].
  virtual cudaError_t CombineBackward(
      NumberFormat format, const RoutingSize& size, const void* d_out,
      const void* rows, const int32_t* slots, const float* weights,
      void* d_rows, float* weight_gradients, cudaStream_t stream) = 0;
  // d logit_e = p_e (g_e - sum p g), with g the weights' gradients and 0 for
  // experts that were not chosen.
  virtual cudaError_t SoftmaxBackward(
      NumberFormat format, const RoutingSize& size, const float* probabilities,
      const int32_t* experts, const float* weights,
      const float* weight_gradients, void* d_logits, cudaStream_t stream) = 0;

  // out = silu(gate) * up, or silu(gate) where `up` is null; `out` is dense.
  virtual cudaError_t Activation(NumberFormat format,
                                 const ActivationSize& size, const void* gate,
                                 const void* up, void* out,
                                 cudaStream_t stream) = 0;
  // Its gradients by that of its output; d_gate and d_up lie as gate and up.
  virtual cudaError_t ActivationBackward(NumberFormat format,
                                         const ActivationSize& size,
                                         const void* gate, const void* up,
                                         const void* d_out, void* d_gate,
                                         void* d_up, cudaStream_t stream) = 0;
  // For each row: sum = x + residual; normed = sum / sqrt(mean(sum^2) + 1e-6).
  virtual cudaError_t ResidualNorm(NumberFormat format, int64_t rows,
                                   int64_t width, const void* x,
                                   const void* residual, void* sum,
                                   void* normed, cudaStream_t stream) = 0;
  // Loss of each token in nats, and its gradient by the token's logits.
  virtual cudaError_t CrossEntropy(int64_t tokens, int64_t vocabulary,
                                   const float* logits, const int32_t* targets,
                                   float* losses, float* gradient,
                                   cudaStream_t stream) = 0;
  // One step of AdamW: gradient in bf16, weights and moments in 32 bits, and
  // the weights once more in bf16 for the next forward pass.
  virtual cudaError_t AdamW(const AdamStep& step, const void* gradient,
                            float* weights, float* moment1, float* moment2,
                            void* weights_out, int64_t count,
                            cudaStream_t stream) = 0;

  // *most = the largest |in[i]| of numbers in bf16, or what it was before,
  // which is not negative, where that is larger.
  virtual cudaError_t AbsMax(const void* in, int64_t count, float* most,
                             cudaStream_t stream) = 0;
  // Numbers in bf16 to numbers in e4m3: out[i] = in[i] / *scale, rounded to the
  // nearest and not beyond 448, where *scale = *most / 448 is written too. It
  // is 1 where all are 0.
  virtual cudaError_t Quantise(const void* in, int64_t count, const float* most,
                               void* out, float* scale,
                               cudaStream_t stream) = 0;
  // The same of a matrix with rows of `width` elements, a multiple of 4, which
  // is transposed piece by piece: `pieces` lie in the device's memory.
  virtual cudaError_t QuantiseTransposed(const void* in, int64_t width,
                                         const TransposedPiece* pieces,
                                         int64_t piece_count, const float* most,
                                         void* out, float* scale,
                                         cudaStream_t stream) = 0;
};

// Those that run on the device. Thread-safe.
Kernels& DeviceKernels();

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_KERNELS_KERNELS_H_
