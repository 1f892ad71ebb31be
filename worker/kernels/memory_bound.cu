#include "worker/kernels/device_kernels.h"
#include "worker/kernels/lanes.h"
#include "worker/kernels/pack.h"
#include "worker/kernels/row_functions.h"

namespace moeplan::worker::kernels {
namespace {

// Packs of a row that a warp keeps in registers: rows of 1024 elements in bf16
// are kept whole.
constexpr int kKeptPacks = 4;
constexpr int kLossThreads = 512;
constexpr int kAdamPack = 4;

template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads)
    ActivationKernel(ActivationSize size, int64_t packs,
                     const T* __restrict__ gate, const T* __restrict__ up,
                     T* __restrict__ out) {
  const int64_t i = GlobalThread();
  if (i < packs) ActivationPack<kPack>(size, i, gate, up, out);
}

template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads)
    ActivationBackwardKernel(ActivationSize size, int64_t packs,
                             const T* __restrict__ gate,
                             const T* __restrict__ up,
                             const T* __restrict__ d_out,
                             T* __restrict__ d_gate, T* __restrict__ d_up) {
  const int64_t i = GlobalThread();
  if (i >= packs) return;
  ActivationBackwardPack<kPack>(size, i, gate, up, d_out, d_gate, d_up);
}

template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads)
    ResidualNormKernel(int64_t rows, int64_t width, const T* __restrict__ x,
                       const T* __restrict__ residual, T* sum, T* normed) {
  const int64_t row = GlobalWarp();
  if (row >= rows) return;
  const int64_t at = row * width;
  ResidualNormRow<kPack, kKeptPacks>(WarpLanes(), width, x + at, residual + at,
                                     sum + at, normed + at);
}

template <int kPack>
__global__ void __launch_bounds__(kLossThreads)
    CrossEntropyKernel(int64_t vocabulary, const float* __restrict__ logits,
                       const int32_t* __restrict__ targets, float* losses,
                       float* __restrict__ gradient) {
  __shared__ float scratch[kLossThreads / 32];
  const BlockLanes<kLossThreads> lanes(scratch);
  const int64_t token = blockIdx.x;
  const float loss =
      CrossEntropyRow<kPack>(lanes, vocabulary, logits + token * vocabulary,
                             targets[token], gradient + token * vocabulary);
  if (lanes.lane() == 0) losses[token] = loss;
}

template <int kPack>
__global__ void __launch_bounds__(kThreads)
    AdamWKernel(AdamStep step, int64_t packs, const Bf16* __restrict__ gradient,
                float* __restrict__ weights, float* __restrict__ moment1,
                float* __restrict__ moment2, Bf16* __restrict__ weights_out) {
  const int64_t i = GlobalThread();
  if (i >= packs) return;
  const int64_t at = i * kPack;
  AdamWPack<kPack>(step, gradient + at, weights + at, moment1 + at,
                   moment2 + at, weights_out + at);
}

}  // namespace

cudaError_t OnDevice::Activation(NumberFormat format,
                                 const ActivationSize& size, const void* gate,
                                 const void* up, void* out,
                                 cudaStream_t stream) {
  return WithAccess(
      format, AlignedWidth(size),
      [&](auto access) {
        using A = decltype(access);
        using T = typename A::Type;
        const int64_t packs = size.rows * (size.width / A::kPack);
        return Launch(ActivationKernel<T, A::kPack>, packs, kThreads, kThreads,
                      stream, size, packs, static_cast<const T*>(gate),
                      static_cast<const T*>(up), static_cast<T*>(out));
      },
      gate, up, out);
}

cudaError_t OnDevice::ActivationBackward(NumberFormat format,
                                         const ActivationSize& size,
                                         const void* gate, const void* up,
                                         const void* d_out, void* d_gate,
                                         void* d_up, cudaStream_t stream) {
  return WithAccess(
      format, AlignedWidth(size),
      [&](auto access) {
        using A = decltype(access);
        using T = typename A::Type;
        const int64_t packs = size.rows * (size.width / A::kPack);
        return Launch(ActivationBackwardKernel<T, A::kPack>, packs, kThreads,
                      kThreads, stream, size, packs,
                      static_cast<const T*>(gate), static_cast<const T*>(up),
                      static_cast<const T*>(d_out), static_cast<T*>(d_gate),
                      static_cast<T*>(d_up));
      },
      gate, up, d_out, d_gate, d_up);
}

cudaError_t OnDevice::ResidualNorm(NumberFormat format, int64_t rows,
                                   int64_t width, const void* x,
                                   const void* residual, void* sum,
                                   void* normed, cudaStream_t stream) {
  return WithAccess(
      format, width,
      [&](auto access) {
        using A = decltype(access);
        using T = typename A::Type;
        return Launch(ResidualNormKernel<T, A::kPack>, rows, kWarps, kThreads,
                      stream, rows, width, static_cast<const T*>(x),
                      static_cast<const T*>(residual), static_cast<T*>(sum),
                      static_cast<T*>(normed));
      },
      x, residual, sum, normed);
}

cudaError_t OnDevice::CrossEntropy(int64_t tokens, int64_t vocabulary,
                                   const float* logits, const int32_t* targets,
                                   float* losses, float* gradient,
                                   cudaStream_t stream) {
  const bool wide =
      vocabulary % kWidest<float> == 0 && AreAligned(16, logits, gradient);
  return Launch(
      wide ? CrossEntropyKernel<kWidest<float>> : CrossEntropyKernel<1>, tokens,
      1, kLossThreads, stream, vocabulary, logits, targets, losses, gradient);
}

cudaError_t OnDevice::AdamW(const AdamStep& step, const void* gradient,
                            float* weights, float* moment1, float* moment2,
                            void* weights_out, int64_t count,
                            cudaStream_t stream) {
  const bool wide = count % kAdamPack == 0 &&
                    AreAligned(8, gradient, weights_out) &&
                    AreAligned(16, weights, moment1, moment2);
  const int64_t packs = wide ? count / kAdamPack : count;
  return Launch(wide ? AdamWKernel<kAdamPack> : AdamWKernel<1>, packs, kThreads,
                kThreads, stream, step, packs,
                static_cast<const Bf16*>(gradient), weights, moment1, moment2,
                static_cast<Bf16*>(weights_out));
}

}  // namespace moeplan::worker::kernels
