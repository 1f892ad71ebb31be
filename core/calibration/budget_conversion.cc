#include "core/calibration/budget_conversion.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/arch/param_count.h"
#include "core/base/statistics.h"
#include "core/base/status_macros.h"
#include "core/base/violations.h"

namespace moeplan {
namespace {

constexpr double kSecondsPerHour = 3600;
// A part below this share of the time may have no known error.
constexpr double kShareThatMatters = 0.01;
constexpr double kNinetyPercentQuantile = 0.95;

const OperationFit* FindFit(const TimeModel& model,
                            const std::string& operation_class) {
  for (const OperationFit& fit : model.fits()) {
    if (fit.operation_class == operation_class) return &fit;
  }
  return nullptr;
}

}  // namespace

EstimatedAmount EstimatedAmountOf(double value,
                                  const std::optional<double>& log_half_width) {
  if (!log_half_width.has_value())
    return {.value = value, .lower = {}, .upper = {}};
  return {.value = value,
          .lower = value * std::exp(-*log_half_width),
          .upper = value * std::exp(*log_half_width)};
}

EstimatedAmount DeviceTimeRate::TokensOf(double device_hours) const {
  return EstimatedAmountOf(
      kSecondsPerHour * device_hours * goodput /
          (seconds_per_token * static_cast<double>(device_count)),
      log_half_width);
}

EstimatedAmount DeviceTimeRate::DeviceHoursOf(double training_tokens) const {
  return EstimatedAmountOf(training_tokens * seconds_per_token *
                               static_cast<double>(device_count) /
                               (kSecondsPerHour * goodput),
                           log_half_width);
}

EstimatedAmount DeviceTimeRate::TrainFlopsOf(double device_hours) const {
  return EstimatedAmountOf(TokensOf(device_hours).value * train_flops_per_token,
                           log_half_width);
}

EstimatedAmount DeviceTimeRate::DeviceHoursOfFlops(double train_flops) const {
  return DeviceHoursOf(train_flops / train_flops_per_token);
}

std::optional<double> LogHalfWidth(const TimeModel& model,
                                   const StepTime& step) {
  double error = 0;
  for (const TimePart& part : step.parts) {
    // Taken as stated.
    if (part.is_assumed) continue;
    const double share = part.seconds / step.seconds;
    const OperationFit* fit = FindFit(model, part.operation_class);
    if (fit != nullptr && fit->held_out_mean_error.has_value()) {
      error += share * *fit->held_out_mean_error;
    } else if (share > kShareThatMatters) {
      return std::nullopt;
    }
  }
  return NormalQuantile(kNinetyPercentQuantile) *
         std::sqrt(std::numbers::pi / 2) * error;
}

absl::StatusOr<DeviceTimeRate> DeviceTimeRateOf(const TimeModel& model,
                                                const ModelShape& shape,
                                                const TrainingRunSetup& setup,
                                                double train_flops_per_token,
                                                double goodput) {
  Violations violations;
  violations.RequirePositiveFinite("train_flops_per_token",
                                   train_flops_per_token);
  violations.RequireWithin("goodput", goodput,
                           std::numeric_limits<double>::min(), 1);
  MOEPLAN_RETURN_IF_ERROR(violations.ToStatus());
  MOEPLAN_ASSIGN_OR_RETURN(const StepTime step,
                           TrainingStepTime(model, shape, setup));
  return DeviceTimeRate{.seconds_per_token = step.SecondsPerToken(),
                        .device_count = setup.device_count,
                        .goodput = goodput,
                        .train_flops_per_token = train_flops_per_token,
                        .log_half_width = LogHalfWidth(model, step),
                        .extrapolation_decades = step.extrapolation_decades,
                        .assumptions = step.assumptions};
}

double TrainingBytesLine::ParamsOf(double device_bytes) const {
  return std::max(0.0, (device_bytes - activation_bytes) / bytes_per_param);
}

absl::StatusOr<TrainingBytesLine> TrainingBytesLineOf(
    const ModelShape& shape, const TrainingMemorySetup& setup) {
  MOEPLAN_ASSIGN_OR_RETURN(const TrainingMemory memory,
                           TrainingMemoryOf(shape, setup));
  const double params =
      static_cast<double>(SumParams(CountParams(shape).total, kEveryParam));
  const double state = static_cast<double>(
      memory.weight_bytes + memory.gradient_bytes + memory.optimizer_bytes);
  return TrainingBytesLine{
      .bytes_per_param = state / params,
      .activation_bytes = static_cast<double>(memory.activation_bytes)};
}

}  // namespace moeplan
