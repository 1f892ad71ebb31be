#ifndef MOEPLAN_CORE_PLAN_DEVICE_EVALUATION_H_
#define MOEPLAN_CORE_PLAN_DEVICE_EVALUATION_H_

#include <optional>

#include "absl/status/statusor.h"
#include "core/arch/model_shape.h"
#include "core/base/interrupter.h"
#include "core/plan/device_plan.h"
#include "core/plan/optimal_config.h"

namespace moeplan {

// A candidate on one kind of machine against the best model for its own
// device-hours there, training and serving, under the problem's limits and
// search space.
struct DeviceEvaluation {
  // compute_to_same_loss_ratio is that of device-hours: the candidate's over
  // the least for its loss. wasted_flops is empty.
  Evaluation figures;
  // The candidate's, or the nearest that can be built. Set.
  std::optional<ModelShape> shape;
  EstimatedAmount device_hours;
  double serving_device_hours = 0;
  std::optional<double> price;
  std::optional<ServingTime> serving;
  // Tokens of the candidate that the budget buys beside its serving.
  double affordable_training_tokens = 0;
  // The best for device_hours; empty as figures.optimum.
  std::optional<DevicePlan> optimum;
  // device_hours (1 - 1 / ratio), at least 0.
  std::optional<double> wasted_device_hours;
  // device_hours are more than the budget's.
  bool breaks_wall_duration = false;
  // Set where a device cannot serve the candidate: there are no hours then, and
  // no verdict.
  std::optional<ServingShortfall> shortfall;
};

// Judges problem.candidate, which must be set. Its training_tokens of 0 mean
// what the budget buys. A candidate in the law's variables is taken to be the
// reference shape of whole blocks whose active_params are nearest (on a log
// scale), and the caveats say which.
// Errors: as PlanForDevice and OptimalConfig; FAILED_PRECONDITION where the
// budget buys no token and none are given; UNIMPLEMENTED for a candidate in the
// law's variables that no reference shape stands for.
// Cost: twice that of PlanForDevice.
absl::StatusOr<DeviceEvaluation> EvaluateOnDevice(
    const OptimalConfigProblem& problem, const DeviceBudget& budget,
    const Interrupter* interrupter = nullptr);

}  // namespace moeplan

#endif  // MOEPLAN_CORE_PLAN_DEVICE_EVALUATION_H_
