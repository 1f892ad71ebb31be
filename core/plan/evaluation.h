#ifndef MOEPLAN_CORE_PLAN_EVALUATION_H_
#define MOEPLAN_CORE_PLAN_EVALUATION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/plan/optimal_config.h"
#include "core/plan/posed_problem.h"

namespace moeplan {

// A candidate of a problem with its figures, before it is judged.
struct PlacedCandidate {
  Prediction prediction;
  double active_params = 0;
  double total_params = 0;
  double cache_elements = 0;  // of the problem's kv_cache_tokens
  FlopBreakdown flops;
  std::vector<std::string> caveats;
};

// Where posed.problem->candidate, which must be set, stands in the law.
// Errors: as OptimalConfig.
absl::StatusOr<PlacedCandidate> PlaceCandidate(const PosedProblem& posed);

// Limits of the problem that the candidate itself breaks.
std::vector<Constraint> FindBrokenLimits(const PosedProblem& posed,
                                         const PlacedCandidate& candidate);

// Verdict and reason of an evaluation whose figures are there; `means` is what
// candidate and optimum have the same of: "FLOPs".
void Judge(const OptimalConfigProblem& problem, absl::string_view means,
           Evaluation& evaluation);

// Judges the candidate against the optimum for its own FLOPs.
// Errors: CANCELLED, INTERNAL.
absl::StatusOr<Evaluation> EvaluateCandidate(const PosedProblem& posed,
                                             PlacedCandidate candidate,
                                             const Interrupter* interrupter);

}  // namespace moeplan

#endif  // MOEPLAN_CORE_PLAN_EVALUATION_H_
