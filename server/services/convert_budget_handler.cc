#include "server/services/convert_budget_handler.h"

#include <cmath>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/arch/param_count.h"
#include "core/base/status_macros.h"
#include "core/calibration/budget_conversion.h"
#include "core/law/coefficient_set.h"
#include "server/convert/convert_budget_convert.h"
#include "server/rpc/status.h"
#include "server/services/calibration_catalog.h"
#include "server/services/core_errors.h"

namespace moeplan::server {
namespace {

// An error of core about the shape or its training; past the door core refuses
// only what it has no formula for.
absl::Status ExplainShapeError(const absl::Status& status) {
  if (absl::IsUnimplemented(status) || absl::IsOutOfRange(status)) {
    return NotServedError("shape", status.message());
  }
  if (absl::IsInvalidArgument(status)) {
    return InvalidFieldError("shape", status.message());
  }
  return status;
}

void AmountToWire(const EstimatedAmount& amount,
                  v1::ConvertBudgetResponse* response) {
  if (amount.lower.has_value()) response->set_lower(*amount.lower);
  if (amount.upper.has_value()) response->set_upper(*amount.upper);
}

absl::Status ConvertTime(CallContext& call, const ConvertBudgetQuery& query,
                         const ServedCalibration& calibration,
                         double train_flops_per_token,
                         v1::ConvertBudgetResponse* response) {
  MOEPLAN_ASSIGN_OR_RETURN(
      const TimeModel* model,
      calibration.TimeModelOf(query.dtype, &call.interrupter()));
  const absl::StatusOr<DeviceTimeRate> rate = DeviceTimeRateOf(
      *model, *query.shape, query.run, train_flops_per_token, query.goodput);
  if (!rate.ok()) return ExplainShapeError(rate.status());
  if (query.kind == BudgetKind::kDeviceHours) {
    const EstimatedAmount flops = rate->TrainFlopsOf(query.amount);
    response->set_train_flops(flops.value);
    response->set_training_tokens(rate->TokensOf(query.amount).value);
    AmountToWire(flops, response);
  } else {
    const EstimatedAmount hours = rate->DeviceHoursOfFlops(query.amount);
    response->set_device_hours(hours.value);
    response->set_training_tokens(query.amount / train_flops_per_token);
    AmountToWire(hours, response);
  }
  for (const std::string& assumption : rate->assumptions) {
    response->add_assumptions(assumption);
  }
  if (rate->extrapolation_decades > 0) {
    response->add_assumptions(
        absl::StrCat("some operations lie up to ", rate->extrapolation_decades,
                     " decades of work outside what was measured"));
  }
  response->set_dtype(model->dtype());
  response->set_time_model_version(kTimeModelVersion);
  return absl::OkStatus();
}

absl::Status ConvertMemory(const ConvertBudgetQuery& query,
                           const CoefficientSet& set,
                           v1::ConvertBudgetResponse* response) {
  const absl::StatusOr<TrainingBytesLine> line =
      TrainingBytesLineOf(*query.shape, query.memory);
  if (!line.ok()) return ExplainShapeError(line.status());
  const ParamCounts counts = CountParams(*query.shape).total;
  // Of all parameters, which take memory, those that the set counts.
  const double counted =
      static_cast<double>(SumParams(counts, set.spec().convention)) /
      static_cast<double>(SumParams(counts, kEveryParam));
  response->add_assumptions(absl::StrCat(
      "the device holds the whole model with gradients (16 bits each) and "
      "AdamW in 12 bytes a parameter; activations are those of the given "
      "shape, ",
      static_cast<int64_t>(line->activation_bytes), " bytes"));
  if (query.kind == BudgetKind::kDeviceBytes) {
    response->set_total_params(counted * line->ParamsOf(query.amount));
    return absl::OkStatus();
  }
  constexpr double kMostBytes = 0x1p63;
  const double bytes = line->BytesOf(query.amount / counted);
  if (!(bytes < kMostBytes)) {
    return InvalidFieldError("total_params", "must take less than 2^63 bytes",
                             absl::StrCat(query.amount));
  }
  response->set_device_bytes(static_cast<int64_t>(std::ceil(bytes)));
  return absl::OkStatus();
}

}  // namespace

absl::Status HandleConvertBudget(const ServiceEnvironment& environment,
                                 CallContext& call,
                                 const v1::ConvertBudgetRequest& request,
                                 v1::ConvertBudgetResponse* response) {
  MOEPLAN_ASSIGN_OR_RETURN(const ConvertBudgetQuery query,
                           ConvertBudgetFromWire(request));
  MOEPLAN_ASSIGN_OR_RETURN(
      const CalibrationPointer calibration,
      environment.calibrations->Find(query.calibration_id));
  MOEPLAN_ASSIGN_OR_RETURN(const std::shared_ptr<const CoefficientSet> set,
                           environment.catalog->snapshot()->Find(query.set_id));
  response->set_calibration_checksum(calibration->checksum());
  for (const std::string& assumption : query.assumptions) {
    response->add_assumptions(assumption);
  }
  if (query.kind == BudgetKind::kDeviceBytes ||
      query.kind == BudgetKind::kTotalParams) {
    return ConvertMemory(query, *set, response);
  }
  // FLOPs per token do not depend on the tokens.
  const absl::StatusOr<ShapePoint> point =
      set->PointFromShape(*query.shape, /*training_tokens=*/1, {});
  if (!point.ok()) {
    return absl::IsInvalidArgument(point.status())
               ? InvalidFieldError("shape", point.status().message())
               : ExplainCoreError(point.status(), set->id());
  }
  return ConvertTime(call, query, *calibration, point->train_flops_per_token,
                     response);
}

}  // namespace moeplan::server
