#ifndef MOEPLAN_TESTS_INTEGRATION_VALID_REQUESTS_H_
#define MOEPLAN_TESTS_INTEGRATION_VALID_REQUESTS_H_

#include <string>
#include <vector>

#include "grpcpp/support/status.h"

namespace moeplan::testing {

// A request from which malformed ones are made.
struct ValidRequest {
  std::string service;  // "PlannerService"
  std::string rpc;      // "Predict"
  std::string text;     // in the text format of its message
  grpc::StatusCode code = grpc::StatusCode::OK;

  // Whether a part of it is not served yet: the server may stop there.
  bool is_unserved() const { return code == grpc::StatusCode::UNIMPLEMENTED; }
};

// For every RPC of all services, and for each kind of its request; together
// they set every field that the proto has.
std::vector<ValidRequest> ValidRequests();

// Its parts.
std::vector<ValidRequest> ValidPredictRequests();
std::vector<ValidRequest> ValidOptimalConfigRequests();
std::vector<ValidRequest> ValidFitFromRunsRequests();
std::vector<ValidRequest> ValidSetRequests();
// Speak of calibrations/kept, which RequestForKeptCalibration makes.
std::vector<ValidRequest> ValidCalibrationRequests();
ValidRequest RequestForKeptCalibration();

}  // namespace moeplan::testing

#endif  // MOEPLAN_TESTS_INTEGRATION_VALID_REQUESTS_H_
