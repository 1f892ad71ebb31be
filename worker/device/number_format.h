#ifndef MOEPLAN_WORKER_DEVICE_NUMBER_FORMAT_H_
#define MOEPLAN_WORKER_DEVICE_NUMBER_FORMAT_H_

#include <cstdint>

namespace moeplan::worker {

// How an operand's numbers are stored.
enum class NumberFormat {
  kF32,
  kBf16,
  // 4 bits of exponent and 3 of mantissa, up to 448; no infinity. What matrix
  // products of "fp8" multiply.
  kE4m3,
};

constexpr int64_t BytesOf(NumberFormat format) {
  switch (format) {
    case NumberFormat::kF32:
      return 4;
    case NumberFormat::kBf16:
      return 2;
    case NumberFormat::kE4m3:
      break;
  }
  return 1;
}

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_NUMBER_FORMAT_H_
