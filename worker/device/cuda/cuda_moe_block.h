#ifndef MOEPLAN_WORKER_DEVICE_CUDA_CUDA_MOE_BLOCK_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_CUDA_MOE_BLOCK_H_

#include <memory>

#include "absl/status/statusor.h"
#include "worker/bench/case.h"
#include "worker/device/cuda/cuda_context.h"
#include "worker/device/cuda/cuda_operation.h"
#include "worker/device/moe_block_check.h"

namespace moeplan::worker {

// A MoE block with its operands in reach, for tests.
class CudaMoeBlock : public CudaOperation {
 public:
  virtual const RoutedBlock& block() const = 0;
  // Reads what lies on the device; gradients only of a backward block.
  virtual ArrayReader<MoeArray> Reader() const = 0;
};

// Errors: as MakeCudaMoeBlock.
absl::StatusOr<std::unique_ptr<CudaMoeBlock>> CreateCudaMoeBlock(
    const Case& one, CudaContext& context);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_CUDA_MOE_BLOCK_H_
