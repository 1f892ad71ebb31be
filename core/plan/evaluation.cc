#include "core/plan/evaluation.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/arch/memory.h"
#include "core/base/checked.h"
#include "core/base/quantity.h"
#include "core/base/status_macros.h"
#include "core/law/extrapolation.h"

namespace moeplan {
namespace {

absl::StatusOr<Prediction> PredictCandidate(const OptimalConfigProblem& problem,
                                            const LawPoint<double>& point) {
  PredictOptions options;
  options.with_interval = true;
  options.with_gradient = true;
  options.strict = problem.strict;
  absl::StatusOr<std::vector<Prediction>> predictions =
      Predict(*problem.set, {point}, options);
  if (!predictions.ok()) {
    return absl::Status(
        predictions.status().code(),
        absl::StrCat("candidate: ", predictions.status().message()));
  }
  return std::move(predictions->front());
}

absl::StatusOr<PlacedCandidate> Place(const OptimalConfigProblem& problem,
                                      const LawCandidate& law,
                                      double training_tokens) {
  const Cell cell(*problem.set, law.expansion_rate, law.granularity,
                  problem.accounting);
  const Configuration made = MakeConfiguration(
      *problem.set, cell, problem, cell.WidthOfActiveParams(law.active_params),
      training_tokens);
  PlacedCandidate placed;
  MOEPLAN_ASSIGN_OR_RETURN(placed.prediction,
                           PredictCandidate(problem, made.point()));
  placed.active_params = made.active_params;
  placed.total_params = made.total_params;
  placed.cache_elements = made.memory.cache_elements;
  placed.flops = made.flops;
  return placed;
}

absl::StatusOr<PlacedCandidate> Place(const OptimalConfigProblem& problem,
                                      const ModelShape& shape,
                                      double training_tokens) {
  MOEPLAN_ASSIGN_OR_RETURN(
      ShapePoint at,
      problem.set->PointFromShape(shape, training_tokens, problem.accounting));
  PlacedCandidate placed;
  MOEPLAN_ASSIGN_OR_RETURN(placed.prediction,
                           PredictCandidate(problem, at.point));
  placed.active_params = at.active_params;
  placed.total_params = at.total_params;
  placed.cache_elements = static_cast<double>(KvCacheElementsPerToken(shape)) *
                          problem.serving_memory.kv_cache_tokens;
  placed.flops.train_flops = at.train_flops_per_token * training_tokens;
  placed.flops.serve_flops = at.active_params *
                             problem.accounting.serve_flops_per_active_param *
                             problem.served_tokens;
  placed.caveats = std::move(at.caveats);
  return placed;
}

}  // namespace

std::vector<Constraint> FindBrokenLimits(const PosedProblem& posed,
                                         const PlacedCandidate& candidate) {
  constexpr double kSlack = 1 + 1e-9;
  const Limits& limits = posed.limits;
  std::vector<Constraint> broken;
  if (candidate.flops.total_flops() > limits.budget_flops * kSlack) {
    broken.push_back(Constraint::kComputeBudget);
  }
  const MemoryCap& cap = limits.memory[0];
  if (cap.weight_factor * candidate.total_params +
          cap.cache_factor * candidate.cache_elements >
      cap.largest * kSlack) {
    broken.push_back(Constraint::kMemory);
  }
  if (candidate.prediction.point.training_tokens >
      limits.available_training_tokens * kSlack) {
    broken.push_back(Constraint::kTrainingTokens);
  }
  return broken;
}

void Judge(const OptimalConfigProblem& problem, absl::string_view means,
           Evaluation& evaluation) {
  const double decades =
      MaxExtrapolationDecades(evaluation.prediction.extrapolations);
  if (!evaluation.loss_gap.has_value()) {
    evaluation.reason =
        absl::StrCat("no model satisfies the limits at the candidate's ", means,
                     ", so there is nothing to compare it with");
    return;
  }
  if (decades > problem.max_extrapolation_decades) {
    evaluation.reason = absl::StrCat(
        "the candidate lies ", FormatNumber(decades, 2),
        " decades outside the data of ", problem.set->id(), ", more than the ",
        FormatNumber(problem.max_extrapolation_decades, 2), " allowed");
    return;
  }
  const bool is_near = *evaluation.loss_gap <= problem.loss_tolerance;
  evaluation.verdict = is_near ? Verdict::kNearOptimal : Verdict::kSuboptimal;
  evaluation.reason =
      absl::StrCat("its loss is ", FormatNumber(*evaluation.loss_gap, 3),
                   " nats above the optimum for the same ", means, ", ",
                   is_near ? "within" : "more than", " the tolerance of ",
                   FormatNumber(problem.loss_tolerance, 3));
  if (!evaluation.optimum->extrapolations.empty()) {
    evaluation.caveats.push_back(absl::StrCat(
        "the optimum it is compared with lies ",
        FormatNumber(
            MaxExtrapolationDecades(evaluation.optimum->extrapolations), 2),
        " decades outside the data of ", problem.set->id()));
  }
}

absl::StatusOr<PlacedCandidate> PlaceCandidate(const PosedProblem& posed) {
  const Candidate& candidate = *posed.problem->candidate;
  absl::StatusOr<PlacedCandidate> placed = std::visit(
      [&](const auto& model) {
        return Place(*posed.problem, model, candidate.training_tokens);
      },
      candidate.model);
  if (!placed.ok()) return placed;
  if (!IsPositiveFinite(placed->flops.total_flops())) {
    return absl::InternalError("the candidate's FLOPs are not finite");
  }
  return placed;
}

absl::StatusOr<Evaluation> EvaluateCandidate(const PosedProblem& posed,
                                             PlacedCandidate candidate,
                                             const Interrupter* interrupter) {
  Evaluation evaluation;
  evaluation.broken_limits = FindBrokenLimits(posed, candidate);
  evaluation.prediction = std::move(candidate.prediction);
  evaluation.active_params = candidate.active_params;
  evaluation.total_params = candidate.total_params;
  evaluation.flops = candidate.flops;
  evaluation.caveats = std::move(candidate.caveats);
  const double flops = evaluation.flops.total_flops();
  const double loss = evaluation.prediction.loss;

  Limits limits = posed.limits;
  limits.budget_flops = flops;
  MOEPLAN_ASSIGN_OR_RETURN(
      const auto optima, SolveCells(posed.cells, limits,
                                    PlanObjective::kLeastLoss, 0, interrupter));
  if (const auto best = BestCell(posed, PlanObjective::kLeastLoss, optima)) {
    evaluation.optimum = MakeConfiguration(
        *posed.problem->set, posed.cells[*best], *posed.problem,
        optima[*best]->ln_width, optima[*best]->training_tokens);
    evaluation.loss_gap = loss - evaluation.optimum->loss;
    if (!IsFinite(*evaluation.loss_gap)) {
      return absl::InternalError("the optimum's loss is not finite");
    }
  }
  limits.budget_flops = kLargestFlops;
  MOEPLAN_ASSIGN_OR_RETURN(
      const auto cheapest,
      SolveCells(posed.cells, limits, PlanObjective::kLeastCompute, loss,
                 interrupter));
  if (const auto best =
          BestCell(posed, PlanObjective::kLeastCompute, cheapest)) {
    const double ratio = flops / cheapest[*best]->flops;
    evaluation.compute_to_same_loss_ratio = ratio;
    if (!IsPositiveFinite(ratio)) {
      return absl::InternalError("the least FLOPs are not finite");
    }
    evaluation.wasted_flops = std::max(0.0, flops * (1 - 1 / ratio));
  }
  Judge(*posed.problem, "FLOPs", evaluation);
  return evaluation;
}

}  // namespace moeplan
