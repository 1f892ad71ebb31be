#include "core/calibration/routing_cost.h"

#include <variant>

#include "core/calibration/model_operations.h"

namespace moeplan {

EffectiveRoutingCost EffectiveRoutingCostOf(const TimeModel& model,
                                            const MoeBlock& block) {
  double product_seconds = 0;
  double choice_seconds = 0;
  double routing_seconds = 0;
  double expert_seconds = 0;
  double expert_flops = 0;
  for (const bool backward : {false, true}) {
    MoeBlock pass = block;
    pass.backward = backward;
    for (const RepeatedOperation& part : MoeBlockOperations(pass)) {
      const double seconds = part.count * model.Predict(part.operation).seconds;
      if (std::holds_alternative<Gemm>(part.operation)) {
        product_seconds += seconds;
      } else if (const auto* routing = std::get_if<Routing>(&part.operation)) {
        // Rows of one element: choosing them is what is left.
        Routing choice = *routing;
        choice.d_model = 1;
        choice_seconds += part.count * model.Predict(choice).seconds;
        routing_seconds += seconds;
      } else if (std::holds_alternative<GroupedGemm>(part.operation)) {
        expert_seconds += seconds;
        // A product's FLOPs do not depend on the bytes of its elements.
        expert_flops += part.count * CostOf(part.operation, 1).flops;
      }
    }
  }
  const double per_second = expert_flops / expert_seconds /
                            (static_cast<double>(block.tokens) *
                             static_cast<double>(block.rows_per_expert.size()) *
                             static_cast<double>(block.d_model));
  return {.products = per_second * product_seconds,
          .with_choice = per_second * (product_seconds + choice_seconds),
          .with_rows = per_second * (product_seconds + routing_seconds)};
}

}  // namespace moeplan
