#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/device/cuda/cuda_operation.h"
#include "worker/device/cuda/cuda_router.h"
#include "worker/device/cuda/device_rows.h"
#include "worker/device/cuda/operand.h"
#include "worker/device/numerics.h"
#include "worker/device/routing_check.h"

namespace moeplan::worker {
namespace {

constexpr char kBackend[] = "kernels.routing";
// Each operand has its own part of a case's seed.
constexpr uint64_t kSeedsOfCase = 4;

class CudaRouting final : public CudaOperation {
 public:
  CudaRouting(const Routing& op, const std::string& dtype, NumberFormat format,
              CudaContext& context)
      : op_(op),
        most_allowed_(AllowedError(dtype)),
        format_(format),
        context_(context) {}

  absl::Status Create(uint64_t seed) {
    MOEPLAN_RETURN_IF_ERROR(Allocate());
    seed *= kSeedsOfCase;
    MOEPLAN_RETURN_IF_ERROR(logits_.FillNormal(1, seed));
    MOEPLAN_RETURN_IF_ERROR(tokens_in_.FillNormal(1, seed + 1));
    MOEPLAN_RETURN_IF_ERROR(rows_.FillNormal(1, seed + 2));
    // Backward starts from what forward chose.
    MOEPLAN_RETURN_IF_ERROR(
        router_->SoftmaxAndTopK(logits_.data(), context_.stream()));
    MOEPLAN_RETURN_IF_ERROR(router_->BuildIndex(context_.stream()));
    return PoisonOutputs();
  }

  std::string backend() const override { return kBackend; }

  absl::Status Enqueue(cudaStream_t stream) override {
    if (op_.backward) {
      // tokens_in_ is the gradient of the output; rows_ what experts computed,
      // and the gradient that comes back from them.
      MOEPLAN_RETURN_IF_ERROR(router_->CombineBackward(
          tokens_in_.data(), rows_.data(), rows_out_.data(), stream));
      MOEPLAN_RETURN_IF_ERROR(
          router_->SoftmaxBackward(logit_gradients_.data(), stream));
      return router_->PermuteBackward(rows_.data(), false, tokens_out_.data(),
                                      stream);
    }
    MOEPLAN_RETURN_IF_ERROR(router_->SoftmaxAndTopK(logits_.data(), stream));
    MOEPLAN_RETURN_IF_ERROR(router_->BuildIndex(stream));
    MOEPLAN_RETURN_IF_ERROR(
        router_->Permute(tokens_in_.data(), rows_out_.data(), stream));
    return router_->Combine(rows_.data(), tokens_out_.data(), stream);
  }

  absl::Status PoisonOutputs() override {
    MOEPLAN_RETURN_IF_ERROR(rows_out_.Poison());
    MOEPLAN_RETURN_IF_ERROR(tokens_out_.Poison());
    return op_.backward ? logit_gradients_.Poison() : router_->Poison();
  }

  absl::StatusOr<NumericsCheck> Check() override {
    return CheckRouting(op_, most_allowed_,
                        [this](RoutingArray array, const ArrayRows& rows) {
                          return Read(array, rows);
                        });
  }

  int64_t bytes() const override {
    return router_->bytes() + logits_.bytes() + tokens_in_.bytes() +
           rows_.bytes() + rows_out_.bytes() + tokens_out_.bytes() +
           logit_gradients_.bytes();
  }

 private:
  absl::Status Allocate() {
    MOEPLAN_ASSIGN_OR_RETURN(CudaRouter router,
                             CudaRouter::Create(op_, format_, context_));
    router_.emplace(std::move(router));
    const auto allocate = [this](NumberFormat format, int64_t count) {
      return Operand::Allocate(context_, format, count);
    };
    const int64_t tokens = op_.tokens * op_.d_model;
    const int64_t rows = tokens * op_.experts_per_token;
    const int64_t logits = op_.tokens * op_.experts;
    MOEPLAN_ASSIGN_OR_RETURN(logits_, allocate(NumberFormat::kF32, logits));
    MOEPLAN_ASSIGN_OR_RETURN(tokens_in_, allocate(format_, tokens));
    MOEPLAN_ASSIGN_OR_RETURN(rows_, allocate(format_, rows));
    MOEPLAN_ASSIGN_OR_RETURN(rows_out_, allocate(format_, rows));
    MOEPLAN_ASSIGN_OR_RETURN(tokens_out_, allocate(format_, tokens));
    if (op_.backward) {
      MOEPLAN_ASSIGN_OR_RETURN(logit_gradients_, allocate(format_, logits));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<double>> Read(RoutingArray array,
                                           const ArrayRows& rows) const {
    const auto read = [&](NumberFormat format, const void* data) {
      return DownloadedRows(context_, format, data, rows);
    };
    switch (array) {
      case RoutingArray::kLogits:
        return read(NumberFormat::kF32, logits_.data());
      case RoutingArray::kTokensIn:
        return read(format_, tokens_in_.data());
      case RoutingArray::kRows:
        return read(format_, rows_.data());
      case RoutingArray::kRowsOut:
        return read(format_, rows_out_.data());
      case RoutingArray::kTokensOut:
        return read(format_, tokens_out_.data());
      case RoutingArray::kLogitGradients:
        return read(format_, logit_gradients_.data());
      case RoutingArray::kExperts:
        return DownloadedRows<int32_t>(context_, router_->experts(), rows);
      case RoutingArray::kSlots:
        return DownloadedRows<int32_t>(context_, router_->slots(), rows);
      case RoutingArray::kWeights:
        break;
    }
    return read(NumberFormat::kF32, router_->weights());
  }

  const Routing op_;
  const double most_allowed_;
  const NumberFormat format_;
  CudaContext& context_;
  std::optional<CudaRouter> router_;
  Operand logits_, tokens_in_, rows_, rows_out_, tokens_out_, logit_gradients_;
};

}  // namespace

MadeCudaOperation MakeCudaRouting(const Case& one, CudaContext& context) {
  MOEPLAN_ASSIGN_OR_RETURN(const NumberFormat format,
                           NumberFormatOf(one.dtype));
  if (!one.backend.empty() && one.backend != kBackend) {
    return absl::UnimplementedError(absl::StrCat(
        "CUDA routes by ", kBackend, ", not by \"", one.backend, "\""));
  }
  auto made = std::make_unique<CudaRouting>(std::get<Routing>(one.operation),
                                            one.dtype, format, context);
  MOEPLAN_RETURN_IF_ERROR(made->Create(one.seed));
  return made;
}

}  // namespace moeplan::worker
