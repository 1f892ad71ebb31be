#ifndef MOEPLAN_SERVER_SERVICES_CALIBRATION_HANDLERS_H_
#define MOEPLAN_SERVER_SERVICES_CALIBRATION_HANDLERS_H_

#include "absl/status/status.h"
#include "moeplan/v1/calibration.pb.h"
#include "server/rpc/call_context.h"
#include "server/services/service_environment.h"

namespace moeplan::server {

// Answer the RPCs of CalibrationService. All of them may block, none is for
// gRPC's own threads.
absl::Status HandleCreateCalibration(
    const ServiceEnvironment& environment, CallContext& call,
    const v1::CreateCalibrationRequest& request,
    v1::CreateCalibrationResponse* response);
absl::Status HandleGetCalibration(const ServiceEnvironment& environment,
                                  CallContext& call,
                                  const v1::GetCalibrationRequest& request,
                                  v1::GetCalibrationResponse* response);
absl::Status HandleListCalibrations(const ServiceEnvironment& environment,
                                    CallContext& call,
                                    const v1::ListCalibrationsRequest& request,
                                    v1::ListCalibrationsResponse* response);
absl::Status HandleDeleteCalibration(
    const ServiceEnvironment& environment, CallContext& call,
    const v1::DeleteCalibrationRequest& request,
    v1::DeleteCalibrationResponse* response);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_SERVICES_CALIBRATION_HANDLERS_H_
