#ifndef MOEPLAN_WORKER_KERNELS_LANES_H_
#define MOEPLAN_WORKER_KERNELS_LANES_H_

#include <cstdint>

#include "worker/device/bf16.h"

namespace moeplan::worker::kernels {

// Who computes a row together: lane() of width(). Sum, Max and Min give every
// lane the result over all lanes; Sync makes what lanes wrote seen by others.
// All lanes call them, in the same order.

// The host: one that is alone.
struct OneLane {
  int lane() const { return 0; }
  int width() const { return 1; }
  float Sum(float value) const { return value; }
  float Max(float value) const { return value; }
  int32_t Max(int32_t value) const { return value; }
  int32_t Min(int32_t value) const { return value; }
  void Sync() const {}
};

#if defined(__CUDACC__)

// A warp of a block whose threads are a multiple of 32 in x.
struct WarpLanes {
  static constexpr unsigned kAll = 0xffffffffu;

  __device__ int lane() const { return static_cast<int>(threadIdx.x % 32); }
  __device__ int width() const { return 32; }
  __device__ float Sum(float value) const {
#pragma unroll
    for (int step = 16; step > 0; step /= 2) {
      value += __shfl_xor_sync(kAll, value, step);
    }
    return value;
  }
  __device__ float Max(float value) const {
#pragma unroll
    for (int step = 16; step > 0; step /= 2) {
      value = fmaxf(value, __shfl_xor_sync(kAll, value, step));
    }
    return value;
  }
  __device__ int32_t Max(int32_t value) const {
    return __reduce_max_sync(kAll, value);
  }
  __device__ int32_t Min(int32_t value) const {
    return __reduce_min_sync(kAll, value);
  }
  __device__ void Sync() const { __syncwarp(); }
};

// A whole block of kThreads threads in x.
template <int kThreads>
class BlockLanes {
 public:
  static constexpr int kWarps = kThreads / 32;
  static_assert(kThreads % 32 == 0 && kWarps <= 32);

  // `scratch` is shared by the block.
  __device__ explicit BlockLanes(float (&scratch)[kWarps])
      : scratch_(scratch) {}

  __device__ int lane() const { return static_cast<int>(threadIdx.x); }
  __device__ int width() const { return kThreads; }
  __device__ float Sum(float value) const {
    value = warp_.Sum(value);
    Exchange(value);
    return warp_.Sum(Partial(0.0f));
  }
  __device__ float Max(float value) const {
    value = warp_.Max(value);
    Exchange(value);
    return warp_.Max(Partial(-INFINITY));
  }
  __device__ void Sync() const { __syncthreads(); }

 private:
  __device__ void Exchange(float value) const {
    // Those who still read what was exchanged before come first.
    __syncthreads();
    if (warp_.lane() == 0) scratch_[threadIdx.x / 32] = value;
    __syncthreads();
  }
  __device__ float Partial(float neutral) const {
    return warp_.lane() < kWarps ? scratch_[warp_.lane()] : neutral;
  }

  const WarpLanes warp_ = {};
  float (&scratch_)[kWarps];
};

#endif  // __CUDACC__

}  // namespace moeplan::worker::kernels

#endif  // MOEPLAN_WORKER_KERNELS_LANES_H_
