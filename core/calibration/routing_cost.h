#ifndef MOEPLAN_CORE_CALIBRATION_ROUTING_COST_H_
#define MOEPLAN_CORE_CALIBRATION_ROUTING_COST_H_

#include "core/calibration/operation.h"
#include "core/calibration/time_model.h"

namespace moeplan {

// What routing takes, as FLOPs per token, expert and element of d_model in
// forward and backward pass, at the rate P of the experts' own products:
//   c_r,eff = t P / (T E d)  (reference, section 5.3)
// beside the c_r = 14 that 2402.07871 charges
// (kDefaultRoutingFlopsPerRouterParam of core/arch). No constant: moving rows
// scales with k d and not with E. In three scopes, each with what the one
// before has.
struct EffectiveRoutingCost {
  double products = 0;     // the router's products
  double with_choice = 0;  // and softmax, top-k, index
  double with_rows = 0;    // and moving rows to the experts and back
};

// Of both passes of a block, whichever `block` is, by the times of `model`.
// Needs rows for at least one expert. Cost: some predictions.
EffectiveRoutingCost EffectiveRoutingCostOf(const TimeModel& model,
                                            const MoeBlock& block);

}  // namespace moeplan

#endif  // MOEPLAN_CORE_CALIBRATION_ROUTING_COST_H_
