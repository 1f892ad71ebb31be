#ifndef MOEPLAN_WORKER_DEVICE_CUDA_DEVICE_ROWS_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_DEVICE_ROWS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/status_macros.h"
#include "worker/device/array_reader.h"
#include "worker/device/bf16.h"
#include "worker/device/cuda/cuda_context.h"
#include "worker/device/number_format.h"

namespace moeplan::worker {

// Rows of an array of T that lies at `data` in the device's memory. Errors:
// those of the context.
template <typename T>
absl::StatusOr<std::vector<double>> DownloadedRows(CudaContext& context,
                                                   const void* data,
                                                   const ArrayRows& rows) {
  std::vector<T> packed(static_cast<size_t>(rows.rows * rows.width));
  if (packed.empty()) return std::vector<double>();
  constexpr auto kBytes = static_cast<int64_t>(sizeof(T));
  // One row has no pitch, and CUDA allows none below the width.
  const int64_t pitch = rows.rows == 1 ? rows.width : rows.pitch;
  MOEPLAN_RETURN_IF_ERROR(context.DownloadRows(
      static_cast<const T*>(data) + rows.begin, pitch * kBytes,
      rows.width * kBytes, rows.rows, packed.data()));
  return RowsOf(packed.data(), {.width = rows.rows * rows.width});
}

// The same of an array of the format's numbers.
inline absl::StatusOr<std::vector<double>> DownloadedRows(
    CudaContext& context, NumberFormat format, const void* data,
    const ArrayRows& rows) {
  return format == NumberFormat::kF32
             ? DownloadedRows<float>(context, data, rows)
             : DownloadedRows<Bf16>(context, data, rows);
}

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_DEVICE_ROWS_H_
