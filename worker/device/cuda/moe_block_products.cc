#include "worker/device/cuda/moe_block_products.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "core/base/status_macros.h"

namespace moeplan::worker {

absl::StatusOr<MoeBlockProducts> MoeBlockProducts::Create(
    const MoeBlock& op, NumberFormat format, GroupedRoute route,
    CudaContext& context) {
  MoeBlockProducts products;
  products.backward_ = op.backward;
  MOEPLAN_RETURN_IF_ERROR(products.CreateRouter(op, format, context));
  MOEPLAN_RETURN_IF_ERROR(products.CreateExperts(op, format, route, context));
  return products;
}

absl::Status MoeBlockProducts::CreateRouter(const MoeBlock& op,
                                            NumberFormat format,
                                            CudaContext& context) {
  const auto experts = static_cast<int64_t>(op.rows_per_expert.size());
  LtProducts& lt = context.lt_products();
  MOEPLAN_ASSIGN_OR_RETURN(logits_, lt.ProductOf({.m = op.tokens,
                                                  .n = experts,
                                                  .k = op.d_model,
                                                  .in = format,
                                                  .out = NumberFormat::kF32}));
  int64_t workspace_bytes = logits_->workspace_bytes();
  if (op.backward) {
    MOEPLAN_ASSIGN_OR_RETURN(d_x_, lt.ProductOf({.m = op.tokens,
                                                 .n = op.d_model,
                                                 .k = experts,
                                                 .transposed_b = true,
                                                 .in = format,
                                                 .out = format}));
    MOEPLAN_ASSIGN_OR_RETURN(d_router_, lt.ProductOf({.m = op.d_model,
                                                      .n = experts,
                                                      .k = op.tokens,
                                                      .transposed_a = true,
                                                      .in = format,
                                                      .out = format}));
    workspace_bytes = std::max({workspace_bytes, d_x_->workspace_bytes(),
                                d_router_->workspace_bytes()});
  }
  if (workspace_bytes > 0) {
    MOEPLAN_ASSIGN_OR_RETURN(workspace_, context.Allocate(workspace_bytes));
  }
  return absl::OkStatus();
}

absl::Status MoeBlockProducts::CreateExperts(const MoeBlock& op,
                                             NumberFormat format,
                                             GroupedRoute route,
                                             CudaContext& context) {
  const auto create = [&](int64_t in, int64_t out, GemmPass pass,
                          std::optional<LtGroupedProduct>& to) -> absl::Status {
    const GroupedGemm grouped = {.rows_per_expert = op.rows_per_expert,
                                 .in_width = in,
                                 .out_width = out,
                                 .pass = pass};
    MOEPLAN_ASSIGN_OR_RETURN(
        LtGroupedProduct made,
        LtGroupedProduct::Create(grouped, format, route, context.lt_products(),
                                 context));
    to.emplace(std::move(made));
    return absl::OkStatus();
  };
  const int64_t d = op.d_model;
  const int64_t width = op.expert_width;
  const int64_t fan = (op.gated ? 2 : 1) * width;
  MOEPLAN_RETURN_IF_ERROR(create(d, fan, GemmPass::kForward, up_));
  MOEPLAN_RETURN_IF_ERROR(create(width, d, GemmPass::kForward, down_));
  if (!op.backward) return absl::OkStatus();
  MOEPLAN_RETURN_IF_ERROR(create(d, fan, GemmPass::kInputGradient, up_rows_));
  MOEPLAN_RETURN_IF_ERROR(
      create(d, fan, GemmPass::kWeightGradient, up_weights_));
  MOEPLAN_RETURN_IF_ERROR(
      create(width, d, GemmPass::kInputGradient, down_rows_));
  return create(width, d, GemmPass::kWeightGradient, down_weights_);
}

absl::Status MoeBlockProducts::Logits(const void* x, const void* router,
                                      void* logits, cudaStream_t stream) const {
  return logits_->Enqueue(x, router, logits, workspace_.data(), stream);
}

absl::Status MoeBlockProducts::DX(const void* d_logits, const void* router,
                                  void* d_x, cudaStream_t stream) const {
  return d_x_->Enqueue(d_logits, router, d_x, workspace_.data(), stream);
}

absl::Status MoeBlockProducts::DRouter(const void* x, const void* d_logits,
                                       void* d_router,
                                       cudaStream_t stream) const {
  return d_router_->Enqueue(x, d_logits, d_router, workspace_.data(), stream);
}

int64_t MoeBlockProducts::workspace_bytes() const {
  int64_t bytes = workspace_.bytes();
  for (const auto* product :
       {&up_, &down_, &up_rows_, &up_weights_, &down_rows_, &down_weights_}) {
    if (product->has_value()) bytes += (*product)->workspace_bytes();
  }
  return bytes;
}

std::optional<double> MoeBlockProducts::executed_flops() const {
  std::vector<std::optional<double>> all;
  if (backward_) {
    all = {d_x_->executed_flops(),       d_router_->executed_flops(),
           up_rows_->executed_flops(),   up_weights_->executed_flops(),
           down_rows_->executed_flops(), down_weights_->executed_flops()};
  } else {
    all = {logits_->executed_flops(), up_->executed_flops(),
           down_->executed_flops()};
  }
  double sum = 0;
  for (const auto& each : all) {
    if (!each.has_value()) return std::nullopt;
    sum += *each;
  }
  return sum;
}

}  // namespace moeplan::worker
