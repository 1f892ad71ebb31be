#include "worker/kernels/device_kernels.h"
#include "worker/kernels/pack.h"
#include "worker/kernels/row_functions.h"

namespace moeplan::worker {
namespace kernels {
namespace {

// Packs that a thread has on the way at once, so that few threads fill memory's
// latency.
constexpr int kCopiedPacks = 4;

template <typename T>
__global__ void FillNormalKernel(T* out, int64_t count, float scale,
                                 uint64_t seed) {
  const int64_t i = GlobalThread();
  if (i < count) out[i] = FromFloat<T>(scale * NormalAt(seed, i));
}

template <typename T>
__global__ void PoisonKernel(T* out, int64_t count) {
  const int64_t i = GlobalThread();
  if (i < count) out[i] = FromFloat<T>(NotANumber());
}

template <typename T>
__global__ void __launch_bounds__(kThreads)
    CopyKernel(const T* __restrict__ from, T* __restrict__ to, int64_t count) {
  const int64_t first =
      static_cast<int64_t>(blockIdx.x) * kThreads * kCopiedPacks + threadIdx.x;
  T values[kCopiedPacks];
#pragma unroll
  for (int j = 0; j < kCopiedPacks; ++j) {
    const int64_t i = first + j * kThreads;
    if (i < count) values[j] = from[i];
  }
#pragma unroll
  for (int j = 0; j < kCopiedPacks; ++j) {
    const int64_t i = first + j * kThreads;
    if (i < count) to[i] = values[j];
  }
}

template <typename T>
cudaError_t CopyAs(const void* from, void* to, int64_t bytes,
                   cudaStream_t stream) {
  return Launch(CopyKernel<T>, bytes / static_cast<int64_t>(sizeof(T)),
                kThreads * kCopiedPacks, kThreads, stream,
                static_cast<const T*>(from), static_cast<T*>(to),
                bytes / static_cast<int64_t>(sizeof(T)));
}

__global__ void WriteOneKernel(float* out) { *out = 1.0f; }

}  // namespace

cudaError_t OnDevice::FillNormal(NumberFormat format, void* out, int64_t count,
                                 float scale, uint64_t seed,
                                 cudaStream_t stream) {
  return format == NumberFormat::kF32
             ? Launch(FillNormalKernel<float>, count, kThreads, kThreads,
                      stream, static_cast<float*>(out), count, scale, seed)
             : Launch(FillNormalKernel<Bf16>, count, kThreads, kThreads, stream,
                      static_cast<Bf16*>(out), count, scale, seed);
}

cudaError_t OnDevice::Poison(NumberFormat format, void* out, int64_t count,
                             cudaStream_t stream) {
  return format == NumberFormat::kF32
             ? Launch(PoisonKernel<float>, count, kThreads, kThreads, stream,
                      static_cast<float*>(out), count)
             : Launch(PoisonKernel<Bf16>, count, kThreads, kThreads, stream,
                      static_cast<Bf16*>(out), count);
}

cudaError_t OnDevice::Copy(const void* from, void* to, int64_t bytes,
                           cudaStream_t stream) {
  const bool wide = AreAligned(16, from, to);
  const int64_t in_packs = wide ? bytes / 16 * 16 : 0;
  cudaError_t error = CopyAs<uint4>(from, to, in_packs, stream);
  if (error != cudaSuccess) return error;
  return CopyAs<uint8_t>(static_cast<const uint8_t*>(from) + in_packs,
                         static_cast<uint8_t*>(to) + in_packs, bytes - in_packs,
                         stream);
}

cudaError_t OnDevice::WriteOne(float* out, cudaStream_t stream) {
  return Launch(WriteOneKernel, 1, 1, 1, stream, out);
}

}  // namespace kernels

Kernels& DeviceKernels() {
  static auto* kernels = new kernels::OnDevice();
  return *kernels;
}

}  // namespace moeplan::worker
