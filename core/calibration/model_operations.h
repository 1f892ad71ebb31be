#ifndef MOEPLAN_CORE_CALIBRATION_MODEL_OPERATIONS_H_
#define MOEPLAN_CORE_CALIBRATION_MODEL_OPERATIONS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "core/arch/model_shape.h"
#include "core/calibration/operation.h"

namespace moeplan {

// An operation and how often it runs.
struct RepeatedOperation {
  Operation operation;
  double count = 1;
};

// Rows that `experts` experts receive from `tokens` tokens of which each goes
// to `experts_per_token` different ones, without a skew: the expected number of
// experts that any token reaches,
//   round(E (1 - (1 - k / E)^T)),
// share the T k rows evenly, the others have none. Training batches reach all.
std::vector<int64_t> BalancedRows(int64_t tokens, int64_t experts,
                                  int64_t experts_per_token);

// What one MoE block runs, forward or backward: router product, routing, both
// grouped products and the activation between them. Rows times expert_width is
// at most 2^60 (CheckCalibration sees to it), since it counts in 64 bits.
std::vector<RepeatedOperation> MoeBlockOperations(const MoeBlock& block);

struct TrainingBatch {
  int64_t sequences = 1;        // of one micro-batch on one device, >= 1
  int64_t sequence_tokens = 0;  // >= 1
};

// Forward and backward pass of one micro-batch through the whole model on one
// device, without recomputation: projections, attention (causal), router and
// experts (balanced rows), dense and shared FFNs, norms with the residual sums,
// rotary embedding, logits and cross-entropy. The optimizer's step is not in it
// (it runs once for many micro-batches); multi-token-prediction modules are not
// trained. Matrix products sum to the FLOPs of core/arch (TrainFlopsPerToken
// with 6 a router parameter and causal scores).
// Errors: UNIMPLEMENTED naming a layer group with linear attention, whose inner
// operations a shape does not say.
absl::StatusOr<std::vector<RepeatedOperation>> TrainingOperations(
    const ModelShape& shape, const TrainingBatch& batch);

struct ServingBatch {
  int64_t sequences = 1;       // >= 1
  int64_t query_tokens = 1;    // per sequence; 1 decodes
  int64_t context_tokens = 1;  // >= query_tokens; keys held, these included
};

// One forward pass when serving: prefill (query_tokens == context_tokens;
// logits of the last token only) or a step of decoding. MLA decodes in its
// latent space (arXiv 2405.04434, section 2.1.2). Errors: as
// TrainingOperations.
absl::StatusOr<std::vector<RepeatedOperation>> ServingOperations(
    const ModelShape& shape, const ServingBatch& batch);

}  // namespace moeplan

#endif  // MOEPLAN_CORE_CALIBRATION_MODEL_OPERATIONS_H_
