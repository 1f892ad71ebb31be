#ifndef MOEPLAN_SERVER_CONVERT_OPERATION_CONVERT_H_
#define MOEPLAN_SERVER_CONVERT_OPERATION_CONVERT_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "core/base/field_path.h"
#include "core/base/violations.h"
#include "core/calibration/operation.h"
#include "moeplan/v1/measurement.pb.h"

namespace moeplan::server {

// The operation of the measurement at `field`: its kind, pass, sizes and rows
// of experts. Nothing is returned when there are violations; the ranges of
// sizes are left to CheckCalibration.
std::optional<Operation> OperationFromWire(const FieldPath& field,
                                           const v1::Measurement& wire,
                                           Violations& violations);

void OperationToWire(const Operation& operation, v1::Measurement* wire);

// Where `wire` has what core calls `size` of its operation ("m",
// "rows_per_expert[3]"): "dimensions[0].value", "rows_per_expert[3]".
std::string SizeFieldOf(const v1::Measurement& wire, absl::string_view size);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_CONVERT_OPERATION_CONVERT_H_
