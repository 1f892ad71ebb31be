#ifndef MOEPLAN_SERVER_STORE_SQLITE_CALIBRATIONS_H_
#define MOEPLAN_SERVER_STORE_SQLITE_CALIBRATIONS_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/store/sqlite_connection.h"
#include "server/store/store.h"

namespace moeplan::server {

// The rows of calibrations in a SQLite file, as Store has them. The caller
// holds the transaction of the first two. Errors: those of Store's functions.
absl::Status InsertCalibration(SqliteConnection& connection,
                               const StoredCalibration& calibration);
absl::Status RetireCalibration(SqliteConnection& connection,
                               absl::string_view id);
absl::StatusOr<StoredCalibration> ReadCalibration(SqliteConnection& connection,
                                                  absl::string_view id);
absl::StatusOr<CalibrationPage> ReadCalibrationPage(
    SqliteConnection& connection, const CalibrationFilter& filter,
    const CalibrationPlace& after, int limit);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_STORE_SQLITE_CALIBRATIONS_H_
