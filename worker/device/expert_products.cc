#include "worker/device/expert_products.h"

#include <numeric>

namespace moeplan::worker {

std::vector<ExpertProduct> ExpertProducts(const GroupedGemm& op) {
  const int64_t weights = op.in_width * op.out_width;
  std::vector<ExpertProduct> products;
  int64_t in = 0;  // offsets of the expert's rows and weights
  int64_t out = 0;
  int64_t weight = 0;
  for (const int64_t rows : op.rows_per_expert) {
    ExpertProduct one;
    switch (op.pass) {
      case GemmPass::kForward:
        one = {.m = rows,
               .n = op.out_width,
               .k = op.in_width,
               .a_offset = in,
               .b_offset = weight,
               .c_offset = out};
        break;
      case GemmPass::kInputGradient:
        one = {.m = rows,
               .n = op.in_width,
               .k = op.out_width,
               .transposed_b = true,
               .a_offset = out,
               .b_offset = weight,
               .c_offset = in};
        break;
      case GemmPass::kWeightGradient:
        one = {.m = op.in_width,
               .n = op.out_width,
               .k = rows,
               .transposed_a = true,
               .a_offset = in,
               .b_offset = out,
               .c_offset = weight};
        break;
    }
    products.push_back(one);
    in += rows * op.in_width;
    out += rows * op.out_width;
    weight += weights;
  }
  return products;
}

int64_t RowsOf(const GroupedGemm& op) {
  return std::accumulate(op.rows_per_expert.begin(), op.rows_per_expert.end(),
                         int64_t{0});
}

}  // namespace moeplan::worker
