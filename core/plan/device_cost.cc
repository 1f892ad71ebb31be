#include "core/plan/device_cost.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/base/status_macros.h"
#include "core/base/violations.h"

namespace moeplan {
namespace {

constexpr double kSecondsPerHour = 3600;

}  // namespace

absl::Status CheckDeviceBudget(const DeviceBudget& budget) {
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

double DeviceCost::TokensWithin(double device_seconds) const {
  return std::max(
      0.0, (device_seconds - ServingSeconds()) / training_seconds_per_token);
}

EstimatedAmount DeviceCost::DeviceHoursOf(const TimeModel& model,
                                          double training_tokens) const {
  StepTime all;
  AddScaled(step, training_tokens * training_seconds_per_token / step.seconds,
            all);
  if (serving.has_value()) AddScaled(serving->total, 1, all);
  return EstimatedAmountOf(SecondsOf(training_tokens) / kSecondsPerHour,
                           LogHalfWidth(model, all));
}

absl::StatusOr<std::variant<DeviceCost, ServingShortfall>> DeviceCostOf(
    const ModelShape& shape, const DeviceBudget& budget) {
  DeviceCost cost;
  if (budget.serving.has_value()) {
    MOEPLAN_ASSIGN_OR_RETURN(
        ServingAnswer answer,
        ServingTimeOf(*budget.time_model, shape, *budget.serving));
    if (const auto* shortfall = std::get_if<ServingShortfall>(&answer)) {
      return *shortfall;
    }
    cost.serving = std::get<ServingTime>(std::move(answer));
  }
  MOEPLAN_ASSIGN_OR_RETURN(
      cost.step, TrainingStepTime(*budget.time_model, shape, budget.run));
  cost.training_seconds_per_token =
      cost.step.SecondsPerToken() *
      static_cast<double>(budget.run.device_count) / budget.goodput;
  return cost;
}

}  // namespace moeplan
