#ifndef MOEPLAN_CORE_CALIBRATION_OPERATION_H_
#define MOEPLAN_CORE_CALIBRATION_OPERATION_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"

namespace moeplan {

// The operations of a transformer layer as a device runs them, each at one
// shape. Sizes are counts of elements unless their name says otherwise; all are
// >= 1 except rows of experts, which may be 0.

// D (m x n) = A (m x k) B (k x n).
struct Gemm {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  bool operator==(const Gemm&) const = default;
};

// Which product of an expert's matrix is taken.
enum class GemmPass {
  kForward,         // rows x in_width times in_width x out_width
  kInputGradient,   // rows x out_width times out_width x in_width
  kWeightGradient,  // in_width x rows times rows x out_width
};

// One matrix of in_width x out_width per expert, each with rows of its own.
struct GroupedGemm {
  std::vector<int64_t> rows_per_expert;
  int64_t in_width = 0;
  int64_t out_width = 0;
  GemmPass pass = GemmPass::kForward;
  bool operator==(const GroupedGemm&) const = default;
};

// Softmax attention: each of `sequences` has query_tokens queries, the last of
// which sees context_tokens keys (itself included), each earlier one one key
// less, and none more than `window`. query_tokens == context_tokens is causal
// training or prefill, query_tokens == 1 decoding.
struct AttentionCore {
  int64_t sequences = 0;
  int64_t query_tokens = 0;
  int64_t context_tokens = 0;  // >= query_tokens
  int64_t window = 0;          // 0: none
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t key_dim = 0;    // of a head's queries and keys
  int64_t value_dim = 0;  // of a head's values
  bool backward = false;
  bool operator==(const AttentionCore&) const = default;
};

// What routes tokens to experts, without the product that makes the logits:
// softmax and top-k over `experts` logits a token, building the index, moving
// each token's row of d_model to its experts and combining what comes back.
struct Routing {
  int64_t tokens = 0;
  int64_t experts = 0;
  int64_t experts_per_token = 0;
  int64_t d_model = 0;
  bool backward = false;
  bool operator==(const Routing&) const = default;
};

// Norms, activations, residual sums: every element read and written once.
struct Elementwise {
  int64_t elements_read = 0;
  int64_t elements_written = 0;
  bool operator==(const Elementwise&) const = default;
};

// Softmax cross-entropy over 32-bit logits of `tokens`, and its gradient.
struct CrossEntropy {
  int64_t tokens = 0;
  int64_t vocabulary_size = 0;
  bool operator==(const CrossEntropy&) const = default;
};

// A step of AdamW over all parameters.
struct OptimizerStep {
  int64_t params = 0;
  bool operator==(const OptimizerStep&) const = default;
};

// A copy within the device's memory.
struct Copy {
  int64_t bytes = 0;
  bool operator==(const Copy&) const = default;
};

// An empty launch.
struct Launch {
  bool operator==(const Launch&) const = default;
};

// A whole MoE block, from the router's logits to the combined output, with the
// rows that each expert receives (in all experts_per_token a token).
struct MoeBlock {
  int64_t tokens = 0;
  int64_t d_model = 0;
  int64_t experts_per_token = 0;
  int64_t expert_width = 0;
  bool gated = true;
  std::vector<int64_t> rows_per_expert;
  bool backward = false;  // else forward
  bool operator==(const MoeBlock&) const = default;
};

using Operation =
    std::variant<Gemm, GroupedGemm, AttentionCore, Routing, Elementwise,
                 CrossEntropy, OptimizerStep, Copy, Launch, MoeBlock>;

// The kinds of operations, in the order of the variant.
enum class OperationKind {
  kGemm,
  kGroupedGemm,
  kAttention,
  kRouting,
  kElementwise,
  kCrossEntropy,
  kOptimizer,
  kCopy,
  kLaunch,
  kMoeBlock,
};
inline constexpr int kOperationKindCount = 10;

inline OperationKind KindOf(const Operation& operation) {
  return static_cast<OperationKind>(operation.index());
}

// "gemm", "grouped_gemm", ...
absl::string_view NameOf(OperationKind kind);

// A name that tells shapes apart, such as "gemm_m512_n1024_k256".
std::string DescribeOperation(const Operation& operation);

// What an operation asks for at least, whoever runs it.
struct OperationCost {
  // One multiply-add is 2. Of matrix products and attention scores only: what
  // element-wise work computes is free beside what it moves.
  double flops = 0;
  // Every operand read once and every result written once.
  double bytes = 0;
};

// The cost of `operation` with operands of element_bytes e (2 for bf16):
//   GEMM            2 m n k; e (m k + k n + m n)
//   grouped GEMM    2 R in out with R all rows; e (R (in + out) + A in out)
//   with
//                   A the experts that have rows; the same for every pass
//   attention       2 S h (dk + dv) with S the pairs of a query and a key it
//                   sees; forward reads queries, keys and values and writes the
//                   output; backward twice both
//   routing         no FLOP; 8 T E for logits and 16 T k for the index; rows:
//                   forward e (2 R + 2 T) d with R = T k (permute reads T and
//                   writes R, combine reads R and writes T), backward
//                   e (3 R + 2 T) d (combine's reads T and R, writes R;
//                   permute's reads R, writes T)
//   element-wise    no FLOP; e times the elements
//   cross-entropy   no FLOP; 12 T V: 32-bit logits read twice, gradient written
//   optimizer       no FLOP; 28 per parameter: a bf16 gradient, 32-bit weight
//   and
//                   two moments read, the three and a bf16 weight written
//   copy            2 per byte
//   MoE block       the sum of its operations (model_operations.h)
// These are the lower bounds of Megatron-style training that the roofline of a
// device is drawn with. Finite and >= 0 for every legal shape. Cost: linear in
// the experts.
OperationCost CostOf(const Operation& operation, double element_bytes);

}  // namespace moeplan

#endif  // MOEPLAN_CORE_CALIBRATION_OPERATION_H_
