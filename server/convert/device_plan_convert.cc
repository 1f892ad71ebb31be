#include "server/convert/device_plan_convert.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/quantity.h"
#include "server/convert/model_shape_convert.h"
#include "server/convert/plan_convert.h"

namespace moeplan::server {
namespace {

// The time and price of a point.
struct PointHours {
  EstimatedAmount device_hours;
  std::optional<double> price;
  double serving_device_hours = 0;
  std::optional<ServingTime> serving;
};

void LayoutToWire(const TrainingRunSetup& run, v1::ParallelLayout* wire) {
  const DeviceLayout layout = run.Layout();
  wire->set_data_parallel(static_cast<int32_t>(layout.data_parallel));
  wire->set_tensor_parallel(1);
  wire->set_pipeline_parallel(static_cast<int32_t>(layout.pipeline_parallel));
  wire->set_expert_parallel(static_cast<int32_t>(layout.expert_parallel));
  wire->set_micro_batch_sequences(
      static_cast<int32_t>(run.micro_batch_sequences));
  wire->set_stages_per_device(static_cast<int32_t>(run.stages_per_device));
}

void HoursToWire(const PointHours& hours, v1::PlanPoint* wire) {
  wire->set_device_hours(hours.device_hours.value);
  if (hours.device_hours.lower.has_value()) {
    wire->set_device_hours_lower(*hours.device_hours.lower);
    wire->set_device_hours_upper(*hours.device_hours.upper);
  }
  if (hours.price.has_value()) wire->set_price(*hours.price);
  if (!hours.serving.has_value()) return;
  wire->set_serving_device_hours(hours.serving_device_hours);
  wire->set_decode_sequences(hours.serving->decode_sequences);
  wire->set_seconds_per_output_token(hours.serving->seconds_per_output_token);
}

void PointToWire(const DevicePlan& plan, const TrainingRunSetup& run,
                 v1::PlanPoint* wire) {
  ConfigurationToWire(plan.configuration, wire);
  ModelShapeToWire(plan.shape, wire->mutable_shape()->mutable_model_shape());
  HoursToWire({.device_hours = plan.device_hours,
               .price = plan.price,
               .serving_device_hours = plan.serving_device_hours,
               .serving = plan.cost.serving},
              wire);
  LayoutToWire(run, wire->mutable_layout());
}

// The least loss of each expansion rate; `cells` are in the order of the search
// space, expansion rates outer.
std::vector<const DevicePlan*> BestPerExpansionRate(
    const std::vector<DevicePlan>& cells) {
  std::vector<const DevicePlan*> best;
  for (const DevicePlan& plan : cells) {
    const Configuration& made = plan.configuration;
    if (best.empty() ||
        best.back()->configuration.expansion_rate != made.expansion_rate) {
      best.push_back(&plan);
    } else if (made.loss < best.back()->configuration.loss) {
      best.back() = &plan;
    }
  }
  return best;
}

}  // namespace

void DevicePlansToWire(const DevicePlans& plans, const TrainingRunSetup& run,
                       bool include_cells, v1::Plan* wire) {
  PointToWire(plans.best, run, wire->mutable_optimum());
  wire->add_binding_constraints()->set_constraint(
      plans.best.at_available_tokens ? v1::CONSTRAINT_AVAILABLE_TRAINING_TOKENS
                                     : v1::CONSTRAINT_WALL_DURATION);
  for (const DevicePlan* best : BestPerExpansionRate(plans.best_per_cell)) {
    PointToWire(*best, run, wire->add_best_by_expansion_rate());
  }
  if (include_cells) {
    for (const DevicePlan& best : plans.best_per_cell) {
      PointToWire(best, run, wire->add_best_by_cell());
    }
  }
  for (const DevicePlan& other : plans.alternatives) {
    PointToWire(other, run, wire->add_alternatives());
  }
}

void NoDevicePlanToWire(const NoDevicePlan& none, v1::Infeasible* wire) {
  v1::Relaxation* relaxation = wire->add_relaxations();
  constexpr char kOthers[] = " With the other limits as they are it takes ";
  if (none.least_wall_seconds.has_value()) {
    relaxation->set_constraint(v1::CONSTRAINT_WALL_DURATION);
    relaxation->set_smallest_value(*none.least_wall_seconds);
    wire->set_message(absl::StrCat(
        "No model gets a token of training in this time on this hardware.",
        kOthers, "at least ", FormatNumber(*none.least_wall_seconds, 4),
        " s."));
  } else if (none.least_seconds_per_output_token.has_value()) {
    relaxation->set_constraint(v1::CONSTRAINT_OUTPUT_TOKEN_SECONDS);
    relaxation->set_smallest_value(*none.least_seconds_per_output_token);
    wire->set_message(absl::StrCat(
        "No model gives output tokens as fast on this hardware.", kOthers,
        "at least ", FormatNumber(*none.least_seconds_per_output_token, 4),
        " s for one."));
  } else {
    relaxation->set_constraint(v1::CONSTRAINT_DEVICE_MEMORY);
    relaxation->set_smallest_value(*none.least_device_bytes);
    wire->set_message(absl::StrCat(
        "One device does not hold any model with one sequence of what it is to "
        "serve.",
        kOthers, "at least ", FormatBytes(*none.least_device_bytes, 4), "."));
  }
}

void DeviceEvaluationToWire(const DeviceEvaluation& evaluation,
                            const TrainingRunSetup& run, v1::Evaluation* wire) {
  EvaluationToWire(evaluation.figures, wire);
  v1::PlanPoint* candidate = wire->mutable_candidate();
  ModelShapeToWire(*evaluation.shape,
                   candidate->mutable_shape()->mutable_model_shape());
  LayoutToWire(run, candidate->mutable_layout());
  if (evaluation.shortfall.has_value()) {
    wire->add_violated_constraints(evaluation.shortfall->least_device_bytes > 0
                                       ? v1::CONSTRAINT_DEVICE_MEMORY
                                       : v1::CONSTRAINT_OUTPUT_TOKEN_SECONDS);
    return;
  }
  HoursToWire({.device_hours = evaluation.device_hours,
               .price = evaluation.price,
               .serving_device_hours = evaluation.serving_device_hours,
               .serving = evaluation.serving},
              candidate);
  wire->set_affordable_training_tokens(evaluation.affordable_training_tokens);
  if (evaluation.optimum.has_value()) {
    PointToWire(*evaluation.optimum, run, wire->mutable_optimum());
  }
  if (evaluation.wasted_device_hours.has_value()) {
    wire->set_wasted_device_hours(*evaluation.wasted_device_hours);
  }
  if (evaluation.breaks_wall_duration) {
    wire->add_violated_constraints(v1::CONSTRAINT_WALL_DURATION);
  }
}

}  // namespace moeplan::server
