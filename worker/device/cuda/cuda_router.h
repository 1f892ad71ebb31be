#ifndef MOEPLAN_WORKER_DEVICE_CUDA_CUDA_ROUTER_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_CUDA_ROUTER_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/calibration/operation.h"
#include "worker/device/cuda/cuda_context.h"
#include "worker/device/cuda/operand.h"
#include "worker/device/number_format.h"
#include "worker/kernels/kernels.h"

namespace moeplan::worker {

// Sends tokens to experts and brings back what those computed; as RoutingLoops
// of the CPU. It holds what is kept between the steps: probabilities, chosen
// experts, slots and weights. Steps enqueue on `stream`. Errors everywhere:
// those of the context, which outlives it.
class CudaRouter {
 public:
  // Errors: UNIMPLEMENTED for 2^31 choices and more.
  static absl::StatusOr<CudaRouter> Create(const Routing& op,
                                           NumberFormat format,
                                           CudaContext& context);

  // Replaces what is chosen from now on, so that experts receive given rows.
  absl::Status Force(const std::vector<int32_t>& experts);

  absl::Status SoftmaxAndTopK(const void* logits, cudaStream_t stream);
  absl::Status BuildIndex(cudaStream_t stream);
  absl::Status Permute(const void* x, void* rows, cudaStream_t stream);
  absl::Status Combine(const void* rows, void* out, cudaStream_t stream);
  absl::Status CombineBackward(const void* d_out, const void* rows,
                               void* d_rows, cudaStream_t stream);
  absl::Status SoftmaxBackward(void* d_logits, cudaStream_t stream);
  // Adds to what is in d_x where `accumulate`.
  absl::Status PermuteBackward(const void* d_rows, bool accumulate, void* d_x,
                               cudaStream_t stream);

  // Overwrites probabilities and weights with NaN. What was chosen stays: it is
  // used to address rows.
  absl::Status Poison();

  // In the device's memory: of each choice its expert, slot and weight.
  const int32_t* experts() const {
    return forced_.bytes() > 0 ? forced_.as<int32_t>() : chosen_.as<int32_t>();
  }
  const int32_t* slots() const { return slots_.as<int32_t>(); }
  const void* weights() const { return weights_.data(); }
  int64_t bytes() const;

 private:
  CudaRouter(const RoutingSize& size, NumberFormat format, CudaContext& context)
      : size_(size), format_(format), context_(&context) {}
  absl::Status Allocate();

  RoutingSize size_;
  NumberFormat format_;
  CudaContext* context_;
  Operand probabilities_, weights_, weight_gradients_;
  DeviceBuffer chosen_, forced_, slots_, workspace_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_CUDA_ROUTER_H_
