#ifndef MOEPLAN_SERVER_SERVICES_CONVERT_BUDGET_HANDLER_H_
#define MOEPLAN_SERVER_SERVICES_CONVERT_BUDGET_HANDLER_H_

#include "absl/status/status.h"
#include "moeplan/v1/calibration.pb.h"
#include "server/rpc/call_context.h"
#include "server/services/service_environment.h"

namespace moeplan::server {

// Answers CalibrationService.ConvertBudget. The first call for a calibration
// fits its models of time; not for gRPC's own threads.
absl::Status HandleConvertBudget(const ServiceEnvironment& environment,
                                 CallContext& call,
                                 const v1::ConvertBudgetRequest& request,
                                 v1::ConvertBudgetResponse* response);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_SERVICES_CONVERT_BUDGET_HANDLER_H_
