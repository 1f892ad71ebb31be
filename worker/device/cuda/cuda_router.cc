#include "worker/device/cuda/cuda_router.h"

#include <limits>

#include "core/base/status_macros.h"

namespace moeplan::worker {

absl::StatusOr<CudaRouter> CudaRouter::Create(const Routing& op,
                                              NumberFormat format,
                                              CudaContext& context) {
  const RoutingSize size = {.tokens = op.tokens,
                            .experts = op.experts,
                            .choices = op.experts_per_token,
                            .d_model = op.d_model};
  if (size.rows() > std::numeric_limits<int32_t>::max()) {
    return absl::UnimplementedError(
        "slots of choices are 32-bit numbers, which do not count so many");
  }
  CudaRouter router(size, format, context);
  MOEPLAN_RETURN_IF_ERROR(router.Allocate());
  return router;
}

absl::Status CudaRouter::Allocate() {
  constexpr NumberFormat kF32 = NumberFormat::kF32;
  const int64_t rows = size_.rows();
  MOEPLAN_ASSIGN_OR_RETURN(
      probabilities_,
      Operand::Allocate(*context_, kF32, size_.tokens * size_.experts));
  MOEPLAN_ASSIGN_OR_RETURN(weights_, Operand::Allocate(*context_, kF32, rows));
  MOEPLAN_ASSIGN_OR_RETURN(weight_gradients_,
                           Operand::Allocate(*context_, kF32, rows));
  constexpr int64_t kBytes = sizeof(int32_t);
  MOEPLAN_ASSIGN_OR_RETURN(chosen_, context_->Allocate(rows * kBytes));
  MOEPLAN_ASSIGN_OR_RETURN(slots_, context_->Allocate(rows * kBytes));
  int64_t workspace_bytes = 0;
  MOEPLAN_RETURN_IF_ERROR(context_->ToStatus(
      context_->kernels().IndexWorkspaceBytes(size_, &workspace_bytes),
      "IndexWorkspaceBytes"));
  MOEPLAN_ASSIGN_OR_RETURN(workspace_, context_->Allocate(workspace_bytes));
  return context_->ToStatus(context_->kernels().InitIndexWorkspace(
                                size_, workspace_.data(), context_->stream()),
                            "InitIndexWorkspace");
}

absl::Status CudaRouter::Force(const std::vector<int32_t>& experts) {
  const auto bytes = static_cast<int64_t>(experts.size() * sizeof(int32_t));
  MOEPLAN_ASSIGN_OR_RETURN(forced_, context_->Allocate(bytes));
  return context_->Upload(experts.data(), bytes, forced_.data());
}

absl::Status CudaRouter::SoftmaxAndTopK(const void* logits,
                                        cudaStream_t stream) {
  return context_->ToStatus(context_->kernels().SoftmaxTopK(
                                size_, static_cast<const float*>(logits),
                                static_cast<float*>(probabilities_.data()),
                                chosen_.as<int32_t>(), stream),
                            "SoftmaxTopK");
}

absl::Status CudaRouter::BuildIndex(cudaStream_t stream) {
  return context_->ToStatus(
      context_->kernels().BuildIndex(
          size_, experts(), static_cast<const float*>(probabilities_.data()),
          workspace_.data(), slots_.as<int32_t>(),
          static_cast<float*>(weights_.data()), stream),
      "BuildIndex");
}

absl::Status CudaRouter::Permute(const void* x, void* rows,
                                 cudaStream_t stream) {
  return context_->ToStatus(
      context_->kernels().Permute(format_, size_, x, slots(), rows, stream),
      "Permute");
}

absl::Status CudaRouter::Combine(const void* rows, void* out,
                                 cudaStream_t stream) {
  return context_->ToStatus(
      context_->kernels().Combine(format_, size_, rows, slots(),
                                  static_cast<const float*>(weights_.data()),
                                  nullptr, out, stream),
      "Combine");
}

absl::Status CudaRouter::CombineBackward(const void* d_out, const void* rows,
                                         void* d_rows, cudaStream_t stream) {
  return context_->ToStatus(
      context_->kernels().CombineBackward(
          format_, size_, d_out, rows, slots(),
          static_cast<const float*>(weights_.data()), d_rows,
          static_cast<float*>(weight_gradients_.data()), stream),
      "CombineBackward");
}

absl::Status CudaRouter::SoftmaxBackward(void* d_logits, cudaStream_t stream) {
  return context_->ToStatus(
      context_->kernels().SoftmaxBackward(
          format_, size_, static_cast<const float*>(probabilities_.data()),
          experts(), static_cast<const float*>(weights_.data()),
          static_cast<const float*>(weight_gradients_.data()), d_logits,
          stream),
      "SoftmaxBackward");
}

absl::Status CudaRouter::PermuteBackward(const void* d_rows, bool accumulate,
                                         void* d_x, cudaStream_t stream) {
  return context_->ToStatus(
      context_->kernels().Combine(format_, size_, d_rows, slots(), nullptr,
                                  accumulate ? d_x : nullptr, d_x, stream),
      "Combine");
}

absl::Status CudaRouter::Poison() {
  MOEPLAN_RETURN_IF_ERROR(probabilities_.Poison());
  return weights_.Poison();
}

int64_t CudaRouter::bytes() const {
  return probabilities_.bytes() + weights_.bytes() + weight_gradients_.bytes() +
         chosen_.bytes() + forced_.bytes() + slots_.bytes() +
         workspace_.bytes();
}

}  // namespace moeplan::worker
