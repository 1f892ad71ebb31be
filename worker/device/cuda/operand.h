#ifndef MOEPLAN_WORKER_DEVICE_CUDA_OPERAND_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_OPERAND_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/device/array_reader.h"
#include "worker/device/cuda/cuda_context.h"
#include "worker/device/number_format.h"

namespace moeplan::worker {

// Numbers of one format in the device's memory. Movable only. Errors
// everywhere: those of the CudaContext, which outlives it.
class Operand {
 public:
  // Empty.
  Operand() = default;
  // `count` >= 0 numbers, whatever the memory holds.
  static absl::StatusOr<Operand> Allocate(CudaContext& context,
                                          NumberFormat format, int64_t count);

  void* data() const { return data_.data(); }
  int64_t count() const { return count_; }
  int64_t bytes() const { return data_.bytes(); }

  absl::Status FillNormal(double standard_deviation, uint64_t seed);
  absl::Status Poison();
  absl::StatusOr<std::vector<double>> Download(const ArrayRows& rows) const;

 private:
  CudaContext* context_ = nullptr;
  NumberFormat format_ = NumberFormat::kBf16;
  int64_t count_ = 0;
  DeviceBuffer data_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_OPERAND_H_
