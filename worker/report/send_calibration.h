#ifndef MOEPLAN_WORKER_REPORT_SEND_CALIBRATION_H_
#define MOEPLAN_WORKER_REPORT_SEND_CALIBRATION_H_

#include <string>

#include "absl/status/statusor.h"
#include "core/calibration/measurement.h"

namespace moeplan::worker {

// A UUID that depends on everything in the calibration and on nothing else:
// sending the same run again, from wherever, has the effect of sending it once.
std::string RequestIdOf(const Calibration& calibration);

// The id that the calibration asks for: kind and product of the device and
// eight digits of its contents, such as "cpu-amd-epyc-1f0c22ab".
std::string CalibrationIdOf(const Calibration& calibration);

// The request that SendCalibration makes, as JSON by protobuf's rules under the
// names of the proto's fields, indented: what the server takes from whoever
// sends it, such as
//   grpcurl -d @ ADDRESS moeplan.v1.CalibrationService/CreateCalibration
// The same calibration gives the same text. Errors: INTERNAL where protobuf
// cannot print it.
absl::StatusOr<std::string> CreateRequestJson(const Calibration& calibration);

// Creates the calibration on the server; returns its name
// ("calibrations/cpu-amd-epyc-1f0c22ab"). Connection failures and overload are
// retried within 60 s, for at most that long it blocks.
// Errors: those of CreateCalibration, with its violations in the message;
// UNAVAILABLE or DEADLINE_EXCEEDED where there is no answer.
absl::StatusOr<std::string> SendCalibration(const Calibration& calibration,
                                            const std::string& server);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_REPORT_SEND_CALIBRATION_H_
