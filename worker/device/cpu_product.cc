#include <cmath>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/device/buffer.h"
#include "worker/device/cpu_operation.h"
#include "worker/device/grouped_product.h"
#include "worker/device/numerics.h"

namespace moeplan::worker {
namespace {

constexpr int64_t kSampledRows = 8;
constexpr int64_t kSampledRowsPerExpert = 3;

template <typename T>
class GemmOperation final : public CpuOperation {
 public:
  GemmOperation(const Gemm& op, const Product* product, double most_allowed,
                uint64_t seed)
      : op_(op),
        product_(product),
        most_allowed_(most_allowed),
        a_(op.m * op.k),
        b_(op.k * op.n),
        c_(op.m * op.n) {
    RandomValues values(seed);
    values.Fill(a_, 1);
    values.Fill(b_, 1 / std::sqrt(static_cast<double>(op.k)));
    Poison(c_);
  }

  std::string backend() const override {
    return absl::StrCat("onednn.", product_->implementation());
  }
  void Run() override { product_->Run(a_.data(), b_.data(), c_.data()); }
  void PoisonOutputs() override { Poison(c_); }
  int64_t bytes() const override {
    return a_.bytes() + b_.bytes() + c_.bytes();
  }

  NumericsCheck Check() const override {
    Comparison comparison(most_allowed_);
    comparison.Begin("product");
    const auto at = [](const Buffer<T>& buffer, int64_t i) {
      return static_cast<double>(ToFloat(buffer[static_cast<size_t>(i)]));
    };
    for (const int64_t row : SampledIndices(op_.m, kSampledRows)) {
      ReferenceProductRow(
          [&](int64_t i, int64_t p) { return at(a_, i * op_.k + p); },
          [&](int64_t p, int64_t j) { return at(b_, p * op_.n + j); }, row,
          op_.n, op_.k,
          [&](int64_t j, double want) {
            comparison.Add(at(c_, row * op_.n + j), want);
          });
    }
    return comparison.Finish();
  }

 private:
  const Gemm op_;
  const Product* const product_;
  const double most_allowed_;
  Buffer<T> a_, b_, c_;
};

// Rows of all experts.
int64_t RowsOf(const GroupedGemm& op) {
  return std::accumulate(op.rows_per_expert.begin(), op.rows_per_expert.end(),
                         int64_t{0});
}

template <typename T>
class GroupedOperation final : public CpuOperation {
 public:
  GroupedOperation(const GroupedGemm& op, GroupedProduct<T> product,
                   double most_allowed, uint64_t seed)
      : op_(op),
        product_(std::move(product)),
        most_allowed_(most_allowed),
        in_rows_(RowsOf(op) * op.in_width),
        out_rows_(RowsOf(op) * op.out_width),
        weights_(static_cast<int64_t>(op.rows_per_expert.size()) * op.in_width *
                 op.out_width) {
    RandomValues values(seed);
    values.Fill(in_rows_, 1);
    values.Fill(out_rows_, 1);
    values.Fill(weights_, 1 / std::sqrt(static_cast<double>(op.in_width)));
    PoisonOutputs();
  }

  std::string backend() const override {
    return absl::StrCat("onednn_loop.", product_.implementation());
  }

  void Run() override {
    switch (op_.pass) {
      case GemmPass::kForward:
        product_.Run(in_rows_.data(), weights_.data(), out_rows_.data());
        break;
      case GemmPass::kInputGradient:
        product_.Run(out_rows_.data(), weights_.data(), in_rows_.data());
        break;
      case GemmPass::kWeightGradient:
        product_.Run(in_rows_.data(), out_rows_.data(), weights_.data());
        break;
    }
  }

  void PoisonOutputs() override {
    switch (op_.pass) {
      case GemmPass::kForward:
        Poison(out_rows_);
        break;
      case GemmPass::kInputGradient:
        Poison(in_rows_);
        break;
      case GemmPass::kWeightGradient:
        Poison(weights_);
        break;
    }
  }

