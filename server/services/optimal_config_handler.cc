#include "server/services/optimal_config_handler.h"

#include "core/base/status_macros.h"
#include "core/plan/optimal_config.h"
#include "server/convert/optimal_config_convert.h"
#include "server/convert/plan_convert.h"
#include "server/convert/resource_name.h"
#include "server/services/core_errors.h"
#include "server/services/hardware_plans.h"

namespace moeplan::server {

CallClass ClassOfOptimalConfig(const v1::OptimalConfigRequest& request) {
  // A pair of E and G takes about 20 us, and the dense figures about as much
  // as two; whatever searches twice, or may have to look for relaxations
  // (limits besides the budget), takes longer.
  constexpr int kInlineCells = 2;
  const v1::SearchSpace& space = request.search_space();
  const int cells = space.expansion_rates_size() * space.granularities_size();
  const bool small =
      cells >= 1 && cells <= kInlineCells &&
      request.objective() == v1::OBJECTIVE_LEAST_LOSS &&
      !request.budget().has_hardware() && !request.has_memory_limit() &&
      !request.has_token_supply() && !request.has_serving_demand() &&
      !request.has_candidate() && request.pareto_point_count() == 0;
  return small ? CallClass::kInline : CallClass::kSearch;
}

absl::Status HandleOptimalConfig(const ServiceEnvironment& environment,
                                 CallContext& call,
                                 const v1::OptimalConfigRequest& request,
                                 v1::OptimalConfigResponse* response) {
  MOEPLAN_ASSIGN_OR_RETURN(OptimalConfigQuery query,
                           OptimalConfigFromWire(request));
  const auto snapshot = environment.catalog->snapshot();
  MOEPLAN_ASSIGN_OR_RETURN(
      const std::shared_ptr<const CoefficientSet> set,
      snapshot->Find(query.set_id.empty()
                         ? environment.default_sets.optimal_config
                         : query.set_id));
  std::shared_ptr<const CoefficientSet> dense;
  if (!query.dense_set_id.empty()) {
    MOEPLAN_ASSIGN_OR_RETURN(dense, snapshot->Find(query.dense_set_id));
  }
  absl::Status complete = CompleteProblem(set, dense, query);
  if (!complete.ok()) return ExplainCoreError(complete, set->id());
  if (query.hardware.has_value()) {
    MOEPLAN_RETURN_IF_ERROR(
        PlanForHardware(environment, call, query, response));
    if (environment.answer_observer != nullptr) {
      environment.answer_observer->OnOptimalConfig(request, *response);
    }
    return absl::OkStatus();
  }
  const absl::StatusOr<OptimalConfigAnswer> answer =
      OptimalConfig(query.problem, &call.interrupter());
  if (!answer.ok()) return ExplainCoreError(answer.status(), set->id());
  OptimalConfigAnswerToWire(query, *answer, response);
  const std::string dense_id = DenseSetId(*answer);
  if (!dense_id.empty()) {
    v1::Provenance* provenance = response->mutable_provenance();
    provenance->set_dense_coefficient_set(CoefficientSetName(dense_id));
    // Core may have chosen a published set, which is in every snapshot.
    const auto used = snapshot->Find(dense_id);
    if (used.ok()) {
      provenance->set_dense_coefficient_set_checksum((*used)->checksum());
    }
  }
  if (environment.answer_observer != nullptr) {
    environment.answer_observer->OnOptimalConfig(request, *response);
  }
  return absl::OkStatus();
}

}  // namespace moeplan::server
