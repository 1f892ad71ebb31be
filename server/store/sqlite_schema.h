#ifndef MOEPLAN_SERVER_STORE_SQLITE_SCHEMA_H_
#define MOEPLAN_SERVER_STORE_SQLITE_SCHEMA_H_

#include "absl/status/status.h"
#include "server/store/sqlite_connection.h"

namespace moeplan::server {

// The schema that this server writes, and the oldest one whose servers can
// still work with what it writes: a rolling update runs both for a while.
inline constexpr int kSchemaVersion = 2;
inline constexpr int kOldestFollowingVersion = 1;

// Sets the connection up (WAL, full sync), checks that the file is ours and
// whole, and brings it to kSchemaVersion, in one transaction a step. A file of
// a newer schema is taken if its server wrote that ours can follow.
// Errors: DATABASE_FOREIGN, DATABASE_CORRUPT, DATABASE_NEWER (OpenSqliteStore).
absl::Status PrepareDatabase(SqliteConnection& connection);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_STORE_SQLITE_SCHEMA_H_
