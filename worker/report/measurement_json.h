#ifndef MOEPLAN_WORKER_REPORT_MEASUREMENT_JSON_H_
#define MOEPLAN_WORKER_REPORT_MEASUREMENT_JSON_H_

#include "absl/status/statusor.h"
#include "core/calibration/measurement.h"
#include "nlohmann/json_fwd.hpp"

namespace moeplan::worker {

// Domain structs as JSON objects under the names of their fields; what is
// absent has no key. The reading twins refuse anything that the writing ones do
// not make: INVALID_ARGUMENT says what.
nlohmann::json ToJson(const Measurement& measurement);
absl::StatusOr<Measurement> MeasurementFromJson(const nlohmann::json& json);

nlohmann::json ToJson(const DeviceIdentity& device);
absl::StatusOr<DeviceIdentity> DeviceFromJson(const nlohmann::json& json);

nlohmann::json ToJson(const SoftwareStack& software);
absl::StatusOr<SoftwareStack> SoftwareFromJson(const nlohmann::json& json);

nlohmann::json ToJson(const MeasuringConditions& conditions);
absl::StatusOr<MeasuringConditions> ConditionsFromJson(
    const nlohmann::json& json);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_REPORT_MEASUREMENT_JSON_H_
