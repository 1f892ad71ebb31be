#ifndef MOEPLAN_TESTS_TESTING_CUDA_E4M3_H_
#define MOEPLAN_TESTS_TESTING_CUDA_E4M3_H_

#include <cmath>
#include <cstdint>

namespace moeplan::worker {

// The number of a code in e4m3, by its definition (arXiv 2209.05433): a sign, 4
// bits of exponent with bias 7 and 3 of mantissa, subnormal numbers, no
// infinity, and NaN where all bits but the sign are 1.
inline float FromE4m3(uint8_t code) {
  const int exponent = code >> 3 & 15;
  const int mantissa = code & 7;
  const float sign = code >= 0x80 ? -1.0f : 1.0f;
  if (exponent == 15 && mantissa == 7) return NAN;
  const int significand = exponent == 0 ? mantissa : 8 + mantissa;
  return sign * std::ldexp(static_cast<float>(significand),
                           (exponent == 0 ? 1 : exponent) - 7 - 3);
}

}  // namespace moeplan::worker

#endif  // MOEPLAN_TESTS_TESTING_CUDA_E4M3_H_
