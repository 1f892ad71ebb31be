#include "core/plan/device_plan.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "core/arch/flops.h"
#include "core/base/checked.h"
#include "core/base/status_macros.h"
#include "core/base/violations.h"
#include "core/plan/cell.h"
#include "core/plan/cell_search.h"
#include "core/plan/posed_problem.h"

namespace moeplan {
namespace {

constexpr int64_t kWidthPerBlock = 64;
// A width that no budget of today reaches: 64 Ki.
constexpr int64_t kMostBlocks = 1024;
constexpr double kSecondsPerHour = 3600;

// A shape with what the device time buys of it.
struct Found {
  size_t cell = 0;
  int64_t block_count = 0;
  double training_tokens = 0;
  double loss = 0;
};

absl::Status CheckBudget(const DeviceBudget& budget) {
  Violations violations;
  violations.RequirePositiveFinite("wall_seconds", budget.wall_seconds);
  violations.RequireWithin("goodput", budget.goodput,
                           std::numeric_limits<double>::min(), 1);
  if (budget.price_per_hour.has_value()) {
    violations.RequireNonNegativeFinite("price_per_hour",
                                        *budget.price_per_hour);
  }
  return violations.ToStatus();
}

// The fastest that any product runs by the model: no formula of a product is
// below its FLOPs over this.
double HighestRate(const TimeModel& model) {
  double highest = 0;
  for (const OperationFit& fit : model.fits()) {
    if (fit.formula != TimeFormula::kProduct) continue;
    for (const NamedValue& each : fit.coefficients) {
      if (each.name == "flops_per_second") {
        highest = std::max(highest, each.value);
      }
    }
  }
  return highest / model.block_ratio();
}

// Looks at every shape of a problem; times those that could be the best of
// their E and G.
class DeviceSearch {
 public:
  DeviceSearch(const PosedProblem& posed, const DeviceBudget& budget)
      : posed_(posed),
        budget_(budget),
        highest_rate_(HighestRate(*budget.time_model)),
        best_of_cell_(posed.cells.size()) {}

  absl::Status Run(const Interrupter* interrupter) {
    for (int64_t blocks = 1; blocks <= kMostBlocks; ++blocks) {
      if (IsInterrupted(interrupter)) {
        return absl::CancelledError("the search was interrupted");
      }
      bool may_go_on = false;
      for (size_t i = 0; i < posed_.cells.size(); ++i) {
        MOEPLAN_ASSIGN_OR_RETURN(const bool trains, LookAt(i, blocks));
        may_go_on = may_go_on || trains;
      }
      // Wider shapes take longer and more memory.
      if (!may_go_on && built_any_) break;
    }
    return absl::OkStatus();
  }

  // The best of each cell that has one, best first.
  std::vector<Found> Ranked() const {
    std::vector<Found> ranked;
    for (const std::optional<Found>& found : best_of_cell_) {
      if (found.has_value()) ranked.push_back(*found);
    }
    std::stable_sort(
        ranked.begin(), ranked.end(),
        [](const Found& a, const Found& b) { return a.loss < b.loss; });
    return ranked;
  }

  absl::StatusOr<DevicePlan> MakePlan(const Found& found) const {
    const Cell& cell = posed_.cells[found.cell];
    MOEPLAN_ASSIGN_OR_RETURN(ModelShape shape,
                             ShapeOf(cell, found.block_count));
    MOEPLAN_ASSIGN_OR_RETURN(
        StepTime step,
        TrainingStepTime(*budget_.time_model, shape, budget_.run));
    const OptimalConfigProblem& problem = *posed_.problem;
    DevicePlan plan = {.configuration = MakeConfiguration(
                           *problem.set, cell, problem,
                           LnWidth(found.block_count), found.training_tokens),
                       .shape = std::move(shape),
                       .step = std::move(step),
                       .device_hours = {},
                       .price = {}};
    // Whole, which the logarithm of the width has lost.
    plan.configuration.block_count = static_cast<double>(found.block_count);
    plan.configuration.d_model =
        static_cast<double>(found.block_count * kWidthPerBlock);
    const double flops = plan.configuration.flops.train_flops;
    MOEPLAN_ASSIGN_OR_RETURN(
        const DeviceTimeRate rate,
        DeviceTimeRateOf(*budget_.time_model, plan.shape, budget_.run,
                         flops / found.training_tokens, budget_.goodput));
    plan.device_hours = rate.DeviceHoursOf(found.training_tokens);
    if (budget_.price_per_hour.has_value()) {
      plan.price = plan.device_hours.value * *budget_.price_per_hour;
    }
    plan.law_flops_per_second_per_device =
        flops / (plan.device_hours.value * kSecondsPerHour);
    plan.at_available_tokens =
        found.training_tokens >= posed_.limits.available_training_tokens;
    return plan;
  }

  int64_t shapes_searched() const { return shapes_searched_; }
  int64_t shapes_timed() const { return shapes_timed_; }
  const std::optional<double>& least_wall_seconds() const {
    return least_wall_seconds_;
  }

