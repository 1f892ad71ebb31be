#include "core/plan/device_plan.h"

#include <algorithm>
#include <utility>

#include "core/base/status_macros.h"
#include "core/base/violations.h"
#include "core/plan/limits.h"
#include "core/plan/predict.h"

namespace moeplan {
namespace {

constexpr double kSecondsPerHour = 3600;

NoDevicePlan Explain(const DeviceShortfall& shortfall, int64_t device_count) {
  NoDevicePlan none;
  if (shortfall.least_device_seconds.has_value()) {
    none.least_wall_seconds =
        *shortfall.least_device_seconds / static_cast<double>(device_count);
  } else if (shortfall.least_seconds_per_output_token.has_value()) {
    // A shape that one device holds is nearer than one that it does not.
    none.least_seconds_per_output_token =
        shortfall.least_seconds_per_output_token;
  } else {
    none.least_device_bytes = shortfall.least_device_bytes;
  }
  return none;
}

}  // namespace

OptimalConfigProblem AsDeviceProblem(OptimalConfigProblem problem) {
  problem.objective = PlanObjective::kLeastLoss;
  // Any budget poses the problem; the device time is what limits it.
  problem.compute_budget_flops = kAbsurdFlops;
  problem.target_loss.reset();
  return problem;
}

absl::StatusOr<PosedProblem> PoseForDevice(
    const OptimalConfigProblem& problem) {
  Violations violations;
  CheckOptimalConfigProblem(problem, violations);
  MOEPLAN_RETURN_IF_ERROR(violations.ToStatus());
  return PoseProblem(problem);
}

absl::StatusOr<DevicePlan> MakeDevicePlan(const PosedProblem& posed,
                                          const DeviceBudget& budget,
                                          const FoundShape& found) {
  const Cell& cell = posed.cells[found.cell];
  MOEPLAN_ASSIGN_OR_RETURN(ModelShape shape,
                           ShapeOfBlocks(posed, cell, found.block_count));
  MOEPLAN_ASSIGN_OR_RETURN(auto cost, DeviceCostOf(shape, budget));
  const OptimalConfigProblem& problem = *posed.problem;
  DevicePlan plan = {
      .configuration = MakeConfiguration(*problem.set, cell, problem,
                                         LnWidthOfBlocks(found.block_count),
                                         found.training_tokens),
      .shape = std::move(shape),
      .cost = std::get<DeviceCost>(std::move(cost)),
      .device_hours = {},
      .price = {}};
  // Whole, which the logarithm of the width has lost.
  plan.configuration.block_count = static_cast<double>(found.block_count);
  plan.configuration.d_model =
      static_cast<double>(found.block_count * kWidthPerBlock);
  plan.device_hours =
      plan.cost.DeviceHoursOf(*budget.time_model, found.training_tokens);
  plan.serving_device_hours = plan.cost.ServingSeconds() / kSecondsPerHour;
  if (budget.price_per_hour.has_value()) {
    plan.price = plan.device_hours.value * *budget.price_per_hour;
  }
  plan.law_flops_per_second_per_device =
      plan.configuration.flops.train_flops /
      (found.training_tokens * plan.cost.training_seconds_per_token);
  plan.at_available_tokens =
      found.training_tokens >= posed.limits.available_training_tokens;
  return plan;
}

absl::StatusOr<DeviceAnswer> PlanForDevice(const OptimalConfigProblem& problem,
                                           const DeviceBudget& budget,
                                           const Interrupter* interrupter) {
  OptimalConfigProblem device_problem = AsDeviceProblem(problem);
  device_problem.candidate.reset();
  MOEPLAN_ASSIGN_OR_RETURN(const PosedProblem posed,
                           PoseForDevice(device_problem));
  MOEPLAN_RETURN_IF_ERROR(CheckDeviceBudget(budget));
  DeviceSearch search(posed, budget);
  MOEPLAN_RETURN_IF_ERROR(
      search.FindLeastLoss(budget.DeviceSeconds(), interrupter));
  const std::vector<FoundShape> ranked = search.Ranked();
  if (ranked.empty()) {
    return Explain(search.shortfall(), budget.run.device_count);
  }
  std::vector<DevicePlan> plans;
  for (const FoundShape& found : ranked) {
    MOEPLAN_ASSIGN_OR_RETURN(DevicePlan plan,
                             MakeDevicePlan(posed, budget, found));
    plans.push_back(std::move(plan));
  }
  if (problem.strict) {
    MOEPLAN_RETURN_IF_ERROR(CheckInsideBox(
        *problem.set, plans.front().configuration.extrapolations));
  }
  const size_t alternative_count = std::min(
      plans.size() - 1, static_cast<size_t>(problem.alternative_count));
  DevicePlans answer = {
      .best = plans.front(),
      .alternatives = {plans.begin() + 1,
                       plans.begin() + 1 +
                           static_cast<ptrdiff_t>(alternative_count)},
      .best_per_cell = {},
      .shapes_searched = search.shapes_searched(),
      .shapes_timed = search.shapes_timed()};
  std::vector<size_t> place(posed.cells.size(), plans.size());
  for (size_t i = 0; i < ranked.size(); ++i) place[ranked[i].cell] = i;
  for (const size_t i : place) {
    if (i < plans.size()) answer.best_per_cell.push_back(std::move(plans[i]));
  }
  return answer;
}

}  // namespace moeplan
