#ifndef MOEPLAN_SERVER_CONVERT_CALIBRATION_CONVERT_H_
#define MOEPLAN_SERVER_CONVERT_CALIBRATION_CONVERT_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/field_path.h"
#include "core/base/violations.h"
#include "core/calibration/measurement.h"
#include "core/calibration/time_model.h"
#include "moeplan/v1/calibration.pb.h"

namespace moeplan::server {

// Everything of `calibration` but name, checksum and create_time, which one
// that is not stored does not have.
void CalibrationToWire(const Calibration& calibration, bool with_measurements,
                       v1::Calibration* wire);

// The calibration in `wire`, whose output-only fields are ignored; it passes
// CheckCalibration. Nothing is returned when there are violations.
std::optional<Calibration> CalibrationFromWire(const FieldPath& field,
                                               const v1::Calibration& wire,
                                               Violations& violations);

// The payload under which a calibration is stored, and back. Equal calibrations
// have equal payloads; what follows from the rest is not in them.
std::string EncodeStoredCalibration(const Calibration& calibration);
// Error DATA_LOSS for a payload that EncodeStoredCalibration did not write.
absl::StatusOr<Calibration> DecodeStoredCalibration(absl::string_view id,
                                                    absl::string_view payload);

void TimeModelToWire(const TimeModel& model, v1::TimeModel* wire);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_CONVERT_CALIBRATION_CONVERT_H_
