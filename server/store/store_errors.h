#ifndef MOEPLAN_SERVER_STORE_STORE_ERRORS_H_
#define MOEPLAN_SERVER_STORE_STORE_ERRORS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace moeplan::server {

// The errors of the Store contract, worded once for all kinds of store. `id` is
// that of a coefficient set; the details name coefficientSets/{id}.
absl::Status SetExistsError(absl::string_view id);
absl::Status SetIdRetiredError(absl::string_view id);
absl::Status SetMissingError(absl::string_view id);
absl::Status SetPublishedError(absl::string_view id);
absl::Status SetDamagedError(absl::string_view id);
absl::Status PublishedSetClashError(absl::string_view id,
                                    absl::string_view kept_checksum,
                                    absl::string_view new_checksum);
absl::Status RequestIdReusedError(absl::string_view request_id);

// The same of a calibration.
absl::Status CalibrationExistsError(absl::string_view id);
absl::Status CalibrationIdRetiredError(absl::string_view id);
absl::Status CalibrationMissingError(absl::string_view id);
absl::Status CalibrationDamagedError(absl::string_view id);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_STORE_STORE_ERRORS_H_
