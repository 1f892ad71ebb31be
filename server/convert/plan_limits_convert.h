#ifndef MOEPLAN_SERVER_CONVERT_PLAN_LIMITS_CONVERT_H_
#define MOEPLAN_SERVER_CONVERT_PLAN_LIMITS_CONVERT_H_

#include "core/base/field_path.h"
#include "core/base/violations.h"
#include "core/plan/optimal_config.h"
#include "moeplan/v1/optimal_config.pb.h"

namespace moeplan::server {

// The limits of an OptimalConfigRequest, each into its place in `problem`; what
// is wrong is added to `violations` under the request's own field names.
void ConvertMemoryLimit(const v1::MemoryLimit& wire,
                        OptimalConfigProblem& problem, Violations& violations);
void ConvertServingMemory(const v1::ServingMemory& wire,
                          OptimalConfigProblem& problem,
                          Violations& violations);
void ConvertTokenSupply(const v1::TokenSupply& wire,
                        OptimalConfigProblem& problem, Violations& violations);
// After ConvertServingMemory: sequences and context may state the cache. On
// devices (`has_hardware`) each of the two may stand alone.
void ConvertServingDemand(const v1::ServingDemand& wire, bool has_hardware,
                          OptimalConfigProblem& problem,
                          Violations& violations);

// `value`, or `standard` where it is 0; else it has to lie in (0, most].
double OrStandard(const FieldPath& field, double value, double standard,
                  double most, Violations& violations);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_CONVERT_PLAN_LIMITS_CONVERT_H_
