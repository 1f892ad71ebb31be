#ifndef MOEPLAN_WORKER_DEVICE_GROUPED_PRODUCT_H_
#define MOEPLAN_WORKER_DEVICE_GROUPED_PRODUCT_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/base/status_macros.h"
#include "core/calibration/operation.h"
#include "worker/device/cpu_operation.h"

namespace moeplan::worker {

// The matrix products of all experts, one after the other. Rows lie together
// expert by expert; weights are in_width x out_width each.
//   pass             a               b                  c
//   forward          rows (in)       weights            rows (out)
//   input gradient   rows (out)      weights            rows (in)
//   weight gradient  rows (in)       rows (out)         weights
// An expert without rows runs nothing; its weight gradient is zeroed.
template <typename T>
class GroupedProduct {
 public:
  absl::Status Create(const GroupedGemm& op, const CpuTools& tools) {
    op_ = op;
    for (const int64_t rows : op.rows_per_expert) {
      const Product* product = nullptr;
      if (rows > 0) {
        MOEPLAN_ASSIGN_OR_RETURN(product, tools.ProductOf(SpecOf(rows)));
        implementation_ = product->implementation();
      }
      products_.push_back(product);
    }
    return absl::OkStatus();
  }

  void Run(const T* a, const T* b, T* c) const {
    const int64_t weights = op_.in_width * op_.out_width;
    const bool by_weight = op_.pass == GemmPass::kWeightGradient;
    const int64_t a_width =
        op_.pass == GemmPass::kInputGradient ? op_.out_width : op_.in_width;
    const int64_t c_width =
        op_.pass == GemmPass::kInputGradient ? op_.in_width : op_.out_width;
    for (size_t e = 0; e < products_.size(); ++e) {
      const int64_t rows = op_.rows_per_expert[e];
      if (products_[e] != nullptr) {
        products_[e]->Run(a, b, c);
      } else if (by_weight) {
        std::memset(static_cast<void*>(c), 0,
                    static_cast<size_t>(weights) * sizeof(T));
      }
      a += rows * a_width;
      b += by_weight ? rows * op_.out_width : weights;
      c += by_weight ? weights : rows * c_width;
    }
  }

  const std::string& implementation() const { return implementation_; }

 private:
  ProductSpec SpecOf(int64_t rows) const {
    ProductSpec spec = {.in = FormatOf<T>(), .out = FormatOf<T>()};
    switch (op_.pass) {
      case GemmPass::kForward:
        spec.m = rows;
        spec.n = op_.out_width;
        spec.k = op_.in_width;
        break;
      case GemmPass::kInputGradient:
        spec.m = rows;
        spec.n = op_.in_width;
        spec.k = op_.out_width;
        spec.transposed_b = true;
        break;
      case GemmPass::kWeightGradient:
        spec.m = op_.in_width;
        spec.n = op_.out_width;
        spec.k = rows;
        spec.transposed_a = true;
        break;
    }
    return spec;
  }

  GroupedGemm op_;
  std::vector<const Product*> products_;
  std::string implementation_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_GROUPED_PRODUCT_H_
