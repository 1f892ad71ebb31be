#ifndef MOEPLAN_CORE_PLAN_DEVICE_PLAN_H_
#define MOEPLAN_CORE_PLAN_DEVICE_PLAN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "core/arch/model_shape.h"
#include "core/base/interrupter.h"
#include "core/calibration/budget_conversion.h"
#include "core/calibration/throughput.h"
#include "core/calibration/time_model.h"
#include "core/plan/optimal_config.h"
#include "core/plan/plan.h"

namespace moeplan {

// Device time that may be spent on one kind of machine.
struct DeviceBudget {
  const TimeModel* time_model = nullptr;  // of its calibration
  double wall_seconds = 0;                // > 0
  double goodput = 1;                     // in (0, 1]
  TrainingRunSetup run;                   // device_count included
  std::optional<double> price_per_hour;   // of one device; >= 0
};

// A model that can be built and how long it takes.
struct DevicePlan {
  // Whole blocks: d_model = 64 block_count. tokens and loss are what the device
  // time buys.
  Configuration configuration;
  ModelShape shape;
  StepTime step;
  // Hours times devices until training_tokens are trained, with the interval of
  // the time model; less than the budget where tokens ran out.
  EstimatedAmount device_hours;
  std::optional<double> price;
  // train_flops by the law's accounting over the device time: what papers would
  // have to assume as the device's rate.
  double law_flops_per_second_per_device = 0;
  // Held by the tokens available, not by the device time.
  bool at_available_tokens = false;
};

struct DevicePlans {
  DevicePlan best;
  // The best of every other expansion rate and granularity, best first; at most
  // the problem's alternative_count.
  std::vector<DevicePlan> alternatives;
  // Shapes within the limits, and those of them whose time was worked out: the
  // rest could not be the best of their E and G at any rate of the device.
  int64_t shapes_searched = 0;
  int64_t shapes_timed = 0;
};

// No shape trains within the limits.
struct NoDevicePlan {
  // The least wall time at which some shape that keeps the other limits trains
  // on one token, seconds; empty where no shape keeps them.
  std::optional<double> least_wall_seconds;
};

using DeviceAnswer = std::variant<DevicePlans, NoDevicePlan>;

// The model with the least loss that `budget` trains: over every d_model = 64 n
// and every E and G of the problem's search space,
//   D = min(available_training_tokens, wall goodput / t_token(shape)),
// t_token from TrainingStepTime, and of the shapes within the problem's memory
// limit and above its smallest shape the one of least loss(N, D, E, G). A shape
// that is best per FLOP and slow on the device thus loses to the one that is
// best per hour. Exact over these shapes, n up to 1024: a shape is only left
// out when its loss, were its products to run at the model's highest rate and
// all else took no time, is above that of another shape of its E and G. E and G
// that the family cannot build (not whole, or a granularity that does not
// divide the width) are left out.
//
// The problem's compute_budget_flops, target, served tokens and candidate are
// not used; its other limits are.
// Errors: as OptimalConfig and TrainingStepTime; INVALID_ARGUMENT naming a
// field of `budget`; CANCELLED.
//
// Cost: about 2 us a shape and 20 us a timed one, more for thousands of
// experts; 1024 shapes for each E and G. Deterministic, on the calling thread.
absl::StatusOr<DeviceAnswer> PlanForDevice(
    const OptimalConfigProblem& problem, const DeviceBudget& budget,
    const Interrupter* interrupter = nullptr);

}  // namespace moeplan

#endif  // MOEPLAN_CORE_PLAN_DEVICE_PLAN_H_
