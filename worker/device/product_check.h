#ifndef MOEPLAN_WORKER_DEVICE_PRODUCT_CHECK_H_
#define MOEPLAN_WORKER_DEVICE_PRODUCT_CHECK_H_

#include "absl/status/statusor.h"
#include "core/calibration/operation.h"
#include "worker/device/array_reader.h"
#include "worker/device/device.h"

namespace moeplan::worker {

// The operands of C = A B, of all experts as ExpertProducts describes them.
enum class ProductArray { kA, kB, kC };

// Compares what a product computed with sums in doubles: all of C where it is
// small, else 8 rows and 128 columns, evenly spread, the first and the last
// among them; of each expert's C, 4 rows and 128 columns.
// Errors: those of `read`. Cost: k multiply-adds for each number compared.
absl::StatusOr<NumericsCheck> CheckProduct(
    const Gemm& op, double most_allowed, const ArrayReader<ProductArray>& read);
absl::StatusOr<NumericsCheck> CheckGroupedProduct(
    const GroupedGemm& op, double most_allowed,
    const ArrayReader<ProductArray>& read);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_PRODUCT_CHECK_H_
