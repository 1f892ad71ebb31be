#ifndef MOEPLAN_SERVER_CONVERT_PLAN_CONVERT_H_
#define MOEPLAN_SERVER_CONVERT_PLAN_CONVERT_H_

#include <string>

#include "core/plan/optimal_config.h"
#include "moeplan/v1/optimal_config.pb.h"
#include "server/convert/optimal_config_convert.h"

namespace moeplan::server {

// The whole answer to `query`, provenance included but for the dense set.
void OptimalConfigAnswerToWire(const OptimalConfigQuery& query,
                               const OptimalConfigAnswer& answer,
                               v1::OptimalConfigResponse* wire);

// The verdict without device-hours.
void EvaluationToWire(const Evaluation& evaluation, v1::Evaluation* wire);

// A configuration without hardware, price and layout.
void ConfigurationToWire(const Configuration& from, v1::PlanPoint* wire);

// Id of the set from which the dense figures of `answer` come; empty if there
// are none.
std::string DenseSetId(const OptimalConfigAnswer& answer);

// Whole bytes, rounded up; int64's largest value stands for more than it holds.
int64_t WholeBytes(double bytes);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_CONVERT_PLAN_CONVERT_H_
