#ifndef MOEPLAN_WORKER_DEVICE_MOE_REFERENCE_H_
#define MOEPLAN_WORKER_DEVICE_MOE_REFERENCE_H_

#include <cstdint>
#include <vector>

#include "core/calibration/operation.h"

namespace moeplan::worker {

// The operands of a MoE block, in doubles, row-major.
struct MoeOperands {
  std::vector<double> x;       // tokens x d_model
  std::vector<double> router;  // d_model x experts
  std::vector<double> up;      // experts x d_model x fan width (gate, then up)
  std::vector<double> down;    // experts x width x d_model
  std::vector<double> d_out;   // tokens x d_model: gradient of the output
  // Experts of each token, experts_per_token of each.
  std::vector<int32_t> choices;
  // The experts that `up` and `down` hold, in order; empty: all. Others are not
  // chosen.
  std::vector<int32_t> held;
};

// What a block computes for some of its tokens, and their share in the
// gradients of weights.
struct MoeResults {
  std::vector<double> out;       // tokens x d_model; rows not asked for are 0
  std::vector<double> d_x;       // likewise
  std::vector<double> d_router;  // of the tokens asked for
  std::vector<double> d_up;
  std::vector<double> d_down;
};

// The block of `op` token by token, as plainly as can be: logits x router, the
// weight of a choice its softmax probability over all experts,
//   out = sum over choices of weight * (silu(x gate) * (x up)) down
// (plain: silu(x up) down), and, where op.backward, the gradients of
// sum(out * d_out) with the choices held fixed. Cost: 3 (forward) and 9 fused
// multiply-adds per weight of an expert, token and choice.
MoeResults ReferenceMoeBlock(const MoeBlock& op, const MoeOperands& operands,
                             const std::vector<int64_t>& tokens);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_MOE_REFERENCE_H_
