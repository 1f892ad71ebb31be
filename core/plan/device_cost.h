#ifndef MOEPLAN_CORE_PLAN_DEVICE_COST_H_
#define MOEPLAN_CORE_PLAN_DEVICE_COST_H_

#include <cstdint>
#include <optional>
#include <variant>

#include "absl/status/statusor.h"
#include "core/arch/model_shape.h"
#include "core/calibration/budget_conversion.h"
#include "core/calibration/serving_demand.h"
#include "core/calibration/throughput.h"
#include "core/calibration/time_model.h"

namespace moeplan {

// Device time that may be spent on one kind of machine.
struct DeviceBudget {
  const TimeModel* time_model = nullptr;  // of its calibration
  double wall_seconds = 0;                // > 0
  double goodput = 1;                     // in (0, 1]
  TrainingRunSetup run;                   // device_count included
  std::optional<double> price_per_hour;   // of one device; >= 0
  // Served by the same machines within the same budget; absent: nothing.
  std::optional<ServingDemand> serving;

  double DeviceSeconds() const {
    return wall_seconds * static_cast<double>(run.device_count);
  }
};

// Errors: INVALID_ARGUMENT naming a field of `budget` but those of `run` and
// `serving`, which their users check.
absl::Status CheckDeviceBudget(const DeviceBudget& budget);

// What one shape takes of a budget, in device-seconds:
//   tokens t_token devices / goodput + serving,
// t_token TrainingStepTime over the tokens of a step, serving ServingTimeOf.
struct DeviceCost {
  StepTime step;
  std::optional<ServingTime> serving;
  double training_seconds_per_token = 0;

  double ServingSeconds() const {
    return serving.has_value() ? serving->total.seconds : 0;
  }
  double SecondsOf(double training_tokens) const {
    return ServingSeconds() + training_tokens * training_seconds_per_token;
  }
  // 0 where serving alone takes more.
  double TokensWithin(double device_seconds) const;
  // Hours, with the interval of the time model; both parts err together.
  EstimatedAmount DeviceHoursOf(const TimeModel& model,
                                double training_tokens) const;
};

// Errors: as TrainingStepTime and ServingTimeOf. A shape that a device cannot
// serve is an answer.
absl::StatusOr<std::variant<DeviceCost, ServingShortfall>> DeviceCostOf(
    const ModelShape& shape, const DeviceBudget& budget);

}  // namespace moeplan

#endif  // MOEPLAN_CORE_PLAN_DEVICE_COST_H_
