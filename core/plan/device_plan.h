#ifndef MOEPLAN_CORE_PLAN_DEVICE_PLAN_H_
#define MOEPLAN_CORE_PLAN_DEVICE_PLAN_H_

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "core/arch/model_shape.h"
#include "core/base/interrupter.h"
#include "core/calibration/budget_conversion.h"
#include "core/plan/device_cost.h"
#include "core/plan/device_search.h"
#include "core/plan/optimal_config.h"
#include "core/plan/plan.h"
#include "core/plan/posed_problem.h"

namespace moeplan {

// A model that can be built and how long it takes.
struct DevicePlan {
  // Whole blocks: d_model = 64 block_count. tokens and loss are what the device
  // time buys.
  Configuration configuration;
  ModelShape shape;
  DeviceCost cost;
  // Hours times devices until training_tokens are trained and the demand is
  // served, with the interval of the time model; less than the budget where
  // tokens ran out.
  EstimatedAmount device_hours;
  double serving_device_hours = 0;  // the part of device_hours for serving
  std::optional<double> price;
  // train_flops by the law's accounting over the device time of training: what
  // papers would have to assume as the device's rate.
  double law_flops_per_second_per_device = 0;
  // Held by the tokens available, not by the device time.
  bool at_available_tokens = false;
};

struct DevicePlans {
  DevicePlan best;
  // The best of every other expansion rate and granularity, best first; at most
  // the problem's alternative_count.
  std::vector<DevicePlan> alternatives;
  // The best of every expansion rate and granularity that admits one, in the
  // order of the search space.
  std::vector<DevicePlan> best_per_cell;
  // Shapes within the limits, and those of them whose time was worked out: the
  // rest could not be the best of their E and G at any rate of the device.
  int64_t shapes_searched = 0;
  int64_t shapes_timed = 0;
};

// No shape trains and serves within the limits. At most one member is set: what
// comes nearest to a model; none where no shape keeps the limits besides time
// and devices.
struct NoDevicePlan {
  // The least wall time at which some shape trains on one token and serves its
  // demand, seconds.
  std::optional<double> least_wall_seconds;
  // The least bytes of a device, and the least time for an output token,
  // seconds, at which one serves some shape.
  std::optional<double> least_device_bytes;
  std::optional<double> least_seconds_per_output_token;

  bool IsExplained() const {
    return least_wall_seconds.has_value() || least_device_bytes.has_value() ||
           least_seconds_per_output_token.has_value();
  }
};

using DeviceAnswer = std::variant<DevicePlans, NoDevicePlan>;

// The model with the least loss that `budget` trains, and serves where it says
// so: over every d_model = 64 n and every E and G of the problem's search
// space,
//   D = min(available_training_tokens,
//           (wall devices - serving(shape)) goodput / (t_token(shape)
//           devices)),
// both times as DeviceCost, and of the shapes within the problem's memory limit
// and above its smallest shape the one of least loss(N, D, E, G). A shape that
// is best per FLOP and slow on the device thus loses to the one that is best
// per hour, and one that is slow to serve to one that is not. Exact over these
// shapes, n up to 1024: see DeviceSearch. E and G that the family cannot build
// (not whole, or a granularity that does not divide the width), and shapes that
// budget.run cannot split, are left out.
//
// The problem's compute_budget_flops, target, served tokens and candidate are
// not used; its other limits and `strict` are.
// Errors: as OptimalConfig, TrainingStepTime and ServingTimeOf;
// INVALID_ARGUMENT naming a field of `budget`; CANCELLED.
//
// Cost: about 2 us a shape and 20 us a timed one (40 us where it serves), more
// for thousands of experts; 1024 shapes for each E and G. Deterministic, on the
// calling thread.
absl::StatusOr<DeviceAnswer> PlanForDevice(
    const OptimalConfigProblem& problem, const DeviceBudget& budget,
    const Interrupter* interrupter = nullptr);

// The plan of a found shape. Errors: as DeviceCostOf.
absl::StatusOr<DevicePlan> MakeDevicePlan(const PosedProblem& posed,
                                          const DeviceBudget& budget,
                                          const FoundShape& found);

// `problem` as DeviceSearch takes it. Errors: INVALID_ARGUMENT,
// FAILED_PRECONDITION as OptimalConfig. `problem` must outlive the result and
// have passed AsDeviceProblem.
absl::StatusOr<PosedProblem> PoseForDevice(const OptimalConfigProblem& problem);

// `problem` with the loss as its objective and no budget of FLOPs.
OptimalConfigProblem AsDeviceProblem(OptimalConfigProblem problem);

}  // namespace moeplan

#endif  // MOEPLAN_CORE_PLAN_DEVICE_PLAN_H_
