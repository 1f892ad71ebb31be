#ifndef MOEPLAN_WORKER_DEVICE_MEMORY_BOUND_CHECK_H_
#define MOEPLAN_WORKER_DEVICE_MEMORY_BOUND_CHECK_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/calibration/operation.h"
#include "worker/device/adam_step.h"
#include "worker/device/array_reader.h"
#include "worker/device/device.h"

namespace moeplan::worker {

// What memory-bound operations compute, and comparisons of it with references
// in doubles, in sampled rows. Errors of comparisons: those of `read`.

enum class ElementwiseKind {
  kGatedForward,   // reads 2 n (gate, up), writes n
  kGatedBackward,  // reads 3 n (gate, up, gradient), writes 2 n
  kResidualNorm    // reads 2 n (stream, addend), writes 2 n (sum, normed)
};

// The element-wise work of a transformer that reads and writes as asked. Arrays
// of `count` elements each lie one after the other.
struct ElementwiseWork {
  ElementwiseKind kind = ElementwiseKind::kGatedForward;
  int64_t count = 0;
  int64_t row = 1;  // of the norm; divides count

  int64_t elements_in() const {
    return (kind == ElementwiseKind::kGatedBackward ? 3 : 2) * count;
  }
  int64_t elements_out() const {
    return (kind == ElementwiseKind::kGatedForward ? 1 : 2) * count;
  }
  // "gated_forward", "gated_backward", "residual_norm".
  std::string name() const;
};

// Errors: UNIMPLEMENTED where no work reads and writes so.
absl::StatusOr<ElementwiseWork> ElementwiseWorkOf(const Elementwise& op);

enum class ElementwiseArray { kIn, kOut };
absl::StatusOr<NumericsCheck> CheckElementwise(
    const ElementwiseWork& work, double most_allowed,
    const ArrayReader<ElementwiseArray>& read);

enum class CrossEntropyArray { kLogits, kTargets, kLosses, kGradient };
// Targets of an operation's tokens, drawn by the seed.
std::vector<int32_t> DrawTargets(const CrossEntropy& op, uint64_t seed);
absl::StatusOr<NumericsCheck> CheckCrossEntropy(
    const CrossEntropy& op, const ArrayReader<CrossEntropyArray>& read);

enum class OptimizerArray {
  kGradient,
  kWeights,
  kMoment1,
  kMoment2,
  kWeightsOut
};
// The step whose time is measured.
AdamStep MeasuredAdamStep();
// Weights and moments, which a step overwrites, of the sampled parameters.
struct OptimizerState {
  std::vector<double> weights, moment1, moment2;
};
absl::StatusOr<OptimizerState> SampledState(
    const OptimizerStep& op, const ArrayReader<OptimizerArray>& read);
// Compares one step that started from `before`.
absl::StatusOr<NumericsCheck> CheckOptimizer(
    const OptimizerStep& op, const AdamStep& step, const OptimizerState& before,
    const ArrayReader<OptimizerArray>& read);

enum class CopyArray { kFrom, kTo };
// Elements are bytes.
absl::StatusOr<NumericsCheck> CheckCopy(const Copy& op,
                                        const ArrayReader<CopyArray>& read);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_MEMORY_BOUND_CHECK_H_
