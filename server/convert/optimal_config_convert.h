#ifndef MOEPLAN_SERVER_CONVERT_OPTIMAL_CONFIG_CONVERT_H_
#define MOEPLAN_SERVER_CONVERT_OPTIMAL_CONFIG_CONVERT_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/law/coefficient_set.h"
#include "core/plan/optimal_config.h"
#include "moeplan/v1/optimal_config.pb.h"
#include "server/convert/hardware_budget_convert.h"
#include "server/convert/training_setup_convert.h"

namespace moeplan::server {

// An OptimalConfigRequest that keeps every rule that can be judged without the
// sets.
struct OptimalConfigQuery {
  std::string set_id;            // empty: the server's default
  std::string dense_set_id;      // empty: core chooses
  OptimalConfigProblem problem;  // without its sets until CompleteProblem
  // Set where the budget is device time; problem.compute_budget_flops is not.
  std::optional<HardwareBudgetQuery> hardware;
  TrainingSetupQuery training_setup;
  // What the machines of `hardware` serve; none without them.
  std::optional<ServingDemand> serving;
  bool context_tokens_given = false;  // of `serving`
  bool include_cells = false;
  bool routing_flops_given = false;
  // Of a candidate in the law's variables.
  bool candidate_expansion_rate_given = true;
  bool candidate_granularity_given = true;
};

// Errors: INVALID_ARGUMENT with every violation; UNIMPLEMENTED naming a field
// that asks for what this server does not serve yet.
absl::StatusOr<OptimalConfigQuery> OptimalConfigFromWire(
    const v1::OptimalConfigRequest& wire);

// Puts the sets in and fills what depends on them; `dense` may be null.
// Errors: FAILED_PRECONDITION for a routing cost that the set's rule has not.
absl::Status CompleteProblem(std::shared_ptr<const CoefficientSet> set,
                             std::shared_ptr<const CoefficientSet> dense,
                             OptimalConfigQuery& query);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_CONVERT_OPTIMAL_CONFIG_CONVERT_H_
