#ifndef MOEPLAN_SERVER_CONVERT_RESOURCE_NAME_H_
#define MOEPLAN_SERVER_CONVERT_RESOURCE_NAME_H_

#include <string>

#include "absl/strings/string_view.h"
#include "core/base/field_path.h"
#include "core/base/violations.h"

namespace moeplan::server {

// All parsing of resource names and ids.

inline constexpr char kCoefficientSetType[] = "moeplan.v1.CoefficientSet";
inline constexpr char kCalibrationType[] = "moeplan.v1.Calibration";

// "coefficientSets/{id}".
std::string CoefficientSetName(absl::string_view id);

// The id in coefficientSets/{id}; a violation, and "", for anything else.
std::string ParseCoefficientSetName(const FieldPath& field,
                                    absl::string_view name,
                                    Violations& violations);

// The same of "calibrations/{id}".
std::string CalibrationName(absl::string_view id);
std::string ParseCalibrationName(const FieldPath& field, absl::string_view name,
                                 Violations& violations);

// 1..63 characters of a-z, 0-9 and -, the first a letter, the last no -.
bool RequireResourceId(const FieldPath& field, absl::string_view id,
                       Violations& violations);

// Empty, or a UUID in its 36 characters.
void CheckRequestId(const FieldPath& field, absl::string_view request_id,
                    Violations& violations);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_CONVERT_RESOURCE_NAME_H_
