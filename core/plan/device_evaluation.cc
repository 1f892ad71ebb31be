#include "core/plan/device_evaluation.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/quantity.h"
#include "core/base/status_macros.h"
#include "core/plan/evaluation.h"

namespace moeplan {
namespace {

constexpr double kSecondsPerHour = 3600;

// The candidate as it can be timed.
struct BuiltCandidate {
  ModelShape shape;
  std::string caveat;  // empty where it was given as a shape
};

absl::StatusOr<BuiltCandidate> NearestShape(const PosedProblem& posed,
                                            const LawCandidate& law) {
  const OptimalConfigProblem& problem = *posed.problem;
  const Cell cell(*problem.set, law.expansion_rate, law.granularity,
                  problem.accounting);
  const double wanted = std::log(law.active_params);
  const auto distance = [&](int64_t blocks) {
    return std::abs(
        std::log(cell.Model(LnWidthOfBlocks(blocks)).active_params) - wanted);
  };
  const double width = std::exp(cell.WidthOfActiveParams(law.active_params)) /
                       static_cast<double>(kWidthPerBlock);
  const int64_t below = std::clamp<int64_t>(
      static_cast<int64_t>(std::min(width, 1e9)), 1, kMostBlocks);
  const int64_t above = std::min(below + 1, kMostBlocks);
  const int64_t blocks = distance(below) <= distance(above) ? below : above;
  absl::StatusOr<ModelShape> shape = ShapeOfBlocks(posed, cell, blocks);
  if (!shape.ok()) {
    return absl::UnimplementedError(absl::StrCat(
        "candidate: no reference shape has these values (",
        shape.status().message(), "); give the candidate as a shape"));
  }
  return BuiltCandidate{
      .shape = *std::move(shape),
      .caveat = absl::StrCat(
          "it is taken to be the nearest shape that can be built: d_model ",
          blocks * kWidthPerBlock, ", ", blocks, " blocks, ",
          FormatCount(cell.Model(LnWidthOfBlocks(blocks)).active_params, 4),
          " active parameters")};
}

absl::StatusOr<BuiltCandidate> Build(const PosedProblem& posed,
                                     const Candidate& candidate) {
  if (const auto* law = std::get_if<LawCandidate>(&candidate.model)) {
    return NearestShape(posed, *law);
  }
  return BuiltCandidate{.shape = std::get<ModelShape>(candidate.model),
                        .caveat = ""};
}

// Where the candidate's device-hours stand beside the least and the best.
absl::Status Compare(const PosedProblem& posed, const DeviceBudget& budget,
                     double device_seconds, const Interrupter* interrupter,
                     DeviceEvaluation& evaluation) {
  Evaluation& figures = evaluation.figures;
  DeviceSearch search(posed, budget);
  MOEPLAN_RETURN_IF_ERROR(search.FindLeastLoss(device_seconds, interrupter));
  if (const auto ranked = search.Ranked(); !ranked.empty()) {
    MOEPLAN_ASSIGN_OR_RETURN(evaluation.optimum,
                             MakeDevicePlan(posed, budget, ranked.front()));
    figures.optimum = evaluation.optimum->configuration;
    figures.loss_gap = figures.prediction.loss - figures.optimum->loss;
  }
  MOEPLAN_RETURN_IF_ERROR(
      search.FindLeastTime(figures.prediction.loss, interrupter));
  if (const auto ranked = search.Ranked(); !ranked.empty()) {
    const double ratio = device_seconds / ranked.front().device_seconds;
    figures.compute_to_same_loss_ratio = ratio;
    evaluation.wasted_device_hours =
        std::max(0.0, device_seconds / kSecondsPerHour * (1 - 1 / ratio));
  }
  return absl::OkStatus();
}

void RefuseToServe(const ServingShortfall& shortfall,
                   DeviceEvaluation& evaluation) {
  evaluation.shortfall = shortfall;
  evaluation.figures.reason =
      shortfall.least_device_bytes > 0
          ? absl::StrCat(
                "one device does not hold it with one sequence of "
                "what it is to serve: that takes ",
                FormatBytes(shortfall.least_device_bytes, 3))
          : absl::StrCat(
                "one device takes ",
                FormatNumber(shortfall.least_seconds_per_output_token, 3),
                " s for an output token, even of a single sequence");
}

}  // namespace

absl::StatusOr<DeviceEvaluation> EvaluateOnDevice(
    const OptimalConfigProblem& problem, const DeviceBudget& budget,
    const Interrupter* interrupter) {
  OptimalConfigProblem device_problem = AsDeviceProblem(problem);
  Candidate& candidate = *device_problem.candidate;
  const bool takes_what_it_gets = candidate.training_tokens == 0;
  if (takes_what_it_gets) candidate.training_tokens = kLeastTrainingTokens;
  MOEPLAN_ASSIGN_OR_RETURN(const PosedProblem posed,
                           PoseForDevice(device_problem));
  MOEPLAN_RETURN_IF_ERROR(CheckDeviceBudget(budget));
  MOEPLAN_ASSIGN_OR_RETURN(BuiltCandidate built, Build(posed, candidate));
  candidate.model = built.shape;
  MOEPLAN_ASSIGN_OR_RETURN(const auto answer,
                           DeviceCostOf(built.shape, budget));
  const auto* cost = std::get_if<DeviceCost>(&answer);
  DeviceEvaluation evaluation;
  evaluation.shape = built.shape;
  if (cost != nullptr) {
    evaluation.affordable_training_tokens =
        cost->TokensWithin(budget.DeviceSeconds());
  }
  if (takes_what_it_gets) {
    candidate.training_tokens =
        std::min(evaluation.affordable_training_tokens,
                 posed.limits.available_training_tokens);
    if (candidate.training_tokens < kLeastTrainingTokens) {
      return absl::FailedPreconditionError(
          "candidate.training_tokens: none are given, and the device time "
          "buys less than one token");
    }
  }
  MOEPLAN_ASSIGN_OR_RETURN(PlacedCandidate placed, PlaceCandidate(posed));
  Evaluation& figures = evaluation.figures;
  figures.broken_limits = FindBrokenLimits(posed, placed);
  figures.prediction = std::move(placed.prediction);
  figures.active_params = placed.active_params;
  figures.total_params = placed.total_params;
  figures.flops = placed.flops;
  figures.caveats = std::move(placed.caveats);
  if (!built.caveat.empty()) figures.caveats.push_back(built.caveat);
  if (cost == nullptr) {
    RefuseToServe(std::get<ServingShortfall>(answer), evaluation);
    return evaluation;
  }
  const double seconds = cost->SecondsOf(candidate.training_tokens);
  evaluation.device_hours =
      cost->DeviceHoursOf(*budget.time_model, candidate.training_tokens);
  evaluation.serving_device_hours = cost->ServingSeconds() / kSecondsPerHour;
  evaluation.serving = cost->serving;
  if (budget.price_per_hour.has_value()) {
    evaluation.price = evaluation.device_hours.value * *budget.price_per_hour;
  }
  constexpr double kSlack = 1 + 1e-9;
  evaluation.breaks_wall_duration = seconds > budget.DeviceSeconds() * kSlack;
  MOEPLAN_RETURN_IF_ERROR(
      Compare(posed, budget, seconds, interrupter, evaluation));
  Judge(*posed.problem, "device-hours", figures);
  return evaluation;
}

}  // namespace moeplan
