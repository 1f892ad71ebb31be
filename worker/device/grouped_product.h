#ifndef MOEPLAN_WORKER_DEVICE_GROUPED_PRODUCT_H_
#define MOEPLAN_WORKER_DEVICE_GROUPED_PRODUCT_H_

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "core/base/status_macros.h"
#include "core/calibration/operation.h"
#include "worker/device/cpu_operation.h"
#include "worker/device/expert_products.h"

namespace moeplan::worker {

// The matrix products of all experts, one after the other, of the operands that
// ExpertProducts describes. An expert without rows runs nothing; its weight
// gradient is zeroed.
template <typename T>
class GroupedProduct {
 public:
  absl::Status Create(const GroupedGemm& op, const CpuTools& tools) {
    for (const ExpertProduct& expert : ExpertProducts(op)) {
      const Product* product = nullptr;
      if (expert.m > 0 && expert.k > 0) {
        MOEPLAN_ASSIGN_OR_RETURN(
            product, tools.ProductOf({.m = expert.m,
                                      .n = expert.n,
                                      .k = expert.k,
                                      .transposed_a = expert.transposed_a,
                                      .transposed_b = expert.transposed_b,
                                      .in = FormatOf<T>(),
                                      .out = FormatOf<T>()}));
        implementation_ = product->implementation();
      }
      steps_.emplace_back(expert, product);
    }
    return absl::OkStatus();
  }

  void Run(const T* a, const T* b, T* c) const {
    for (const auto& [expert, product] : steps_) {
      T* result = c + expert.c_offset;
      if (product != nullptr) {
        product->Run(a + expert.a_offset, b + expert.b_offset, result);
      } else {
        std::fill(result, result + expert.m * expert.n, T{});
      }
    }
  }

  const std::string& implementation() const { return implementation_; }

 private:
  std::vector<std::pair<ExpertProduct, const Product*>> steps_;
  std::string implementation_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_GROUPED_PRODUCT_H_
