#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/device/cuda/cuda_operation.h"
#include "worker/device/cuda/lt_product.h"
#include "worker/device/cuda/operand.h"
#include "worker/device/expert_products.h"
#include "worker/device/numerics.h"
#include "worker/device/product_check.h"

namespace moeplan::worker {
namespace {

constexpr char kDenseBackend[] = "cublaslt";

// Each operand has its own part of a case's seed.
constexpr uint64_t kSeedsOfCase = 4;

ArrayReader<ProductArray> ReaderOf(const Operand& a, const Operand& b,
                                   const Operand& c) {
  return [&](ProductArray array, const ArrayRows& rows) {
    const Operand& operand = array == ProductArray::kA   ? a
                             : array == ProductArray::kB ? b
                                                         : c;
    return operand.Download(rows);
  };
}

class CudaGemm final : public CudaOperation {
 public:
  CudaGemm(const Gemm& op, const std::string& dtype, NumberFormat format,
           CudaContext& context)
      : op_(op),
        most_allowed_(AllowedError(dtype)),
        format_(format),
        context_(context) {}

  absl::Status Create(uint64_t seed) {
    MOEPLAN_ASSIGN_OR_RETURN(
        product_, context_.lt_products().ProductOf({.m = op_.m,
                                                    .n = op_.n,
                                                    .k = op_.k,
                                                    .in = format_,
                                                    .out = format_}));
    MOEPLAN_ASSIGN_OR_RETURN(
        a_, Operand::Allocate(context_, format_, op_.m * op_.k));
    MOEPLAN_ASSIGN_OR_RETURN(
        b_, Operand::Allocate(context_, format_, op_.k * op_.n));
    MOEPLAN_ASSIGN_OR_RETURN(
        c_, Operand::Allocate(context_, format_, op_.m * op_.n));
    if (product_->workspace_bytes() > 0) {
      MOEPLAN_ASSIGN_OR_RETURN(workspace_,
                               context_.Allocate(product_->workspace_bytes()));
    }
    seed *= kSeedsOfCase;
    MOEPLAN_RETURN_IF_ERROR(a_.FillNormal(1, seed));
    MOEPLAN_RETURN_IF_ERROR(
        b_.FillNormal(1 / std::sqrt(static_cast<double>(op_.k)), seed + 1));
    return PoisonOutputs();
  }

  std::string backend() const override { return kDenseBackend; }

  absl::Status Enqueue(cudaStream_t stream) override {
    return product_->Enqueue(a_.data(), b_.data(), c_.data(), workspace_.data(),
                             stream);
  }

  absl::Status PoisonOutputs() override { return c_.Poison(); }

  absl::StatusOr<NumericsCheck> Check() override {
    return CheckProduct(op_, most_allowed_, ReaderOf(a_, b_, c_));
  }

  int64_t bytes() const override {
    return a_.bytes() + b_.bytes() + c_.bytes() + workspace_.bytes();
  }
  std::optional<double> executed_flops() const override {
    return product_->executed_flops();
  }

 private:
  const Gemm op_;
  const double most_allowed_;
  const NumberFormat format_;
  CudaContext& context_;
  const LtProduct* product_ = nullptr;
  Operand a_, b_, c_;
  DeviceBuffer workspace_;
};

class CudaGroupedGemm final : public CudaOperation {
 public:
  CudaGroupedGemm(const GroupedGemm& op, const std::string& dtype,
                  NumberFormat format, GroupedRoute route, CudaContext& context)
      : op_(op),
        most_allowed_(AllowedError(dtype)),
        format_(format),
        route_(route),
        context_(context),
        a_(op.pass == GemmPass::kInputGradient ? out_rows_ : in_rows_),
        b_(op.pass == GemmPass::kWeightGradient ? out_rows_ : weights_),
        c_(op.pass == GemmPass::kForward         ? out_rows_
           : op.pass == GemmPass::kInputGradient ? in_rows_
                                                 : weights_) {
    if (route == GroupedRoute::kDense) op_.rows_per_expert = {RowsOf(op)};
  }

  absl::Status Create(uint64_t seed) {
    MOEPLAN_ASSIGN_OR_RETURN(
        auto product,
        LtGroupedProduct::Create(op_, format_, route_, context_.lt_products(),
                                 context_));
    product_.emplace(std::move(product));
    const int64_t rows = RowsOf(op_);
    const auto experts = static_cast<int64_t>(op_.rows_per_expert.size());
    MOEPLAN_ASSIGN_OR_RETURN(
        in_rows_, Operand::Allocate(context_, format_, rows * op_.in_width));
    MOEPLAN_ASSIGN_OR_RETURN(
        out_rows_, Operand::Allocate(context_, format_, rows * op_.out_width));
    MOEPLAN_ASSIGN_OR_RETURN(
        weights_, Operand::Allocate(context_, format_,
                                    experts * op_.in_width * op_.out_width));
    seed *= kSeedsOfCase;
    MOEPLAN_RETURN_IF_ERROR(in_rows_.FillNormal(1, seed));
    MOEPLAN_RETURN_IF_ERROR(out_rows_.FillNormal(1, seed + 1));
    MOEPLAN_RETURN_IF_ERROR(weights_.FillNormal(
        1 / std::sqrt(static_cast<double>(op_.in_width)), seed + 2));
    return PoisonOutputs();
  }

  std::string backend() const override { return std::string(NameOf(route_)); }

  absl::Status Enqueue(cudaStream_t stream) override {
    return product_->Enqueue(a_.data(), b_.data(), c_.data(), stream);
  }

  absl::Status PoisonOutputs() override { return c_.Poison(); }

  absl::StatusOr<NumericsCheck> Check() override {
    return CheckGroupedProduct(op_, most_allowed_, ReaderOf(a_, b_, c_));
  }

  int64_t bytes() const override {
    return in_rows_.bytes() + out_rows_.bytes() + weights_.bytes() +
           product_->workspace_bytes();
  }
  std::optional<double> executed_flops() const override {
    return product_->executed_flops();
  }

 private:
  GroupedGemm op_;  // as it runs: of one expert for the dense route
  const double most_allowed_;
  const NumberFormat format_;
  const GroupedRoute route_;
  CudaContext& context_;
  std::optional<LtGroupedProduct> product_;
  Operand in_rows_, out_rows_, weights_;
  const Operand& a_;
  const Operand& b_;
  Operand& c_;
};

template <typename Made>
MadeCudaOperation Create(std::unique_ptr<Made> made, uint64_t seed) {
  MOEPLAN_RETURN_IF_ERROR(made->Create(seed));
  return made;
}

}  // namespace

MadeCudaOperation MakeCudaProduct(const Case& one, CudaContext& context) {
  MOEPLAN_ASSIGN_OR_RETURN(const NumberFormat format,
                           NumberFormatOf(one.dtype));
  if (const auto* gemm = std::get_if<Gemm>(&one.operation)) {
    if (!one.backend.empty() && one.backend != kDenseBackend) {
      return absl::UnimplementedError(
          absl::StrCat("CUDA runs dense products by ", kDenseBackend,
                       ", not by ", one.backend));
    }
    return Create(std::make_unique<CudaGemm>(*gemm, one.dtype, format, context),
                  one.seed);
  }
  MOEPLAN_ASSIGN_OR_RETURN(const GroupedRoute route,
                           GroupedRouteOf(one.backend));
  return Create(
      std::make_unique<CudaGroupedGemm>(std::get<GroupedGemm>(one.operation),
                                        one.dtype, format, route, context),
      one.seed);
}

}  // namespace moeplan::worker
