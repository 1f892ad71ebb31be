#include "server/convert/device_plan_convert.h"

#include "absl/strings/str_cat.h"
#include "core/base/quantity.h"
#include "server/convert/model_shape_convert.h"
#include "server/convert/plan_convert.h"

namespace moeplan::server {
namespace {

void PointToWire(const DevicePlan& plan, int64_t device_count,
                 v1::PlanPoint* wire) {
  ConfigurationToWire(plan.configuration, wire);
  ModelShapeToWire(plan.shape, wire->mutable_shape()->mutable_model_shape());
  wire->set_device_hours(plan.device_hours.value);
  if (plan.device_hours.lower.has_value()) {
    wire->set_device_hours_lower(*plan.device_hours.lower);
    wire->set_device_hours_upper(*plan.device_hours.upper);
  }
  if (plan.price.has_value()) wire->set_price(*plan.price);
  v1::ParallelLayout* layout = wire->mutable_layout();
  layout->set_data_parallel(static_cast<int32_t>(device_count));
  layout->set_tensor_parallel(1);
  layout->set_pipeline_parallel(1);
  layout->set_expert_parallel(1);
}

}  // namespace

void DevicePlansToWire(const DevicePlans& plans, int64_t device_count,
                       v1::Plan* wire) {
  PointToWire(plans.best, device_count, wire->mutable_optimum());
  wire->add_binding_constraints()->set_constraint(
      plans.best.at_available_tokens ? v1::CONSTRAINT_AVAILABLE_TRAINING_TOKENS
                                     : v1::CONSTRAINT_WALL_DURATION);
  for (const DevicePlan& other : plans.alternatives) {
    PointToWire(other, device_count, wire->add_alternatives());
  }
}

void NoDevicePlanToWire(const NoDevicePlan& none, v1::Infeasible* wire) {
  v1::Relaxation* relaxation = wire->add_relaxations();
  relaxation->set_constraint(v1::CONSTRAINT_WALL_DURATION);
  relaxation->set_smallest_value(*none.least_wall_seconds);
  wire->set_message(absl::StrCat(
      "No model gets a token of training in this time on this hardware. With "
      "the other limits as they are it takes at least ",
      FormatNumber(*none.least_wall_seconds, 4), " s."));
}

}  // namespace moeplan::server
