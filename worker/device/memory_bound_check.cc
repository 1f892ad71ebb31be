#include "worker/device/memory_bound_check.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "core/base/rng.h"
#include "core/base/status_macros.h"
#include "worker/device/numerics.h"

namespace moeplan::worker {
namespace {

constexpr int64_t kLongestNormedRow = 1024;
constexpr int64_t kSampledRuns = 64;
constexpr int64_t kRunLength = 64;
constexpr int64_t kSampledLosses = 8;

double Silu(double x) { return x / (1 + std::exp(-x)); }
double SiluSlope(double x) {
  const double s = 1 / (1 + std::exp(-x));
  return s * (1 + x * (1 - s));
}

// Sampled runs of neighbouring elements, the last of which ends the array.
std::vector<ArrayRows> SampledRuns(int64_t count) {
  const int64_t width = std::min(count, kRunLength);
  std::vector<ArrayRows> runs;
  for (const int64_t begin : SampledIndices(count - width + 1, kSampledRuns)) {
    runs.push_back({.begin = begin, .width = width});
  }
  return runs;
}

// Whole rows where they are normed.
std::vector<ArrayRows> SampledRowsOf(const ElementwiseWork& work) {
  if (work.kind != ElementwiseKind::kResidualNorm) {
    return SampledRuns(work.count);
  }
  std::vector<ArrayRows> rows;
  for (const int64_t row :
       SampledIndices(work.count / work.row, kSampledRuns)) {
    rows.push_back({.begin = row * work.row, .width = work.row});
  }
  return rows;
}

// The longest row that divides `count` and that a layer could have.
int64_t NormedRow(int64_t count) {
  int64_t row = 1;
  while (row < kLongestNormedRow && count % (2 * row) == 0) row *= 2;
  return row;
}

double RootMeanSquare(const std::vector<double>& a,
                      const std::vector<double>& b) {
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i)
    squares += (a[i] + b[i]) * (a[i] + b[i]);
  return std::sqrt(squares / static_cast<double>(a.size()) + 1e-6);
}

// One run of all arrays.
struct ElementwiseRun {
  std::vector<std::vector<double>> in, out;
};

void Compare(ElementwiseKind kind, const ElementwiseRun& run,
             Comparison& comparison) {
  const std::vector<double>& a = run.in[0];
  const std::vector<double>& b = run.in[1];
  const double norm =
      kind == ElementwiseKind::kResidualNorm ? RootMeanSquare(a, b) : 1;
  for (size_t i = 0; i < a.size(); ++i) {
    switch (kind) {
      case ElementwiseKind::kGatedForward:
        comparison.Add(run.out[0][i], Silu(a[i]) * b[i]);
        break;
      case ElementwiseKind::kGatedBackward: {
        const double d = run.in[2][i];
        comparison.Add(run.out[0][i], d * b[i] * SiluSlope(a[i]));
        comparison.Add(run.out[1][i], d * Silu(a[i]));
        break;
      }
      case ElementwiseKind::kResidualNorm:
        comparison.Add(run.out[0][i], a[i] + b[i]);
        comparison.Add(run.out[1][i], (a[i] + b[i]) / norm);
        break;
    }
  }
}

}  // namespace

std::string ElementwiseWork::name() const {
  switch (kind) {
    case ElementwiseKind::kGatedForward:
      return "gated_forward";
    case ElementwiseKind::kGatedBackward:
      return "gated_backward";
    case ElementwiseKind::kResidualNorm:
      break;
  }
  return "residual_norm";
}

absl::StatusOr<ElementwiseWork> ElementwiseWorkOf(const Elementwise& op) {
  const int64_t read = op.elements_read;
  const int64_t written = op.elements_written;
  if (read == 2 * written) {
    return ElementwiseWork{.kind = ElementwiseKind::kGatedForward,
                           .count = written};
  }
  if (2 * read == 3 * written && written % 2 == 0) {
    return ElementwiseWork{.kind = ElementwiseKind::kGatedBackward,
                           .count = written / 2};
  }
  if (read == written && written % 2 == 0) {
    return ElementwiseWork{.kind = ElementwiseKind::kResidualNorm,
                           .count = written / 2,
                           .row = NormedRow(written / 2)};
  }
  return absl::UnimplementedError(
      "element-wise work reads 2, 1.5 or (with even counts) as many elements "
      "as it writes");
}

absl::StatusOr<NumericsCheck> CheckElementwise(
    const ElementwiseWork& work, double most_allowed,
    const ArrayReader<ElementwiseArray>& read) {
  Comparison comparison(most_allowed);
  comparison.Begin(work.name());
  for (const ArrayRows& rows : SampledRowsOf(work)) {
    ElementwiseRun run;
    ArrayRows at = rows;
    for (; at.begin < work.elements_in(); at.begin += work.count) {
      MOEPLAN_ASSIGN_OR_RETURN(run.in.emplace_back(),
                               read(ElementwiseArray::kIn, at));
    }
    at = rows;
    for (; at.begin < work.elements_out(); at.begin += work.count) {
      MOEPLAN_ASSIGN_OR_RETURN(run.out.emplace_back(),
                               read(ElementwiseArray::kOut, at));
    }
    Compare(work.kind, run, comparison);
  }
  return comparison.Finish();
}

