#ifndef MOEPLAN_CORE_CALIBRATION_BUDGET_CONVERSION_H_
#define MOEPLAN_CORE_CALIBRATION_BUDGET_CONVERSION_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/arch/memory.h"
#include "core/arch/model_shape.h"
#include "core/calibration/throughput.h"
#include "core/calibration/time_model.h"

namespace moeplan {

// An amount, and the 90 % interval that the held-out errors of the time model
// give it; no interval where some part of the time was fitted to too few
// shapes.
struct EstimatedAmount {
  double value = 0;
  std::optional<double> lower;
  std::optional<double> upper;
};

// `value` with the interval that half its width on a log scale gives.
EstimatedAmount EstimatedAmountOf(double value,
                                  const std::optional<double>& log_half_width);

// Device time and what it buys of one model. There is no single factor between
// hours and FLOPs: it is another for every shape (reference, section 5.4).
struct DeviceTimeRate {
  double seconds_per_token = 0;  // of the whole job, before goodput
  int64_t device_count = 1;
  double goodput = 1;  // share of the wall time that ends in kept steps
  double train_flops_per_token = 0;  // by the law's accounting
  // Half the width of the 90 % interval of log(seconds); empty: unknown.
  std::optional<double> log_half_width;
  double extrapolation_decades = 0;
  std::vector<std::string> assumptions;

  // D = 3600 H goodput / (t_token devices), H hours times devices.
  EstimatedAmount TokensOf(double device_hours) const;
  // H = D t_token devices / (3600 goodput).
  EstimatedAmount DeviceHoursOf(double training_tokens) const;
  // The same with F = D train_flops_per_token.
  EstimatedAmount TrainFlopsOf(double device_hours) const;
  EstimatedAmount DeviceHoursOfFlops(double train_flops) const;
};

// The rate at which `setup.device_count` devices train `shape`.
// `train_flops_per_token` > 0 is the law's (LawFamily::PointFromShape).
// Errors: as TrainingStepTime; INVALID_ARGUMENT naming goodput or
// train_flops_per_token.
absl::StatusOr<DeviceTimeRate> DeviceTimeRateOf(const TimeModel& model,
                                                const ModelShape& shape,
                                                const TrainingRunSetup& setup,
                                                double train_flops_per_token,
                                                double goodput);

// Half the width of the 90 % interval of log(seconds) of a step: the held-out
// mean errors of its parts, weighted by their share of the time and taken to
// err together (they come from one machine), times 1.645 sqrt(pi / 2), the
// ratio for a normal error. Assumed parts are taken as stated. Empty where a
// part that matters has none.
std::optional<double> LogHalfWidth(const TimeModel& model,
                                   const StepTime& step);

// Bytes of one device that training takes, as a line in the parameters of one
// shape: state that goes with parameters, and activations that do not.
struct TrainingBytesLine {
  double bytes_per_param = 0;  // weights, gradients and optimizer
  double activation_bytes = 0;

  double BytesOf(double total_params) const {
    return bytes_per_param * total_params + activation_bytes;
  }
  // 0 where the activations alone are more.
  double ParamsOf(double device_bytes) const;
};

// Errors: as TrainingMemoryOf.
absl::StatusOr<TrainingBytesLine> TrainingBytesLineOf(
    const ModelShape& shape, const TrainingMemorySetup& setup);

}  // namespace moeplan

#endif  // MOEPLAN_CORE_CALIBRATION_BUDGET_CONVERSION_H_
