#include "worker/device/product_check.h"

#include "core/base/status_macros.h"
#include "worker/device/expert_products.h"
#include "worker/device/numerics.h"

namespace moeplan::worker {
namespace {

// Neighbouring rows or columns.
struct Range {
  int64_t begin = 0;
  int64_t size = 0;
};

constexpr int64_t kRowsOfPiece = 2;
constexpr int64_t kColumnPieces = 4;
constexpr int64_t kColumnsOfPiece = 32;

std::vector<Range> Pieces(int64_t count, int64_t pieces, int64_t size) {
  if (count == 0) return {};
  if (count <= pieces * size) return {{0, count}};
  std::vector<Range> ranges;
  for (int64_t i = 0; i < pieces; ++i) {
    ranges.push_back({i * (count - size) / (pieces - 1), size});
  }
  return ranges;
}

// A block of a matrix, or of its transpose, which is how it is stored.
struct Block {
  Range rows;
  Range columns;
  bool transposed = false;
  std::vector<double> values;  // as they are stored

  absl::Status Read(const ArrayReader<ProductArray>& read, ProductArray array,
                    int64_t offset, int64_t matrix_rows,
                    int64_t matrix_columns) {
    const int64_t pitch = transposed ? matrix_rows : matrix_columns;
    const Range& outer = transposed ? columns : rows;
    const Range& inner = transposed ? rows : columns;
    if (outer.size == 0 || inner.size == 0) return absl::OkStatus();
    MOEPLAN_ASSIGN_OR_RETURN(
        values,
        read(array, {.begin = offset + outer.begin * pitch + inner.begin,
                     .width = inner.size,
                     .rows = outer.size,
                     .pitch = pitch}));
    return absl::OkStatus();
  }

  double At(int64_t i, int64_t j) const {
    return values[static_cast<size_t>(transposed ? j * rows.size + i
                                                 : i * columns.size + j)];
  }
};

absl::Status Compare(const ExpertProduct& one, int64_t row_pieces,
                     const ArrayReader<ProductArray>& read,
                     Comparison& comparison) {
  const Range depth = {0, one.k};
  std::vector<Block> rights;
  for (const Range& columns : Pieces(one.n, kColumnPieces, kColumnsOfPiece)) {
    rights.push_back({depth, columns, one.transposed_b, {}});
    MOEPLAN_RETURN_IF_ERROR(
        rights.back().Read(read, ProductArray::kB, one.b_offset, one.k, one.n));
  }
  for (const Range& rows : Pieces(one.m, row_pieces, kRowsOfPiece)) {
    Block left = {rows, depth, one.transposed_a, {}};
    MOEPLAN_RETURN_IF_ERROR(
        left.Read(read, ProductArray::kA, one.a_offset, one.m, one.k));
    for (const Block& right : rights) {
      Block got = {rows, right.columns, false, {}};
      MOEPLAN_RETURN_IF_ERROR(
          got.Read(read, ProductArray::kC, one.c_offset, one.m, one.n));
      for (int64_t i = 0; i < rows.size; ++i) {
        ReferenceProductRow(
            [&](int64_t row, int64_t p) { return left.At(row, p); },
            [&](int64_t p, int64_t j) { return right.At(p, j); }, i,
            right.columns.size, one.k,
            [&](int64_t j, double want) {
              comparison.Add(got.At(i, j), want);
            });
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NumericsCheck> CheckProduct(
    const Gemm& op, double most_allowed,
    const ArrayReader<ProductArray>& read) {
  Comparison comparison(most_allowed);
  comparison.Begin("product");
  MOEPLAN_RETURN_IF_ERROR(
      Compare({.m = op.m, .n = op.n, .k = op.k}, 4, read, comparison));
  return comparison.Finish();
}

absl::StatusOr<NumericsCheck> CheckGroupedProduct(
    const GroupedGemm& op, double most_allowed,
    const ArrayReader<ProductArray>& read) {
  Comparison comparison(most_allowed);
  comparison.Begin("product");
  for (const ExpertProduct& one : ExpertProducts(op)) {
    MOEPLAN_RETURN_IF_ERROR(Compare(one, 2, read, comparison));
  }
  return comparison.Finish();
}

}  // namespace moeplan::worker
