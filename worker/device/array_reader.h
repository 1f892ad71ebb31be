#ifndef MOEPLAN_WORKER_DEVICE_ARRAY_READER_H_
#define MOEPLAN_WORKER_DEVICE_ARRAY_READER_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/device/bf16.h"

namespace moeplan::worker {

// `rows` rows of `width` neighbouring elements, the first of which is element
// `begin` of its array; each row begins `pitch` elements after the one before.
struct ArrayRows {
  int64_t begin = 0;
  int64_t width = 0;
  int64_t rows = 1;
  int64_t pitch = 0;
};

// Brings rows of one of an operation's arrays to the host, packed, in doubles:
// all that a check needs to know of where an operation ran. Errors: those of
// the device.
template <typename Array>
using ArrayReader = std::function<absl::StatusOr<std::vector<double>>(
    Array array, const ArrayRows& rows)>;

inline double ToDouble(float value) { return value; }
inline double ToDouble(Bf16 value) { return ToFloat(value); }
template <typename T>
double ToDouble(T value) {
  return static_cast<double>(value);
}

// Rows of an array in the host's memory.
template <typename T>
std::vector<double> RowsOf(const T* array, const ArrayRows& rows) {
  std::vector<double> values;
  values.reserve(static_cast<size_t>(rows.rows * rows.width));
  for (int64_t row = 0; row < rows.rows; ++row) {
    const T* from = array + rows.begin + row * rows.pitch;
    for (int64_t i = 0; i < rows.width; ++i)
      values.push_back(ToDouble(from[i]));
  }
  return values;
}

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_ARRAY_READER_H_
