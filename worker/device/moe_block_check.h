#ifndef MOEPLAN_WORKER_DEVICE_MOE_BLOCK_CHECK_H_
#define MOEPLAN_WORKER_DEVICE_MOE_BLOCK_CHECK_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/calibration/operation.h"
#include "worker/device/array_reader.h"
#include "worker/device/device.h"
#include "worker/device/moe_reference.h"

namespace moeplan::worker {

// What a MoE block reads and writes, row-major. A row is a token's choice; rows
// lie together expert by expert, and within an expert by token and choice.
enum class MoeArray {
  kX,        // tokens x d_model
  kRouter,   // d_model x experts
  kUp,       // experts x d_model x fan width (gate, then up)
  kDown,     // experts x width x d_model
  kOut,      // tokens x d_model
  kDOut,     // tokens x d_model; from here on of a backward block only
  kActive,   // rows x width: what kDown is multiplied by
  kDRows,    // rows x d_model: gradient of what experts computed
  kDHidden,  // rows x fan width: gradient of what kUp made
  kDLogits,  // tokens x experts
  kDX,       // gradients of kX, kRouter, kUp and kDown
  kDRouter,
  kDUp,
  kDDown,
};

// A block's shape with the experts of each token, experts_per_token of each.
struct RoutedBlock {
  MoeBlock op;
  std::vector<int32_t> choices;

  int64_t experts() const {
    return static_cast<int64_t>(op.rows_per_expert.size());
  }
  int64_t rows() const { return op.tokens * op.experts_per_token; }
  // Columns of what an expert's first matrix makes.
  int64_t fan_width() const { return (op.gated ? 2 : 1) * op.expert_width; }
};

// Experts are drawn so that they have the rows asked for. Errors:
// UNIMPLEMENTED where no choice of experts has them.
absl::StatusOr<RoutedBlock> RoutedBlockOf(const MoeBlock& op, uint64_t seed);

// All operands and all that was computed. Errors: those of `read`.
absl::StatusOr<MoeOperands> ReadMoeOperands(const RoutedBlock& block,
                                            const ArrayReader<MoeArray>& read);
absl::StatusOr<MoeResults> ReadMoeResults(const RoutedBlock& block,
                                          const ArrayReader<MoeArray>& read);

// Compares what a block computed with the reference: a small block as a whole.
// Of a large one, tokens are sampled and computed anew from the operands; and
// rows of the gradients of weights are sampled, for the expert that has the
// fewest rows, and computed from the intermediate values that the block left.
// Errors: those of `read`. Cost: some 1e9 multiply-adds at most, or what one
// token takes.
absl::StatusOr<NumericsCheck> CheckMoeBlock(const RoutedBlock& block,
                                            double most_allowed,
                                            const ArrayReader<MoeArray>& read);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_MOE_BLOCK_CHECK_H_
