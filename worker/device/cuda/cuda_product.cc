#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/device/cuda/cuda_operation.h"
#include "worker/device/cuda/lt_product.h"
#include "worker/device/cuda/operand.h"
#include "worker/device/cuda/quantised_operand.h"
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

// Operands lie in memory as a step of training has them: what is multiplied in
// fp8 comes from bf16 and goes there.
NumberFormat StoredFormat(NumberFormat format) {
  return format == NumberFormat::kE4m3 ? NumberFormat::kBf16 : format;
}

// The operands of a product in e4m3, which each run makes of those in bf16.
struct QuantisedPair {
  QuantisedOperand a, b;

  absl::Status Enqueue(const Operand& from_a, const Operand& from_b,
                       cudaStream_t stream) const {
    MOEPLAN_RETURN_IF_ERROR(a.Enqueue(from_a.data(), stream));
    return b.Enqueue(from_b.data(), stream);
  }
  absl::Status Poison() {
    MOEPLAN_RETURN_IF_ERROR(a.Poison());
    return b.Poison();
  }
  LtScales scales() const { return {.a = a.scale(), .b = b.scale()}; }
  int64_t bytes() const { return a.bytes() + b.bytes(); }
};

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
        product_, context_.lt_products().ProductOf(
                      {.m = op_.m,
                       .n = op_.n,
                       .k = op_.k,
                       .transposed_b = format_ == NumberFormat::kE4m3,
                       .in = format_,
                       .out = StoredFormat(format_),
                       .fast_sums = format_ == NumberFormat::kE4m3}));
    const auto allocate = [this](int64_t count) {
      return Operand::Allocate(context_, StoredFormat(format_), count);
    };
    MOEPLAN_ASSIGN_OR_RETURN(a_, allocate(op_.m * op_.k));
    MOEPLAN_ASSIGN_OR_RETURN(b_, allocate(op_.k * op_.n));
    MOEPLAN_ASSIGN_OR_RETURN(c_, allocate(op_.m * op_.n));
    if (format_ == NumberFormat::kE4m3) {
      QuantisedPair& pair = quantised_.emplace();
      MOEPLAN_ASSIGN_OR_RETURN(
          pair.a, QuantisedOperand::Create(context_, op_.m * op_.k));
      MOEPLAN_ASSIGN_OR_RETURN(
          pair.b, QuantisedOperand::CreateTransposed(context_, {op_.k}, op_.n));
    }
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
    if (!quantised_.has_value()) {
      return product_->Enqueue(a_.data(), b_.data(), c_.data(),
                               workspace_.data(), stream);
    }
    MOEPLAN_RETURN_IF_ERROR(quantised_->Enqueue(a_, b_, stream));
    return product_->Enqueue(quantised_->a.data(), quantised_->b.data(),
                             c_.data(), workspace_.data(), stream,
                             quantised_->scales());
  }

  absl::Status PoisonOutputs() override {
    if (quantised_.has_value()) {
      MOEPLAN_RETURN_IF_ERROR(quantised_->Poison());
    }
    return c_.Poison();
  }

  absl::StatusOr<NumericsCheck> Check() override {
    return CheckProduct(op_, most_allowed_, ReaderOf(a_, b_, c_));
  }

  int64_t bytes() const override {
    return a_.bytes() + b_.bytes() + c_.bytes() + workspace_.bytes() +
           (quantised_.has_value() ? quantised_->bytes() : 0);
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
  std::optional<QuantisedPair> quantised_;
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
    const auto allocate = [this](int64_t count) {
      return Operand::Allocate(context_, StoredFormat(format_), count);
    };
    MOEPLAN_ASSIGN_OR_RETURN(in_rows_, allocate(rows * op_.in_width));
    MOEPLAN_ASSIGN_OR_RETURN(out_rows_, allocate(rows * op_.out_width));
    MOEPLAN_ASSIGN_OR_RETURN(weights_,
                             allocate(experts * op_.in_width * op_.out_width));
    if (format_ == NumberFormat::kE4m3) {
      MOEPLAN_RETURN_IF_ERROR(CreateQuantised());
    }
    seed *= kSeedsOfCase;
    MOEPLAN_RETURN_IF_ERROR(in_rows_.FillNormal(1, seed));
    MOEPLAN_RETURN_IF_ERROR(out_rows_.FillNormal(1, seed + 1));
    MOEPLAN_RETURN_IF_ERROR(weights_.FillNormal(
        1 / std::sqrt(static_cast<double>(op_.in_width)), seed + 2));
    return PoisonOutputs();
  }

  std::string backend() const override { return std::string(NameOf(route_)); }

  absl::Status Enqueue(cudaStream_t stream) override {
    if (!quantised_.has_value()) {
      return product_->Enqueue(a_.data(), b_.data(), c_.data(), stream);
    }
    MOEPLAN_RETURN_IF_ERROR(quantised_->Enqueue(a_, b_, stream));
    return product_->Enqueue(quantised_->a.data(), quantised_->b.data(),
                             c_.data(), stream, quantised_->scales());
  }

  absl::Status PoisonOutputs() override {
    if (quantised_.has_value()) {
      MOEPLAN_RETURN_IF_ERROR(quantised_->Poison());
    }
    return c_.Poison();
  }

  absl::StatusOr<NumericsCheck> Check() override {
    return CheckGroupedProduct(op_, most_allowed_, ReaderOf(a_, b_, c_));
  }

  int64_t bytes() const override {
    return in_rows_.bytes() + out_rows_.bytes() + weights_.bytes() +
           product_->workspace_bytes() +
           (quantised_.has_value() ? quantised_->bytes() : 0);
  }
  std::optional<double> executed_flops() const override {
    return product_->executed_flops();
  }

 private:
  // As LtGroupedProduct takes them.
  absl::Status CreateQuantised() {
    QuantisedPair& pair = quantised_.emplace();
    const auto as_it_lies = [this](const Operand& operand) {
      return QuantisedOperand::Create(context_, operand.count());
    };
    const auto transposed = [this](const std::vector<int64_t>& rows,
                                   int64_t width) {
      return QuantisedOperand::CreateTransposed(context_, rows, width);
    };
    const std::vector<int64_t>& rows = op_.rows_per_expert;
    const std::vector<int64_t> weights(rows.size(), op_.in_width);
    const bool sums_rows = op_.pass == GemmPass::kWeightGradient;
    MOEPLAN_ASSIGN_OR_RETURN(
        pair.a, sums_rows ? transposed(rows, op_.in_width) : as_it_lies(a_));
    MOEPLAN_ASSIGN_OR_RETURN(
        pair.b, op_.pass == GemmPass::kInputGradient
                    ? as_it_lies(b_)
                    : transposed(sums_rows ? rows : weights, op_.out_width));
    return absl::OkStatus();
  }

  GroupedGemm op_;  // as it runs: of one expert for the dense route
  const double most_allowed_;
  const NumberFormat format_;
  const GroupedRoute route_;
  CudaContext& context_;
  std::optional<LtGroupedProduct> product_;
  Operand in_rows_, out_rows_, weights_;
  std::optional<QuantisedPair> quantised_;
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
                           ProductFormatOf(one.dtype));
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
