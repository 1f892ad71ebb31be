#include "server/services/hardware_plans.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/quantity.h"
#include "core/base/status_macros.h"
#include "core/plan/device_evaluation.h"
#include "core/plan/device_plan.h"
#include "core/plan/optimal_config.h"
#include "server/convert/device_plan_convert.h"
#include "server/convert/evidence_convert.h"
#include "server/convert/plan_convert.h"
#include "server/rpc/status.h"
#include "server/services/calibration_catalog.h"
#include "server/services/core_errors.h"

namespace moeplan::server {
namespace {

// An option with its answer.
struct Outcome {
  size_t option = 0;
  CalibrationPointer calibration;
  DeviceBudget budget;
  DeviceAnswer answer = NoDevicePlan();
  std::optional<DeviceEvaluation> evaluation;

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

// What the option's machine has for serving, unless the request allows less.
absl::StatusOr<double> ServingBytes(const OptimalConfigQuery& query,
                                    const ServedCalibration& served) {
  MOEPLAN_ASSIGN_OR_RETURN(const Calibration calibration, served.Read());
  const double bytes = static_cast<double>(calibration.device.memory_bytes);
  const std::optional<MemoryLimit>& limit = query.problem.memory_limit;
  return limit.has_value() && limit->kind == MemoryLimitKind::kBytes
             ? std::min(bytes, limit->value)
             : bytes;
}

absl::StatusOr<DeviceBudget> BudgetOf(CallContext& call,
                                      const OptimalConfigQuery& query,
                                      const HardwareOptionQuery& option,
                                      const ServedCalibration& calibration) {
  DeviceBudget budget;
  MOEPLAN_ASSIGN_OR_RETURN(
      budget.time_model,
      calibration.TimeModelOf(option.dtype, &call.interrupter()));
  budget.wall_seconds = query.hardware->wall_seconds;
  budget.goodput = query.hardware->goodput.value;
  budget.run = query.training_setup.run;
  budget.run.device_count = option.device_count;
  budget.price_per_hour = option.price_per_hour;
  budget.serving = query.serving;
  if (budget.serving.has_value()) {
    MOEPLAN_ASSIGN_OR_RETURN(budget.serving->device_bytes,
                             ServingBytes(query, calibration));
  }
  return budget;
}

// An error of core about a candidate that was given as a shape.
absl::Status ExplainCandidateError(const absl::Status& status,
                                   const OptimalConfigQuery& query) {
  if (absl::IsUnimplemented(status)) {
    return NotServedError("candidate", status.message());
  }
  if (absl::IsInvalidArgument(status)) {
    return InvalidFieldError("candidate", status.message());
  }
  return ExplainCoreError(status, query.problem.set->id());
}

absl::StatusOr<Outcome> PlanForOption(const ServiceEnvironment& environment,
                                      CallContext& call,
                                      const OptimalConfigQuery& query,
                                      size_t index) {
  const HardwareOptionQuery& option = query.hardware->options[index];
  Outcome outcome;
  outcome.option = index;
  MOEPLAN_ASSIGN_OR_RETURN(outcome.calibration,
                           FindCalibration(environment, option));
  MOEPLAN_ASSIGN_OR_RETURN(outcome.budget,
                           BudgetOf(call, query, option, *outcome.calibration));
  auto answer =
      PlanForDevice(query.problem, outcome.budget, &call.interrupter());
  if (!answer.ok()) {
    return ExplainCoreError(answer.status(), query.problem.set->id());
  }
  outcome.answer = *std::move(answer);
  if (query.problem.candidate.has_value()) {
    auto evaluation =
        EvaluateOnDevice(query.problem, outcome.budget, &call.interrupter());
    if (!evaluation.ok()) {
      return ExplainCandidateError(evaluation.status(), query);
    }
    outcome.evaluation = *std::move(evaluation);
  }
  return outcome;
}

// Why no model keeps the limits besides the time.
absl::Status OtherLimitsToWire(const OptimalConfigQuery& query,
                               CallContext& call, v1::Infeasible* wire) {
  OptimalConfigQuery without_time = query;
  without_time.problem.compute_budget_flops = 1e40;
  without_time.problem.candidate.reset();
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
      "and granularities keeps the limits and can be split as the layout says, "
      "though one between them, or whole, would.");
  return absl::OkStatus();
}

absl::Status OutcomeToWire(const OptimalConfigQuery& query, CallContext& call,
                           const Outcome& outcome, v1::HardwareOutcome* wire) {
  wire->set_option_index(static_cast<int32_t>(outcome.option));
  wire->set_calibration(outcome.calibration->name());
  if (outcome.evaluation.has_value()) {
    DeviceEvaluationToWire(*outcome.evaluation, outcome.budget.run,
                           wire->mutable_evaluation());
  }
  if (const auto* plans = std::get_if<DevicePlans>(&outcome.answer)) {
    DevicePlansToWire(*plans, outcome.budget.run, query.include_cells,
                      wire->mutable_plan());
    return absl::OkStatus();
  }
  const auto& none = std::get<NoDevicePlan>(outcome.answer);
  if (none.IsExplained()) {
    NoDevicePlanToWire(none, wire->mutable_infeasible());
    return absl::OkStatus();
  }
  return OtherLimitsToWire(query, call, wire->mutable_infeasible());
}

// Every number that the time of the best option rests on and that was not
// measured there.
std::vector<Assumption> AssumptionsOf(const OptimalConfigQuery& query,
                                      const Outcome& best) {
  std::vector<Assumption> assumptions = {
      {.name = "budget.hardware.goodput",
       .value = query.hardware->goodput.value,
       .unit = "",
       .source = query.hardware->goodput.source}};
  const TrainingSetupQuery& setup = query.training_setup;
  assumptions.insert(assumptions.end(), setup.assumptions.begin(),
                     setup.assumptions.end());
  const TrainingRunSetup& run = best.budget.run;
  if (run.device_count > 1 && !run.interconnect.has_value()) {
    // Exchange in no time.
    assumptions.push_back({.name = "training_setup.interconnect",
                           .value = 0,
                           .unit = "s",
                           .source = AssumptionSource::kDefault});
  }
  if (query.serving.has_value()) {
    assumptions.push_back(
        {.name = "serving_demand.context_tokens",
         .value = static_cast<double>(query.serving->context_tokens),
         .unit = "tokens",
         .source = query.context_tokens_given ? AssumptionSource::kUser
                                              : AssumptionSource::kDefault});
  }
  return assumptions;
}

// What the best plan rests on besides measurements.
void WarningsToWire(const Outcome& best, v1::OptimalConfigResponse* response) {
  const auto* plans = std::get_if<DevicePlans>(&best.answer);
  if (plans == nullptr) return;
  const auto warn = [&](v1::WarningCode code, const std::string& text) {
    AddWarning(code, text, response->mutable_warnings());
  };
  const DeviceCost& cost = plans->best.cost;
  StepTime time = cost.step;
  if (cost.serving.has_value()) AddScaled(cost.serving->total, 1, time);
  for (const std::string& text : time.assumptions) {
    warn(v1::WARNING_CODE_TIME_ASSUMED, text);
  }
  const double decades = time.extrapolation_decades;
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
  if (first.has_evaluation()) {
    *response->mutable_evaluation() = first.evaluation();
  }
  for (const Assumption& each : AssumptionsOf(query, outcomes.front())) {
    AddAssumption(each, response->mutable_assumptions());
  }
  WarningsToWire(outcomes.front(), response);
  AddSetCaveat(*query.problem.set, response->mutable_warnings());
  ProvenanceToWire(*query.problem.set, response->mutable_provenance());
  for (const Outcome& outcome : outcomes) {
    response->mutable_provenance()->add_calibrations(
        outcome.calibration->name());
  }
  return absl::OkStatus();
}

}  // namespace moeplan::server
