#include "worker/device/cuda/cuda_operation.h"

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace moeplan::worker {

MadeCudaOperation MakeCudaOperation(const Case& one, CudaContext& context) {
  if (one.backend == kEagerBackend) {
    Case chosen = one;
    chosen.backend.clear();
    MOEPLAN_ASSIGN_OR_RETURN(auto made, MakeCudaOperation(chosen, context));
    made->RunEagerly();
    return made;
  }
  switch (KindOf(one.operation)) {
    case OperationKind::kGemm:
    case OperationKind::kGroupedGemm:
      return MakeCudaProduct(one, context);
    case OperationKind::kAttention:
      return MakeCudaAttention(one, context);
    case OperationKind::kRouting:
      return MakeCudaRouting(one, context);
    case OperationKind::kMoeBlock:
      return MakeCudaMoeBlock(one, context);
    case OperationKind::kElementwise:
    case OperationKind::kCrossEntropy:
    case OperationKind::kOptimizer:
    case OperationKind::kCopy:
    case OperationKind::kLaunch:
      break;
  }
  return MakeCudaMemoryBound(one, context);
}

absl::StatusOr<NumberFormat> NumberFormatOf(const std::string& dtype) {
  if (dtype == "bf16") return NumberFormat::kBf16;
  if (dtype == "f32") return NumberFormat::kF32;
  if (dtype == "fp8") {
    return absl::UnimplementedError(
        "only dense and grouped matrix products are measured in fp8");
  }
  return absl::UnimplementedError(
      absl::StrCat("no kernels are known for ", dtype));
}

absl::StatusOr<NumberFormat> ProductFormatOf(const std::string& dtype) {
  if (dtype == "fp8") return NumberFormat::kE4m3;
  return NumberFormatOf(dtype);
}

}  // namespace moeplan::worker