  int64_t bytes() const override {
    return in_rows_.bytes() + out_rows_.bytes() + weights_.bytes();
  }

  NumericsCheck Check() const override {
    Comparison comparison(most_allowed_);
    comparison.Begin("product");
    int64_t start = 0;
    for (size_t e = 0; e < op_.rows_per_expert.size(); ++e) {
      CheckExpert(static_cast<int64_t>(e), start, op_.rows_per_expert[e],
                  comparison);
      start += op_.rows_per_expert[e];
    }
    return comparison.Finish();
  }

 private:
  double In(int64_t row, int64_t i) const {
    return ToFloat(in_rows_[static_cast<size_t>(row * op_.in_width + i)]);
  }
  double Out(int64_t row, int64_t j) const {
    return ToFloat(out_rows_[static_cast<size_t>(row * op_.out_width + j)]);
  }
  double Weight(int64_t expert, int64_t i, int64_t j) const {
    return ToFloat(weights_[static_cast<size_t>(
        (expert * op_.in_width + i) * op_.out_width + j)]);
  }

  void CheckExpert(int64_t e, int64_t start, int64_t rows,
                   Comparison& comparison) const {
    if (op_.pass == GemmPass::kWeightGradient) {
      for (const int64_t i :
           SampledIndices(op_.in_width, kSampledRowsPerExpert)) {
        ReferenceProductRow(
            [&](int64_t at, int64_t p) { return In(start + p, at); },
            [&](int64_t p, int64_t j) { return Out(start + p, j); }, i,
            op_.out_width, rows,
            [&](int64_t j, double want) {
              comparison.Add(Weight(e, i, j), want);
            });
      }
      return;
    }
    for (const int64_t row : SampledIndices(rows, kSampledRowsPerExpert)) {
      const int64_t at = start + row;
      if (op_.pass == GemmPass::kForward) {
        ReferenceProductRow(
            [&](int64_t r, int64_t p) { return In(r, p); },
            [&](int64_t p, int64_t j) { return Weight(e, p, j); }, at,
            op_.out_width, op_.in_width,
            [&](int64_t j, double want) { comparison.Add(Out(at, j), want); });
      } else {
        ReferenceProductRow(
            [&](int64_t r, int64_t p) { return Out(r, p); },
            [&](int64_t p, int64_t j) { return Weight(e, j, p); }, at,
            op_.in_width, op_.out_width,
            [&](int64_t j, double want) { comparison.Add(In(at, j), want); });
      }
    }
  }

  const GroupedGemm op_;
  const GroupedProduct<T> product_;
  const double most_allowed_;
  Buffer<T> in_rows_, out_rows_, weights_;
};

template <typename T>
MadeOperation Make(const Case& one, const CpuTools& tools, uint64_t seed) {
  const double most_allowed = AllowedError(one.dtype);
  if (const auto* gemm = std::get_if<Gemm>(&one.operation)) {
    MOEPLAN_ASSIGN_OR_RETURN(const Product* product,
                             tools.ProductOf({.m = gemm->m,
                                              .n = gemm->n,
                                              .k = gemm->k,
                                              .in = FormatOf<T>(),
                                              .out = FormatOf<T>()}));
    return std::make_unique<GemmOperation<T>>(*gemm, product, most_allowed,
                                              seed);
  }
  const GroupedGemm& grouped = std::get<GroupedGemm>(one.operation);
  GroupedProduct<T> product;
  MOEPLAN_RETURN_IF_ERROR(product.Create(grouped, tools));
  return std::make_unique<GroupedOperation<T>>(grouped, std::move(product),
                                               most_allowed, seed);
}

}  // namespace

MadeOperation MakeProduct(const Case& one, const CpuTools& tools,
                          uint64_t seed) {
  return one.dtype == "f32" ? Make<float>(one, tools, seed)
                            : Make<Bf16>(one, tools, seed);
}

}  // namespace moeplan::worker
