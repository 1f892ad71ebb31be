#ifndef MOEPLAN_WORKER_DEVICE_ROUTING_CHECK_H_
#define MOEPLAN_WORKER_DEVICE_ROUTING_CHECK_H_

#include "absl/status/statusor.h"
#include "core/calibration/operation.h"
#include "worker/device/array_reader.h"
#include "worker/device/device.h"

namespace moeplan::worker {

// What a routing reads and writes. Choice j of token t is element
// t * experts_per_token + j of what is kept for each choice.
enum class RoutingArray {
  kLogits,          // tokens x experts
  kTokensIn,        // tokens x d_model: x; backward: the output's gradient
  kRows,            // rows x d_model: what experts computed; backward: also the
                    // gradient that comes back from them
  kRowsOut,         // rows x d_model: permuted x; backward: gradient of kRows
  kTokensOut,       // tokens x d_model: combined; backward: gradient of x
  kLogitGradients,  // tokens x experts; backward only
  kExperts,         // of each choice
  kSlots,           // of each choice: its row
  kWeights,         // of each choice: the probability of its expert
};

// Compares what a routing computed with a reference in doubles: the index of
// all choices, and the rest for 64 tokens. Errors: those of `read`.
absl::StatusOr<NumericsCheck> CheckRouting(
    const Routing& op, double most_allowed,
    const ArrayReader<RoutingArray>& read);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_ROUTING_CHECK_H_
