#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/device/buffer.h"
#include "worker/device/cpu_operation.h"
#include "worker/device/expert_products.h"
#include "worker/device/grouped_product.h"
#include "worker/device/numerics.h"
#include "worker/device/product_check.h"

namespace moeplan::worker {
namespace {

// Reading the host's memory does not fail.
template <typename T>
ArrayReader<ProductArray> ReaderOf(const Buffer<T>& a, const Buffer<T>& b,
                                   const Buffer<T>& c) {
  return [&](ProductArray array, const ArrayRows& rows) {
    const Buffer<T>& buffer = array == ProductArray::kA   ? a
                              : array == ProductArray::kB ? b
                                                          : c;
    return RowsOf(buffer.data(), rows);
  };
}

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
    return *CheckProduct(op_, most_allowed_, ReaderOf(a_, b_, c_));
  }

 private:
  const Gemm op_;
  const Product* const product_;
  const double most_allowed_;
  Buffer<T> a_, b_, c_;
};

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
                 op.out_width),
        a_(op.pass == GemmPass::kInputGradient ? out_rows_ : in_rows_),
        b_(op.pass == GemmPass::kWeightGradient ? out_rows_ : weights_),
        c_(op.pass == GemmPass::kForward         ? out_rows_
           : op.pass == GemmPass::kInputGradient ? in_rows_
                                                 : weights_) {
    RandomValues values(seed);
    values.Fill(in_rows_, 1);
    values.Fill(out_rows_, 1);
    values.Fill(weights_, 1 / std::sqrt(static_cast<double>(op.in_width)));
    PoisonOutputs();
  }

  std::string backend() const override {
    return absl::StrCat("onednn_loop.", product_.implementation());
  }

  void Run() override { product_.Run(a_.data(), b_.data(), c_.data()); }
  void PoisonOutputs() override { Poison(c_); }
  int64_t bytes() const override {
    return in_rows_.bytes() + out_rows_.bytes() + weights_.bytes();
  }

  NumericsCheck Check() const override {
    return *CheckGroupedProduct(op_, most_allowed_, ReaderOf(a_, b_, c_));
  }

 private:
  const GroupedGemm op_;
  const GroupedProduct<T> product_;
  const double most_allowed_;
  Buffer<T> in_rows_, out_rows_, weights_;
  const Buffer<T>& a_;
  const Buffer<T>& b_;
  Buffer<T>& c_;
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
