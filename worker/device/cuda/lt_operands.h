#ifndef MOEPLAN_WORKER_DEVICE_CUDA_LT_OPERANDS_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_LT_OPERANDS_H_

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "worker/device/cuda/cuda_context.h"
#include "worker/device/cuda/lt_product.h"
#include "worker/device/number_format.h"

namespace moeplan::worker {

// An operand as it is stored: `rows` lie behind each other.
struct Stored {
  int64_t rows = 0;
  int64_t columns = 0;
  NumberFormat format = NumberFormat::kBf16;

  int64_t row_bytes() const { return columns * BytesOf(format); }
  // That of every row, and so of every expert's first one; at most what
  // cudaMalloc and CudaContext::Allocate align to.
  int64_t alignment() const {
    constexpr int64_t kMostAlignment = 256;
    return std::min(kMostAlignment, row_bytes() & -row_bytes());
  }
};

Stored StoredA(const LtProductSpec& spec);
Stored StoredB(const LtProductSpec& spec);
Stored StoredC(const LtProductSpec& spec);

// Sizes and formats, for messages.
std::string Describe(const LtProductSpec& spec);

// Whether the device and the cuBLASLt of a context that has one multiply such
// operands; its setters accept nearly all. Errors: as LtProducts::ProductOf.
absl::Status Validate(const LtProductSpec& spec, const CudaContext& context);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_LT_OPERANDS_H_
