#include "worker/device/product_check.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "core/base/rng.h"
#include "worker/device/expert_products.h"

namespace moeplan::worker {
namespace {

// A product in the host's memory, transposed operands as they are stored.
struct Stored {
  int64_t m = 0, n = 0, k = 0;
  bool transposed_a = false;
  bool transposed_b = false;
  std::vector<float> a, b, c;
};

Stored Multiply(int64_t m, int64_t n, int64_t k, bool transposed_a,
                bool transposed_b) {
  Stored made = {m, n, k, transposed_a, transposed_b, {}, {}, {}};
  Rng rng(7);
  for (int64_t i = 0; i < m * k; ++i) {
    made.a.push_back(static_cast<float>(rng.Normal()));
  }
  for (int64_t i = 0; i < k * n; ++i) {
    made.b.push_back(static_cast<float>(rng.Normal()));
  }
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < k; ++p) {
        sum += double{made.a[static_cast<size_t>(transposed_a ? p * m + i
                                                              : i * k + p)]} *
               double{made.b[static_cast<size_t>(transposed_b ? j * k + p
                                                              : p * n + j)]};
      }
      made.c.push_back(static_cast<float>(sum));
    }
  }
  return made;
}

// As one expert's product of the pass that stores operands so; a product whose
// operands are both transposed is none of an expert's.
GroupedGemm AsExpert(const Stored& product) {
  if (product.transposed_a) {
    return {.rows_per_expert = {product.k},
            .in_width = product.m,
            .out_width = product.n,
            .pass = GemmPass::kWeightGradient};
  }
  return {.rows_per_expert = {product.m},
          .in_width = product.transposed_b ? product.n : product.k,
          .out_width = product.transposed_b ? product.k : product.n,
          .pass = product.transposed_b ? GemmPass::kInputGradient
                                       : GemmPass::kForward};
}

// Reads the product's arrays and counts what is read.
ArrayReader<ProductArray> ReaderOf(const Stored& product, int64_t& count) {
  return [&](ProductArray array, const ArrayRows& rows) {
    count += rows.rows * rows.width;
    return RowsOf(array == ProductArray::kA   ? product.a.data()
                  : array == ProductArray::kB ? product.b.data()
                                              : product.c.data(),
                  rows);
  };
}

double ErrorOf(const Stored& product) {
  int64_t count = 0;
  return CheckGroupedProduct(AsExpert(product), 1e-5, ReaderOf(product, count))
      ->relative_error;
}

double DenseErrorOf(const Stored& product, int64_t& count) {
  return CheckProduct({.m = product.m, .n = product.n, .k = product.k}, 1e-5,
                      ReaderOf(product, count))
      ->relative_error;
}

constexpr std::pair<bool, bool> kTransposes[] = {
    {false, false}, {false, true}, {true, false}};

TEST(ProductCheckTest, RightProductsOfEveryPassAreRight) {
  for (const auto& [transposed_a, transposed_b] : kTransposes) {
    EXPECT_LT(ErrorOf(Multiply(5, 7, 9, transposed_a, transposed_b)), 1e-6);
    EXPECT_LT(ErrorOf(Multiply(50, 333, 20, transposed_a, transposed_b)), 1e-6);
    EXPECT_LT(ErrorOf(Multiply(1, 200, 1, transposed_a, transposed_b)), 1e-6);
  }
}

TEST(ProductCheckTest, FaultsAtEveryCornerAreSeen) {
  for (const auto& [transposed_a, transposed_b] : kTransposes) {
    const Stored right = Multiply(50, 333, 20, transposed_a, transposed_b);
    for (const size_t at :
         {size_t{0}, size_t{332}, size_t{49 * 333}, right.c.size() - 1}) {
      Stored wrong = right;
      wrong.c[at] += 5;
      EXPECT_GT(ErrorOf(wrong), 0.01) << at;
    }
  }
}

TEST(ProductCheckTest, SmallOnesAreComparedAsAWhole) {
  const Stored right = Multiply(8, 128, 3, false, false);
  for (size_t at = 0; at < right.c.size(); ++at) {
    Stored wrong = right;
    wrong.c[at] += 5;
    int64_t count = 0;
    EXPECT_GT(DenseErrorOf(wrong, count), 0.01) << at;
  }
}

TEST(ProductCheckTest, LargeOnesReadEightRowsOf128Columns) {
  const Stored right = Multiply(999, 1001, 5, false, false);
  int64_t count = 0;
  EXPECT_LT(DenseErrorOf(right, count), 1e-6);
  EXPECT_EQ(count, 8 * 5 + 128 * 5 + 8 * 128);
}

TEST(ProductCheckTest, AnEmptySumIsZero) {
  Stored empty = Multiply(3, 4, 0, true, false);
  EXPECT_EQ(ErrorOf(empty), 0);
  empty.c[5] = 1;
  EXPECT_EQ(ErrorOf(empty), 1);
  EXPECT_EQ(ErrorOf(Multiply(0, 4, 3, false, false)), 0);
}

TEST(ProductCheckTest, ErrorsOfReadingComeThrough) {
  const auto fails = [](ProductArray, const ArrayRows&) {
    return absl::StatusOr<std::vector<double>>(absl::DataLossError("ECC"));
  };
  EXPECT_EQ(CheckProduct({.m = 1, .n = 1, .k = 1}, 1, fails).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST(ExpertProductsTest, CoverEveryOperandOnceAndInOrder) {
  const std::vector<int64_t> rows = {0, 3, 1, 0};
  for (const GemmPass pass : {GemmPass::kForward, GemmPass::kInputGradient,
                              GemmPass::kWeightGradient}) {
    const GroupedGemm op = {
        .rows_per_expert = rows, .in_width = 5, .out_width = 7, .pass = pass};
    int64_t a = 0, b = 0, c = 0;
    for (const ExpertProduct& one : ExpertProducts(op)) {
      EXPECT_EQ(one.a_offset, a);
      EXPECT_EQ(one.b_offset, b);
      EXPECT_EQ(one.c_offset, c);
      a += one.m * one.k;
      b += one.k * one.n;
      c += one.m * one.n;
    }
    const int64_t in = 4 * 5, out = 4 * 7, weights = 4 * 5 * 7;
    EXPECT_EQ(a, pass == GemmPass::kInputGradient ? out : in);
    EXPECT_EQ(b, pass == GemmPass::kWeightGradient ? out : weights);
    EXPECT_EQ(c, pass == GemmPass::kForward         ? out
                 : pass == GemmPass::kInputGradient ? in
                                                    : weights);
  }
  EXPECT_EQ(RowsOf({.rows_per_expert = rows}), 4);
}

}  // namespace
}  // namespace moeplan::worker
