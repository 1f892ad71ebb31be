#ifndef MOEPLAN_WORKER_DEVICE_EXPERT_PRODUCTS_H_
#define MOEPLAN_WORKER_DEVICE_EXPERT_PRODUCTS_H_

#include <cstdint>
#include <vector>

#include "core/calibration/operation.h"

namespace moeplan::worker {

// The product of one expert: C (m x n) = A (m x k) B (k x n), all row-major and
// dense; a transposed operand is stored as its transpose. Offsets are of the
// first element within the operands of all experts.
struct ExpertProduct {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  bool transposed_a = false;
  bool transposed_b = false;
  int64_t a_offset = 0;
  int64_t b_offset = 0;
  int64_t c_offset = 0;
};

// Of each expert, also of those without rows, whose m or k is 0. Rows lie
// together expert by expert; weights are in_width x out_width each.
//   pass             a               b                  c
//   forward          rows (in)       weights            rows (out)
//   input gradient   rows (out)      weights            rows (in)
//   weight gradient  rows (in)       rows (out)         weights
std::vector<ExpertProduct> ExpertProducts(const GroupedGemm& op);

// Rows of all experts.
int64_t RowsOf(const GroupedGemm& op);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_EXPERT_PRODUCTS_H_
