#include "worker/kernels/device_kernels.h"
#include "worker/kernels/lanes.h"
#include "worker/kernels/pack.h"
#include "worker/kernels/routing_functions.h"

namespace moeplan::worker::kernels {
namespace {

// One warp a token; kEach * 32 experts at most, or any number where kEach is 0.
template <int kEach>
__global__ void __launch_bounds__(kThreads)
    SoftmaxTopKKernel(RoutingSize size, const float* __restrict__ logits,
                      float* probabilities, int32_t* __restrict__ experts) {
  const int64_t token = GlobalWarp();
  if (token >= size.tokens) return;
  const int32_t count = static_cast<int32_t>(size.experts);
  const int32_t choices = static_cast<int32_t>(size.choices);
  const float* in = logits + token * size.experts;
  float* out = probabilities + token * size.experts;
  int32_t* chosen = experts + token * size.choices;
  if constexpr (kEach > 0) {
    SoftmaxTopKRow<kEach>(WarpLanes(), count, choices, in, out, chosen);
  } else {
    SoftmaxTopKLongRow(WarpLanes(), count, choices, in, out, chosen);
  }
}

template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads)
    PermuteKernel(RoutingSize size, int64_t packs, const T* __restrict__ x,
                  const int32_t* __restrict__ slots, T* __restrict__ rows) {
  const int64_t i = GlobalThread();
  if (i < packs) PermutePack<kPack>(size, i, x, slots, rows);
}

// `start` may be `out`, so that neither is __restrict__.
template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads)
    CombineKernel(RoutingSize size, int64_t packs, const T* __restrict__ rows,
                  const int32_t* __restrict__ slots,
                  const float* __restrict__ weights, const T* start, T* out) {
  const int64_t i = GlobalThread();
  if (i < packs) CombinePack<kPack>(size, i, rows, slots, weights, start, out);
}

// One warp a choice: those of a token run beside each other, so that its
// gradient is read from memory once.
template <typename T, int kPack>
__global__ void __launch_bounds__(kThreads)
    CombineBackwardKernel(RoutingSize size, const T* __restrict__ d_out,
                          const T* __restrict__ rows,
                          const int32_t* __restrict__ slots,
                          const float* __restrict__ weights,
                          T* __restrict__ d_rows,
                          float* __restrict__ weight_gradients) {
  const int64_t choice = GlobalWarp();
  if (choice >= size.rows()) return;
  const int64_t row = slots[choice] * size.d_model;
  const WarpLanes lanes;
  const float dot = CombineBackwardRow<kPack>(
      lanes, size.d_model, d_out + choice / size.choices * size.d_model,
      rows + row, weights[choice], d_rows + row);
  if (lanes.lane() == 0) weight_gradients[choice] = dot;
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    SoftmaxBackwardKernel(RoutingSize size,
                          const float* __restrict__ probabilities,
                          const int32_t* __restrict__ experts,
                          const float* __restrict__ weights,
                          const float* __restrict__ weight_gradients,
                          T* d_logits) {
  const int64_t token = GlobalWarp();
  if (token >= size.tokens) return;
  const int64_t first = token * size.choices;
  SoftmaxBackwardRow(WarpLanes(), static_cast<int32_t>(size.experts),
                     static_cast<int32_t>(size.choices),
                     probabilities + token * size.experts, experts + first,
                     weights + first, weight_gradients + first,
                     d_logits + token * size.experts);
}

// The kernel whose registers hold so many experts.
auto SoftmaxTopKFor(int64_t experts) {
  if (experts <= 32) return SoftmaxTopKKernel<1>;
  if (experts <= 64) return SoftmaxTopKKernel<2>;
  if (experts <= 128) return SoftmaxTopKKernel<4>;
  if (experts <= 256) return SoftmaxTopKKernel<8>;
  if (experts <= 512) return SoftmaxTopKKernel<16>;
  if (experts <= 1024) return SoftmaxTopKKernel<32>;
  return SoftmaxTopKKernel<0>;
}

}  // namespace

cudaError_t OnDevice::SoftmaxTopK(const RoutingSize& size, const float* logits,
                                  float* probabilities, int32_t* experts,
                                  cudaStream_t stream) {
  return Launch(SoftmaxTopKFor(size.experts), size.tokens, kWarps, kThreads,
                stream, size, logits, probabilities, experts);
}

cudaError_t OnDevice::Permute(NumberFormat format, const RoutingSize& size,
                              const void* x, const int32_t* slots, void* rows,
                              cudaStream_t stream) {
  return WithAccess(
      format, size.d_model,
      [&](auto access) {
        using A = decltype(access);
        using T = typename A::Type;
        const int64_t packs = size.tokens * (size.d_model / A::kPack);
        return Launch(PermuteKernel<T, A::kPack>, packs, kThreads, kThreads,
                      stream, size, packs, static_cast<const T*>(x), slots,
                      static_cast<T*>(rows));
      },
      x, rows);
}

cudaError_t OnDevice::Combine(NumberFormat format, const RoutingSize& size,
                              const void* rows, const int32_t* slots,
                              const float* weights, const void* start,
                              void* out, cudaStream_t stream) {
  return WithAccess(
      format, size.d_model,
      [&](auto access) {
        using A = decltype(access);
        using T = typename A::Type;
        const int64_t packs = size.tokens * (size.d_model / A::kPack);
        return Launch(CombineKernel<T, A::kPack>, packs, kThreads, kThreads,
                      stream, size, packs, static_cast<const T*>(rows), slots,
                      weights, static_cast<const T*>(start),
                      static_cast<T*>(out));
      },
      rows, start, out);
}

cudaError_t OnDevice::CombineBackward(
    NumberFormat format, const RoutingSize& size, const void* d_out,
    const void* rows, const int32_t* slots, const float* weights, void* d_rows,
    float* weight_gradients, cudaStream_t stream) {
  return WithAccess(
      format, size.d_model,
      [&](auto access) {
        using A = decltype(access);
        using T = typename A::Type;
        return Launch(CombineBackwardKernel<T, A::kPack>, size.rows(), kWarps,
                      kThreads, stream, size, static_cast<const T*>(d_out),
                      static_cast<const T*>(rows), slots, weights,
                      static_cast<T*>(d_rows), weight_gradients);
      },
      d_out, rows, d_rows);
}

cudaError_t OnDevice::SoftmaxBackward(
    NumberFormat format, const RoutingSize& size, const float* probabilities,
    const int32_t* experts, const float* weights, const float* weight_gradients,
    void* d_logits, cudaStream_t stream) {
  return format == NumberFormat::kF32
             ? Launch(SoftmaxBackwardKernel<float>, size.tokens, kWarps,
                      kThreads, stream, size, probabilities, experts, weights,
                      weight_gradients, static_cast<float*>(d_logits))
             : Launch(SoftmaxBackwardKernel<Bf16>, size.tokens, kWarps,
                      kThreads, stream, size, probabilities, experts, weights,
                      weight_gradients, static_cast<Bf16*>(d_logits));
}

}  // namespace moeplan::worker::kernels
