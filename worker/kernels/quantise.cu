#include "worker/kernels/device_kernels.h"
#include "worker/kernels/lanes.h"
#include "worker/kernels/pack.h"
#include "worker/kernels/quantise_functions.h"

namespace moeplan::worker::kernels {
namespace {

constexpr int kWide = kWidest<Bf16>;

template <int kPack>
__global__ void __launch_bounds__(kThreads)
    AbsMaxKernel(int64_t count, const Bf16* __restrict__ in, float* most) {
  __shared__ float scratch[kWarps];
  const BlockLanes<kThreads> lanes(scratch);
  const int64_t begin = blockIdx.x * QuantisedChunk<kPack>(kThreads);
  const float found = AbsMaxChunk<kPack>(lanes, count - begin, in + begin);
  // Floats that are not negative are in the order of their bits.
  if (lanes.lane() == 0) {
    atomicMax(reinterpret_cast<int*>(most), __float_as_int(found));
  }
}

// What to multiply by; one thread tells the scale.
__device__ float Factor(const float* most, float* scale, bool is_first) {
  const float divisor = ScaleOf(*most);
  if (is_first) *scale = divisor;
  return 1.0f / divisor;
}

template <int kPack>
__global__ void __launch_bounds__(kThreads)
    QuantiseKernel(int64_t count, const Bf16* __restrict__ in,
                   const float* __restrict__ most, uint8_t* __restrict__ out,
                   float* scale) {
  __shared__ float scratch[kWarps];
  const BlockLanes<kThreads> lanes(scratch);
  const int64_t begin = blockIdx.x * QuantisedChunk<kPack>(kThreads);
  QuantiseChunk<kPack>(lanes, count - begin, in + begin,
                       Factor(most, scale, GlobalThread() == 0), out + begin);
}

__global__ void __launch_bounds__(kThreads)
    QuantiseTransposedKernel(int64_t width, int64_t column_blocks,
                             const TransposedPiece* __restrict__ pieces,
                             const Bf16* __restrict__ in,
                             const float* __restrict__ most,
                             uint8_t* __restrict__ out, float* scale) {
  __shared__ float sums[kWarps];
  __shared__ uint32_t scratch[kTransposingWords];
  const BlockLanes<kThreads> lanes(sums);
  // Neighbouring blocks read the same rows.
  const int64_t piece = blockIdx.x / column_blocks;
  const int64_t column =
      (blockIdx.x - piece * column_blocks) * kTransposedColumns;
  QuantiseTransposedPiece(lanes, pieces[piece], width, column, in,
                          Factor(most, scale, GlobalThread() == 0), scratch,
                          out);
}

}  // namespace

cudaError_t OnDevice::AbsMax(const void* in, int64_t count, float* most,
                             cudaStream_t stream) {
  const bool wide = count % kWide == 0 && AreAligned(16, in);
  return Launch(
      wide ? AbsMaxKernel<kWide> : AbsMaxKernel<1>, count,
      wide ? QuantisedChunk<kWide>(kThreads) : QuantisedChunk<1>(kThreads),
      kThreads, stream, count, static_cast<const Bf16*>(in), most);
}

cudaError_t OnDevice::Quantise(const void* in, int64_t count, const float* most,
                               void* out, float* scale, cudaStream_t stream) {
  const bool wide = count % kWide == 0 && AreAligned(16, in, out);
  return Launch(
      wide ? QuantiseKernel<kWide> : QuantiseKernel<1>, count,
      wide ? QuantisedChunk<kWide>(kThreads) : QuantisedChunk<1>(kThreads),
      kThreads, stream, count, static_cast<const Bf16*>(in), most,
      static_cast<uint8_t*>(out), scale);
}

cudaError_t OnDevice::QuantiseTransposed(const void* in, int64_t width,
                                         const TransposedPiece* pieces,
                                         int64_t piece_count, const float* most,
                                         void* out, float* scale,
                                         cudaStream_t stream) {
  if (width % 4 != 0 || !AreAligned(8, in) || !AreAligned(4, out)) {
    return cudaErrorInvalidValue;
  }
  const int64_t column_blocks =
      (width + kTransposedColumns - 1) / kTransposedColumns;
  return Launch(QuantiseTransposedKernel, piece_count * column_blocks, 1,
                kThreads, stream, width, column_blocks, pieces,
                static_cast<const Bf16*>(in), most, static_cast<uint8_t*>(out),
                scale);
}

}  // namespace moeplan::worker::kernels
