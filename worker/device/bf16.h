#ifndef MOEPLAN_WORKER_DEVICE_BF16_H_
#define MOEPLAN_WORKER_DEVICE_BF16_H_

#include <cstdint>

// Marks functions that kernels share with the host.
#if defined(__CUDACC__)
#define MOEPLAN_HD __host__ __device__ inline
#else
#define MOEPLAN_HD inline
#endif

namespace moeplan::worker {

// A bfloat16: the upper half of a 32-bit float.
struct Bf16 {
  uint16_t bits = 0;
};

MOEPLAN_HD float ToFloat(float value) { return value; }
MOEPLAN_HD float ToFloat(Bf16 value) {
  return __builtin_bit_cast(float, static_cast<uint32_t>(value.bits) << 16);
}

// Rounds to the nearest, ties to even.
template <typename T>
MOEPLAN_HD T FromFloat(float value);
template <>
MOEPLAN_HD float FromFloat<float>(float value) {
  return value;
}
template <>
MOEPLAN_HD Bf16 FromFloat<Bf16>(float value) {
#if defined(__CUDA_ARCH__)
  // A GPU's NaN is 0x7fffffff, which the rounding below would turn into -0.
  Bf16 rounded;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(rounded.bits) : "f"(value));
  return rounded;
#else
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
#endif
}

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_BF16_H_
