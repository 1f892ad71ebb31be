#ifndef MOEPLAN_SERVER_SERVICES_CALIBRATION_SERVICE_H_
#define MOEPLAN_SERVER_SERVICES_CALIBRATION_SERVICE_H_

#include <grpcpp/impl/service_type.h>

#include <memory>

#include "server/rpc/call_dispatcher.h"
#include "server/services/service_environment.h"

namespace moeplan::server {

// CalibrationService bound to its handlers. Arguments outlive it.
std::unique_ptr<grpc::Service> NewCalibrationService(
    CallDispatcher& dispatcher, const ServiceEnvironment& environment);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_SERVICES_CALIBRATION_SERVICE_H_
