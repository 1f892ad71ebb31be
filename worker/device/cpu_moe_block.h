#ifndef MOEPLAN_WORKER_DEVICE_CPU_MOE_BLOCK_H_
#define MOEPLAN_WORKER_DEVICE_CPU_MOE_BLOCK_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "core/calibration/operation.h"
#include "worker/device/cpu_operation.h"
#include "worker/device/moe_reference.h"

namespace moeplan::worker {

// A MoE block with its operands in reach, for tests.
class CpuMoeBlock : public CpuOperation {
 public:
  virtual MoeOperands Operands() const = 0;
  // What the last Run wrote; gradients only of a backward block.
  virtual MoeResults Results() const = 0;
};

// In 32-bit floats ("f32") or "bf16". Errors: as MakeMoeBlock.
absl::StatusOr<std::unique_ptr<CpuMoeBlock>> MakeCpuMoeBlock(
    const MoeBlock& op, const std::string& dtype, const CpuTools& tools,
    uint64_t seed);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CPU_MOE_BLOCK_H_
