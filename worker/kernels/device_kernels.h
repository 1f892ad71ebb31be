#ifndef MOEPLAN_WORKER_KERNELS_DEVICE_KERNELS_H_
#define MOEPLAN_WORKER_KERNELS_DEVICE_KERNELS_H_

#include <cuda_runtime.h>

#include <cstdint>

#include "worker/kernels/kernels.h"

namespace moeplan::worker::kernels {

// The kernels of the device, in a file for each group of them.
class OnDevice final : public Kernels {
 public:
  // fill.cu
  cudaError_t FillNormal(NumberFormat format, void* out, int64_t count,
                         float scale, uint64_t seed,
                         cudaStream_t stream) override;
  cudaError_t Poison(NumberFormat format, void* out, int64_t count,
                     cudaStream_t stream) override;
  cudaError_t Copy(const void* from, void* to, int64_t bytes,
                   cudaStream_t stream) override;
  cudaError_t WriteOne(float* out, cudaStream_t stream) override;

  // routing.cu
  cudaError_t SoftmaxTopK(const RoutingSize& size, const float* logits,
                          float* probabilities, int32_t* experts,
                          cudaStream_t stream) override;
  cudaError_t Permute(NumberFormat format, const RoutingSize& size,
                      const void* x, const int32_t* slots, void* rows,
                      cudaStream_t stream) override;
  cudaError_t Combine(NumberFormat format, const RoutingSize& size,
                      const void* rows, const int32_t* slots,
                      const float* weights, const void* start, void* out,
                      cudaStream_t stream) override;
  cudaError_t CombineBackward(NumberFormat format, const RoutingSize& size,
                              const void* d_out, const void* rows,
                              const int32_t* slots, const float* weights,
                              void* d_rows, float* weight_gradients,
                              cudaStream_t stream) override;
  cudaError_t SoftmaxBackward(NumberFormat format, const RoutingSize& size,
                              const float* probabilities,
                              const int32_t* experts, const float* weights,
                              const float* weight_gradients, void* d_logits,
                              cudaStream_t stream) override;

  // index.cu
  cudaError_t IndexWorkspaceBytes(const RoutingSize& size,
                                  int64_t* bytes) override;
  cudaError_t InitIndexWorkspace(const RoutingSize& size, void* workspace,
                                 cudaStream_t stream) override;
  cudaError_t BuildIndex(const RoutingSize& size, const int32_t* experts,
                         const float* probabilities, void* workspace,
                         int32_t* slots, float* weights,
                         cudaStream_t stream) override;

  // memory_bound.cu
  cudaError_t Activation(NumberFormat format, const ActivationSize& size,
                         const void* gate, const void* up, void* out,
                         cudaStream_t stream) override;
  cudaError_t ActivationBackward(NumberFormat format,
                                 const ActivationSize& size, const void* gate,
                                 const void* up, const void* d_out,
                                 void* d_gate, void* d_up,
                                 cudaStream_t stream) override;
  cudaError_t ResidualNorm(NumberFormat format, int64_t rows, int64_t width,
                           const void* x, const void* residual, void* sum,
                           void* normed, cudaStream_t stream) override;
  cudaError_t CrossEntropy(int64_t tokens, int64_t vocabulary,
                           const float* logits, const int32_t* targets,
                           float* losses, float* gradient,
                           cudaStream_t stream) override;
  cudaError_t AdamW(const AdamStep& step, const void* gradient, float* weights,
                    float* moment1, float* moment2, void* weights_out,
                    int64_t count, cudaStream_t stream) override;

  // quantise.cu
  cudaError_t AbsMax(const void* in, int64_t count, float* most,
                     cudaStream_t stream) override;
  cudaError_t Quantise(const void* in, int64_t count, const float* most,
                       void* out, float* scale, cudaStream_t stream) override;
  cudaError_t QuantiseTransposed(const void* in, int64_t width,
                                 const TransposedPiece* pieces,
                                 int64_t piece_count, const float* most,
                                 void* out, float* scale,
                                 cudaStream_t stream) override;
};

inline constexpr int kThreads = 256;
inline constexpr int kWarps = kThreads / 32;

// Launches enough blocks of `threads` for `items`, each block taking
// items_per_block of them. Nothing is launched for none.
template <typename... Parameters, typename... Arguments>
cudaError_t Launch(void (*kernel)(Parameters...), int64_t items,
                   int64_t items_per_block, int threads, cudaStream_t stream,
                   Arguments... arguments) {
  if (items == 0) return cudaSuccess;
  const int64_t blocks = (items + items_per_block - 1) / items_per_block;
  if (blocks > INT32_MAX) return cudaErrorInvalidValue;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, Parameters(arguments)...);
}

#if defined(__CUDACC__)

__device__ inline int64_t GlobalThread() {
  return static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

__device__ inline int64_t GlobalWarp() { return GlobalThread() / 32; }

#endif  // __CUDACC__

}  // namespace moeplan::worker::kernels

#endif  // MOEPLAN_WORKER_KERNELS_DEVICE_KERNELS_H_
