#ifndef MOEPLAN_TESTS_TESTING_CUDA_NUMBERS_H_
#define MOEPLAN_TESTS_TESTING_CUDA_NUMBERS_H_

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/testing/cuda/host_kernels.h"
#include "worker/device/array_reader.h"
#include "worker/device/buffer.h"
#include "worker/device/number_format.h"

namespace moeplan::worker {

// Numbers of one format in the host's memory, aligned as a device's are:
// normal ones, or NaN without a seed.
class Numbers {
 public:
  Numbers(NumberFormat format, int64_t count)
      : format_(format), count_(count), bytes_(count * BytesOf(format)) {
    HostKernels().Poison(format, data(), count, nullptr);
  }
  Numbers(NumberFormat format, int64_t count, uint64_t seed, float scale = 1)
      : Numbers(format, count) {
    HostKernels().FillNormal(format, data(), count, scale, seed, nullptr);
  }

  void* data() { return bytes_.data(); }
  float* floats() { return static_cast<float*>(data()); }
  int64_t count() const { return count_; }
  // The numbers from `first` on.
  void* From(int64_t first) { return bytes_.data() + first * BytesOf(format_); }
  std::vector<double> Values() const {
    const ArrayRows all = {.width = count_};
    return format_ == NumberFormat::kF32
               ? RowsOf(reinterpret_cast<const float*>(bytes_.data()), all)
               : RowsOf(reinterpret_cast<const Bf16*>(bytes_.data()), all);
  }

 private:
  NumberFormat format_;
  int64_t count_;
  Buffer<unsigned char> bytes_;
};

// |got - want| / |want|.
inline double RelativeError(const std::vector<double>& got,
                            const std::vector<double>& want) {
  EXPECT_EQ(got.size(), want.size());
  if (got.size() != want.size()) return NAN;
  double difference = 0;
  double norm = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    difference += (got[i] - want[i]) * (got[i] - want[i]);
    norm += want[i] * want[i];
  }
  return std::sqrt(difference / (norm > 0 ? norm : 1));
}

// What rounding to the format and sums in 32 bits allow.
inline double RoundingOf(NumberFormat format) {
  return format == NumberFormat::kF32 ? 2e-6 : 4e-3;
}

}  // namespace moeplan::worker

#endif  // MOEPLAN_TESTS_TESTING_CUDA_NUMBERS_H_