std::vector<int32_t> DrawTargets(const CrossEntropy& op, uint64_t seed) {
  Rng rng(seed);
  std::vector<int32_t> targets;
  for (int64_t i = 0; i < op.tokens; ++i) {
    targets.push_back(static_cast<int32_t>(
        rng.UniformIndex(static_cast<uint64_t>(op.vocabulary_size))));
  }
  return targets;
}

absl::StatusOr<NumericsCheck> CheckCrossEntropy(
    const CrossEntropy& op, const ArrayReader<CrossEntropyArray>& read) {
  Comparison losses(AllowedError("f32"));
  Comparison gradients(AllowedError("f32"));
  losses.Begin("loss");
  gradients.Begin("gradient");
  for (const int64_t token : SampledIndices(op.tokens, kSampledLosses)) {
    const ArrayRows one = {.begin = token, .width = 1};
    const ArrayRows row = {.begin = token * op.vocabulary_size,
                           .width = op.vocabulary_size};
    MOEPLAN_ASSIGN_OR_RETURN(const auto logits,
                             read(CrossEntropyArray::kLogits, row));
    MOEPLAN_ASSIGN_OR_RETURN(const auto gradient,
                             read(CrossEntropyArray::kGradient, row));
    MOEPLAN_ASSIGN_OR_RETURN(const auto target,
                             read(CrossEntropyArray::kTargets, one));
    MOEPLAN_ASSIGN_OR_RETURN(const auto loss,
                             read(CrossEntropyArray::kLosses, one));
    double sum = 0;
    for (const double each : logits) sum += std::exp(each);
    const size_t hit = static_cast<size_t>(target[0]);
    losses.Add(loss[0], std::log(sum) - logits[hit]);
    for (size_t v = 0; v < logits.size(); ++v) {
      gradients.Add(gradient[v],
                    std::exp(logits[v]) / sum - (v == hit ? 1 : 0));
    }
  }
  const NumericsCheck loss = losses.Finish();
  const NumericsCheck gradient = gradients.Finish();
  return loss.relative_error <= gradient.relative_error ||
                 std::isnan(gradient.relative_error)
             ? gradient
             : loss;
}

AdamStep MeasuredAdamStep() {
  return {.correction1 = 1.2f, .correction2 = 1.1f};
}

absl::StatusOr<OptimizerState> SampledState(
    const OptimizerStep& op, const ArrayReader<OptimizerArray>& read) {
  OptimizerState state;
  const auto append = [&](OptimizerArray array, const ArrayRows& run,
                          std::vector<double>& values) -> absl::Status {
    MOEPLAN_ASSIGN_OR_RETURN(const auto got, read(array, run));
    values.insert(values.end(), got.begin(), got.end());
    return absl::OkStatus();
  };
  for (const ArrayRows& run : SampledRuns(op.params)) {
    MOEPLAN_RETURN_IF_ERROR(
        append(OptimizerArray::kWeights, run, state.weights));
    MOEPLAN_RETURN_IF_ERROR(
        append(OptimizerArray::kMoment1, run, state.moment1));
    MOEPLAN_RETURN_IF_ERROR(
        append(OptimizerArray::kMoment2, run, state.moment2));
  }
  return state;
}

absl::StatusOr<NumericsCheck> CheckOptimizer(
    const OptimizerStep& op, const AdamStep& step, const OptimizerState& before,
    const ArrayReader<OptimizerArray>& read) {
  MOEPLAN_ASSIGN_OR_RETURN(const OptimizerState after, SampledState(op, read));
  Comparison weights(AllowedError("f32"));
  weights.Begin("weights");
  size_t s = 0;
  for (const ArrayRows& run : SampledRuns(op.params)) {
    MOEPLAN_ASSIGN_OR_RETURN(const auto gradients,
                             read(OptimizerArray::kGradient, run));
    MOEPLAN_ASSIGN_OR_RETURN(const auto copies,
                             read(OptimizerArray::kWeightsOut, run));
    for (size_t i = 0; i < gradients.size(); ++i, ++s) {
      const double g = gradients[i];
      const double m = step.beta1 * before.moment1[s] + (1 - step.beta1) * g;
      const double v =
          step.beta2 * before.moment2[s] + (1 - step.beta2) * g * g;
      const double update = m * step.correction1 /
                            (std::sqrt(v * step.correction2) + step.epsilon);
      const double weight = before.weights[s];
      weights.Add(
          after.weights[s],
          weight - step.learning_rate * (update + step.weight_decay * weight));
      weights.Add(after.moment1[s], m);
      weights.Add(after.moment2[s], v);
      // The copy for the next forward pass is the same to its precision.
      if (!(std::abs(copies[i] - after.weights[s]) <=
            std::abs(after.weights[s]) / 256)) {
        weights.Add(copies[i], after.weights[s]);
      }
    }
  }
  return weights.Finish();
}

absl::StatusOr<NumericsCheck> CheckCopy(const Copy& op,
                                        const ArrayReader<CopyArray>& read) {
  Comparison comparison(0);
  comparison.Begin("copy");
  for (const ArrayRows& run : SampledRuns(op.bytes)) {
    MOEPLAN_ASSIGN_OR_RETURN(const auto from, read(CopyArray::kFrom, run));
    MOEPLAN_ASSIGN_OR_RETURN(const auto to, read(CopyArray::kTo, run));
    comparison.Add(from == to ? 1 : 0, 1);
  }
  return comparison.Finish();
}

}  // namespace moeplan::worker
