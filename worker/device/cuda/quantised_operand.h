#ifndef MOEPLAN_WORKER_DEVICE_CUDA_QUANTISED_OPERAND_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_QUANTISED_OPERAND_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/device/cuda/cuda_context.h"

namespace moeplan::worker {

// A copy in e4m3 of an operand in bf16, with one scale for all of it, made anew
// by each run as in a step of training: largest absolute value, scale, copy.
// Movable only. Errors everywhere: those of the CudaContext, which outlives it.
class QuantisedOperand {
 public:
  // Empty.
  QuantisedOperand() = default;
  // Of `count` >= 1 numbers as they lie.
  static absl::StatusOr<QuantisedOperand> Create(CudaContext& context,
                                                 int64_t count);
  // Of matrices behind each other, with rows[i] >= 0 rows of `width` each, a
  // multiple of 4: the transpose of each, with zeros behind its rows up to a
  // multiple of kE4m3Step.
  static absl::StatusOr<QuantisedOperand> CreateTransposed(
      CudaContext& context, const std::vector<int64_t>& rows, int64_t width);

  // Makes the copy of what lies at `from` and its scale.
  absl::Status Enqueue(const void* from, cudaStream_t stream) const;
  // NaN as the copy and as its scale.
  absl::Status Poison();

  const void* data() const { return data_.data(); }
  // By which the copy is to be multiplied: a float on the device.
  const float* scale() const { return scalars_.as<float>(); }
  // Of the copy and of all that it is made with.
  int64_t bytes() const {
    return data_.bytes() + pieces_.bytes() + scalars_.bytes();
  }

 private:
  absl::Status Allocate(CudaContext& context, int64_t count, int64_t bytes);

  CudaContext* context_ = nullptr;
  int64_t count_ = 0;        // of numbers in bf16
  int64_t width_ = 0;        // of transposed matrices; 0: as they lie
  int64_t piece_count_ = 0;  // of transposed matrices
  DeviceBuffer data_;
  DeviceBuffer pieces_;   // TransposedPiece
  DeviceBuffer scalars_;  // scale, largest absolute value
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_QUANTISED_OPERAND_H_
