#ifndef MOEPLAN_WORKER_DEVICE_NUMBER_FORMAT_H_
#define MOEPLAN_WORKER_DEVICE_NUMBER_FORMAT_H_

#include <cstdint>

namespace moeplan::worker {

// How an operand's numbers are stored.
enum class NumberFormat { kF32, kBf16 };

constexpr int64_t BytesOf(NumberFormat format) {
  return format == NumberFormat::kF32 ? 4 : 2;
}

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_NUMBER_FORMAT_H_
