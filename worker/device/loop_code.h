#ifndef MOEPLAN_WORKER_DEVICE_LOOP_CODE_H_
#define MOEPLAN_WORKER_DEVICE_LOOP_CODE_H_

// How the inner loops are compiled, and what they compute with.

#include <bit>
#include <cstdint>

// One copy for each width of vectors, chosen when the program is loaded.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define MOEPLAN_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MOEPLAN_CLONES
#endif
#define MOEPLAN_INLINE inline __attribute__((always_inline))

namespace moeplan::worker::loop_code {

// e^x to 1e-6 for |x| up to 10, without a call, so that loops of it vectorise:
// 2^n by the exponent's bits and 2^f, |f| <= 1/2, by Cephes' polynomial.
MOEPLAN_INLINE float Exp(float x) {
  float t = 1.44269504f * x;
  t = t > -126.0f ? t : -126.0f;
  t = t < 126.0f ? t : 126.0f;
  // Adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits.
  const float shifted = t + 12582912.0f;
  const float f = t - (shifted - 12582912.0f);
  float p = 1.535336188e-4f;
  p = p * f + 1.339887440e-3f;
  p = p * f + 9.618437357e-3f;
  p = p * f + 5.550332471e-2f;
  p = p * f + 2.402264791e-1f;
  p = p * f + 6.931472028e-1f;
  p = p * f + 1.0f;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(p) +
                              (std::bit_cast<uint32_t>(shifted) << 23));
}

MOEPLAN_INLINE float Sigmoid(float x) { return 1.0f / (1.0f + Exp(-x)); }

}  // namespace moeplan::worker::loop_code

#endif  // MOEPLAN_WORKER_DEVICE_LOOP_CODE_H_
