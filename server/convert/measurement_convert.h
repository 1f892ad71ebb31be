#ifndef MOEPLAN_SERVER_CONVERT_MEASUREMENT_CONVERT_H_
#define MOEPLAN_SERVER_CONVERT_MEASUREMENT_CONVERT_H_

#include <google/protobuf/repeated_ptr_field.h>

#include <optional>

#include "absl/strings/string_view.h"
#include "core/base/field_path.h"
#include "core/base/violations.h"
#include "core/calibration/measurement.h"
#include "moeplan/v1/measurement.pb.h"

namespace moeplan::server {

// Parts of a calibration. What CheckCalibration checks is not checked here.
DeviceIdentity DeviceFromWire(const FieldPath& field,
                              const v1::DeviceIdentity& wire,
                              Violations& violations);
SoftwareStack SoftwareFromWire(const FieldPath& field,
                               const v1::SoftwareStack& wire,
                               Violations& violations);
MeasuringConditions ConditionsFromWire(const FieldPath& field,
                                       const v1::MeasuringConditions& wire,
                                       Violations& violations);
// Nothing is returned when there are violations.
std::optional<Measurement> MeasurementFromWire(const FieldPath& field,
                                               const v1::Measurement& wire,
                                               Violations& violations);

void DeviceToWire(const DeviceIdentity& device, v1::DeviceIdentity* wire);
void SoftwareToWire(const SoftwareStack& software, v1::SoftwareStack* wire);
void ConditionsToWire(const MeasuringConditions& conditions,
                      v1::MeasuringConditions* wire);
// With the FLOPs and bytes that follow from the shape.
void MeasurementToWire(const Measurement& measurement, v1::Measurement* wire);

// The FLOPs and bytes that `wire` states have to follow from the shape of
// `measurement`, whose sizes are legal.
void CheckStatedCost(const FieldPath& field, const v1::Measurement& wire,
                     const Measurement& measurement, Violations& violations);

// Texts of at most `longest` bytes each, at most `most` of them.
void CheckTexts(const FieldPath& field,
                const google::protobuf::RepeatedPtrField<std::string>& texts,
                int most, size_t longest, Violations& violations);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_CONVERT_MEASUREMENT_CONVERT_H_