 private:
  // No fewer than the tokens that the device time buys of `shape`: its products
  // alone, at the highest rate.
  absl::StatusOr<double> MostTokens(const ModelShape& shape) const {
    MOEPLAN_ASSIGN_OR_RETURN(
        const TokenFlops flops,
        TrainFlopsPerToken(shape,
                           {.routing_train_flops_per_router_param = 6,
                            .scores = ScoreRule::kCausalAverage,
                            .context_tokens = budget_.run.sequence_tokens}));
    const double seconds = flops.Total() / highest_rate_ /
                           static_cast<double>(budget_.run.device_count);
    return std::min(posed_.limits.available_training_tokens,
                    budget_.wall_seconds * budget_.goodput / seconds);
  }

  static double LnWidth(int64_t block_count) {
    return std::log(static_cast<double>(block_count * kWidthPerBlock));
  }

  absl::StatusOr<ModelShape> ShapeOf(const Cell& cell,
                                     int64_t block_count) const {
    return posed_.problem->set->ReferenceShape(
        block_count * kWidthPerBlock,
        static_cast<int64_t>(cell.expansion_rate()),
        static_cast<int64_t>(cell.granularity()));
  }

  bool IsBelowSmallestShape(int64_t block_count) const {
    const double blocks = static_cast<double>(block_count);
    return blocks < posed_.limits.smallest_block_count ||
           blocks * static_cast<double>(kWidthPerBlock) <
               posed_.limits.smallest_d_model;
  }

  bool IsWithinMemory(const Cell& cell, int64_t block_count) const {
    const auto fits = [&](const MemoryCap& cap) {
      return cell.Memory(LnWidth(block_count), cap,
                         posed_.limits.kv_cache_tokens) <= cap.largest;
    };
    return std::all_of(posed_.limits.memory.begin(), posed_.limits.memory.end(),
                       fits);
  }

  // Whether wider shapes of the cell may still be trained.
  absl::StatusOr<bool> LookAt(size_t index, int64_t block_count) {
    const Cell& cell = posed_.cells[index];
    if (!IsWholeNumber(cell.expansion_rate()) ||
        !IsWholeNumber(cell.granularity())) {
      return false;
    }
    const absl::StatusOr<ModelShape> shape = ShapeOf(cell, block_count);
    if (!shape.ok()) return false;
    built_any_ = true;
    if (IsBelowSmallestShape(block_count)) return true;
    if (!IsWithinMemory(cell, block_count)) return false;
    ++shapes_searched_;
    std::optional<Found>& best = best_of_cell_[index];
    if (best.has_value()) {
      MOEPLAN_ASSIGN_OR_RETURN(const double most, MostTokens(*shape));
      if (cell.Loss(LnWidth(block_count), most) > best->loss) return true;
    }
    ++shapes_timed_;
    MOEPLAN_ASSIGN_OR_RETURN(
        const StepTime step,
        TrainingStepTime(*budget_.time_model, *shape, budget_.run));
    const double tokens = std::min(
        posed_.limits.available_training_tokens,
        budget_.wall_seconds * budget_.goodput / step.SecondsPerToken());
    if (tokens < 1) {
      least_wall_seconds_ = std::min(
          least_wall_seconds_.value_or(std::numeric_limits<double>::infinity()),
          step.SecondsPerToken() / budget_.goodput);
      return false;
    }
    const double loss = cell.Loss(LnWidth(block_count), tokens);
    if (!best.has_value() || loss < best->loss) {
      best = Found{index, block_count, tokens, loss};
    }
    return true;
  }

  const PosedProblem& posed_;
  const DeviceBudget& budget_;
  const double highest_rate_;
  std::vector<std::optional<Found>> best_of_cell_;
  bool built_any_ = false;
  int64_t shapes_searched_ = 0;
  int64_t shapes_timed_ = 0;
  std::optional<double> least_wall_seconds_;
};

}  // namespace

absl::StatusOr<DeviceAnswer> PlanForDevice(const OptimalConfigProblem& problem,
                                           const DeviceBudget& budget,
                                           const Interrupter* interrupter) {
  Violations violations;
  OptimalConfigProblem posed_as = problem;
  posed_as.objective = PlanObjective::kLeastLoss;
  // Any budget poses the problem; the device time is what limits it.
  posed_as.compute_budget_flops = kAbsurdFlops;
  CheckOptimalConfigProblem(posed_as, violations);
  MOEPLAN_RETURN_IF_ERROR(violations.ToStatus());
  MOEPLAN_RETURN_IF_ERROR(CheckBudget(budget));
  MOEPLAN_ASSIGN_OR_RETURN(const PosedProblem posed, PoseProblem(posed_as));
  DeviceSearch search(posed, budget);
  MOEPLAN_RETURN_IF_ERROR(search.Run(interrupter));
  const std::vector<Found> ranked = search.Ranked();
  if (ranked.empty()) {
    return NoDevicePlan{.least_wall_seconds = search.least_wall_seconds()};
  }
  MOEPLAN_ASSIGN_OR_RETURN(DevicePlan best, search.MakePlan(ranked.front()));
  DevicePlans answer = {.best = std::move(best),
                        .alternatives = {},
                        .shapes_searched = search.shapes_searched(),
                        .shapes_timed = search.shapes_timed()};
  for (size_t i = 1; i < ranked.size() &&
                     i <= static_cast<size_t>(posed_as.alternative_count);
       ++i) {
    MOEPLAN_ASSIGN_OR_RETURN(DevicePlan other, search.MakePlan(ranked[i]));
    answer.alternatives.push_back(std::move(other));
  }
  return answer;
}

}  // namespace moeplan
