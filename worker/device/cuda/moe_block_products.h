#ifndef MOEPLAN_WORKER_DEVICE_CUDA_MOE_BLOCK_PRODUCTS_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_MOE_BLOCK_PRODUCTS_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/calibration/operation.h"
#include "worker/device/cuda/cuda_context.h"
#include "worker/device/cuda/lt_product.h"
#include "worker/device/number_format.h"

namespace moeplan::worker {

// The matrix products of a MoE block, by cuBLASLt. Names are those of what they
// make. Errors everywhere: those of LtProducts and LtGroupedProduct.
class MoeBlockProducts {
 public:
  // Those of the backward pass only where op.backward.
  static absl::StatusOr<MoeBlockProducts> Create(const MoeBlock& op,
                                                 NumberFormat format,
                                                 GroupedRoute route,
                                                 CudaContext& context);

  // 32-bit logits, as frameworks keep them.
  absl::Status Logits(const void* x, const void* router, void* logits,
                      cudaStream_t stream) const;
  absl::Status DX(const void* d_logits, const void* router, void* d_x,
                  cudaStream_t stream) const;
  absl::Status DRouter(const void* x, const void* d_logits, void* d_router,
                       cudaStream_t stream) const;

  // Of experts; those of the backward pass as gradients of their operands.
  const LtGroupedProduct& up() const { return *up_; }
  const LtGroupedProduct& down() const { return *down_; }
  const LtGroupedProduct& up_rows() const { return *up_rows_; }
  const LtGroupedProduct& up_weights() const { return *up_weights_; }
  const LtGroupedProduct& down_rows() const { return *down_rows_; }
  const LtGroupedProduct& down_weights() const { return *down_weights_; }

  int64_t workspace_bytes() const;
  // Of the pass that runs; absent where one of its products does not know.
  std::optional<double> executed_flops() const;

 private:
  absl::Status CreateRouter(const MoeBlock& op, NumberFormat format,
                            CudaContext& context);
  absl::Status CreateExperts(const MoeBlock& op, NumberFormat format,
                             GroupedRoute route, CudaContext& context);

  bool backward_ = false;
  const LtProduct* logits_ = nullptr;
  const LtProduct* d_x_ = nullptr;
  const LtProduct* d_router_ = nullptr;
  // Of the router's products, which never run at one time.
  DeviceBuffer workspace_;
  std::optional<LtGroupedProduct> up_, down_;
  std::optional<LtGroupedProduct> up_rows_, up_weights_;
  std::optional<LtGroupedProduct> down_rows_, down_weights_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_MOE_BLOCK_PRODUCTS_H_
