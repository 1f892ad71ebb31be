#ifndef MOEPLAN_SERVER_SERVICES_HARDWARE_PLANS_H_
#define MOEPLAN_SERVER_SERVICES_HARDWARE_PLANS_H_

#include "absl/status/status.h"
#include "moeplan/v1/optimal_config.pb.h"
#include "server/convert/optimal_config_convert.h"
#include "server/rpc/call_context.h"
#include "server/services/service_environment.h"

namespace moeplan::server {

// Answers `query`, whose budget is device time and whose problem is complete:
// the best model for each hardware option, options ranked by loss, then by
// device-hours, then by price, those without a model last; the outcome repeats
// the first, and so does the verdict on a candidate. Adds what was assumed to
// assumptions (numbers) and warnings (sentences).
// Errors: NOT_FOUND for a calibration; FAILED_PRECONDITION for one from which
// no time can be predicted; as core's PlanForDevice and OptimalConfig. Cost:
// some 100 ms an option, three times that with a candidate, and the fit of a
// calibration's times where it is the first to need it; never on gRPC's own
// threads.
absl::Status PlanForHardware(const ServiceEnvironment& environment,
                             CallContext& call, const OptimalConfigQuery& query,
                             v1::OptimalConfigResponse* response);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_SERVICES_HARDWARE_PLANS_H_
