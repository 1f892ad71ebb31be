#include "server/services/hardware_plans.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/quantity.h"
#include "core/base/status_macros.h"
#include "core/plan/device_plan.h"
#include "core/plan/optimal_config.h"
#include "server/convert/device_plan_convert.h"
#include "server/convert/evidence_convert.h"
#include "server/convert/plan_convert.h"
#include "server/services/calibration_catalog.h"
#include "server/services/core_errors.h"

namespace moeplan::server {
namespace {

// An option with its answer.
struct Outcome {
  size_t option = 0;
  CalibrationPointer calibration;
  DeviceAnswer answer = NoDevicePlan();

  // Smaller is better.
  std::tuple<double, double, double> Rank() const {
    const auto* plans = std::get_if<DevicePlans>(&answer);
    constexpr double kNone = std::numeric_limits<double>::infinity();
    if (plans == nullptr) return {kNone, kNone, kNone};
    return {plans->best.configuration.loss, plans->best.device_hours.value,
            plans->best.price.value_or(0)};
  }
};

absl::StatusOr<CalibrationPointer> FindCalibration(
    const ServiceEnvironment& environment, const HardwareOptionQuery& option) {
  return option.calibration_id.empty()
             ? environment.calibrations->Newest(option.product, option.dtype)
             : environment.calibrations->Find(option.calibration_id);
}

absl::StatusOr<Outcome> PlanForOption(const ServiceEnvironment& environment,
                                      CallContext& call,
                                      const OptimalConfigQuery& query,
                                      size_t index) {
  const HardwareOptionQuery& option = query.hardware->options[index];
  Outcome outcome{.option = index, .calibration = {}, .answer = NoDevicePlan()};
  MOEPLAN_ASSIGN_OR_RETURN(outcome.calibration,
                           FindCalibration(environment, option));
  const std::string dtype =
      option.dtype.empty() ? outcome.calibration->DefaultDtype() : option.dtype;
  DeviceBudget budget;
  MOEPLAN_ASSIGN_OR_RETURN(budget.time_model,
                           outcome.calibration->TimeModelOf(dtype));
  budget.wall_seconds = query.hardware->wall_seconds;
  budget.goodput = query.hardware->goodput;
  budget.run = query.training_setup.run;
  budget.run.device_count = option.device_count;
  budget.price_per_hour = option.price_per_hour;
  auto answer = PlanForDevice(query.problem, budget, &call.interrupter());
  if (!answer.ok()) {
    return ExplainCoreError(answer.status(), query.problem.set->id());
  }
  outcome.answer = *std::move(answer);
  return outcome;
}

// Why no model keeps the limits besides the time.
absl::Status OtherLimitsToWire(const OptimalConfigQuery& query,
                               CallContext& call, v1::Infeasible* wire) {
  OptimalConfigQuery without_time = query;
  without_time.problem.compute_budget_flops = 1e40;
  const absl::StatusOr<OptimalConfigAnswer> answer =
      OptimalConfig(without_time.problem, &call.interrupter());
  if (!answer.ok()) {
    return ExplainCoreError(answer.status(), query.problem.set->id());
  }
  if (std::holds_alternative<Infeasible>(answer->outcome)) {
    v1::OptimalConfigResponse response;
    OptimalConfigAnswerToWire(without_time, *answer, &response);
    *wire = std::move(*response.mutable_infeasible());
    return absl::OkStatus();
  }
  wire->set_message(
      "No model of whole blocks (d_model = 64 n) with these expansion rates "
      "and "
      "granularities keeps the limits, though one between them would.");
  return absl::OkStatus();
}

absl::Status OutcomeToWire(const OptimalConfigQuery& query, CallContext& call,
                           const Outcome& outcome, v1::HardwareOutcome* wire) {
  const HardwareOptionQuery& option = query.hardware->options[outcome.option];
  wire->set_option_index(static_cast<int32_t>(outcome.option));
  wire->set_calibration(outcome.calibration->name());
  if (const auto* plans = std::get_if<DevicePlans>(&outcome.answer)) {
    DevicePlansToWire(*plans, option.device_count, wire->mutable_plan());
    return absl::OkStatus();
  }
  const auto& none = std::get<NoDevicePlan>(outcome.answer);
  if (none.least_wall_seconds.has_value()) {
    NoDevicePlanToWire(none, wire->mutable_infeasible());
    return absl::OkStatus();
  }
  return OtherLimitsToWire(query, call, wire->mutable_infeasible());
}

// What the best plan rests on besides measurements.
void WarningsToWire(const OptimalConfigQuery& query, const Outcome& best,
                    v1::OptimalConfigResponse* response) {
  const auto* plans = std::get_if<DevicePlans>(&best.answer);
  if (plans == nullptr) return;
  const auto warn = [&](v1::WarningCode code, const std::string& text) {
    AddWarning(code, text, response->mutable_warnings());
  };
  for (const std::string& text : query.training_setup.assumptions) {
    warn(v1::WARNING_CODE_TIME_ASSUMED, text);
  }
  for (const std::string& text : plans->best.step.assumptions) {
    warn(v1::WARNING_CODE_TIME_ASSUMED, text);
  }
  const double decades = plans->best.step.extrapolation_decades;
  if (decades > 0) {
    warn(v1::WARNING_CODE_TIME_EXTRAPOLATED,
         absl::StrCat("operations of the plan lie up to ",
                      FormatNumber(decades, 2),
                      " decades of work outside what was measured on this "
                      "hardware"));
  }
  if (!plans->best.configuration.extrapolations.empty()) {
    warn(v1::WARNING_CODE_EXTRAPOLATED,
         "the plan lies outside the runs that the law was fitted on");
  }
}

}  // namespace

absl::Status PlanForHardware(const ServiceEnvironment& environment,
                             CallContext& call, const OptimalConfigQuery& query,
                             v1::OptimalConfigResponse* response) {
  std::vector<Outcome> outcomes;
  for (size_t i = 0; i < query.hardware->options.size(); ++i) {
    MOEPLAN_ASSIGN_OR_RETURN(Outcome outcome,
                             PlanForOption(environment, call, query, i));
    outcomes.push_back(std::move(outcome));
  }
  std::stable_sort(
      outcomes.begin(), outcomes.end(),
      [](const Outcome& a, const Outcome& b) { return a.Rank() < b.Rank(); });
  for (const Outcome& outcome : outcomes) {
    MOEPLAN_RETURN_IF_ERROR(
        OutcomeToWire(query, call, outcome, response->add_hardware_outcomes()));
  }
  const v1::HardwareOutcome& first = response->hardware_outcomes(0);
  if (first.has_plan()) {
    *response->mutable_plan() = first.plan();
  } else {
    *response->mutable_infeasible() = first.infeasible();
  }
  WarningsToWire(query, outcomes.front(), response);
  AddSetCaveat(*query.problem.set, response->mutable_warnings());
  ProvenanceToWire(*query.problem.set, response->mutable_provenance());
  for (const Outcome& outcome : outcomes) {
    response->mutable_provenance()->add_calibrations(
        outcome.calibration->name());
  }
  return absl::OkStatus();
}

}  // namespace moeplan::server
