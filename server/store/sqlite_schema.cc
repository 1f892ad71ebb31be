#include "server/store/sqlite_schema.h"

#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/rpc/status.h"

namespace moeplan::server {
namespace {

// "moep" in the header of the file tells our databases from others.
constexpr int64_t kApplicationId = 0x6d6f6570;

// Rows are never updated in place but for published texts; `digest` is taken
// over all other columns. Later kinds of resource get tables of their own.
constexpr char kToVersion1[] = R"sql(
CREATE TABLE schema_info (
  version INTEGER NOT NULL,
  oldest_following_version INTEGER NOT NULL
);
CREATE TABLE coefficient_sets (
  id TEXT PRIMARY KEY,
  checksum TEXT NOT NULL,
  payload BLOB NOT NULL,
  payload_format INTEGER NOT NULL,
  published INTEGER NOT NULL,
  create_time_ms INTEGER NOT NULL,
  digest TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE retired_sets (
  id TEXT PRIMARY KEY,
  checksum TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE answered_requests (
  request_id TEXT PRIMARY KEY,
  body_hash TEXT NOT NULL,
  result BLOB NOT NULL,
  digest TEXT NOT NULL
) WITHOUT ROWID;
)sql";

// Payloads take megabytes: lists do not read them. `product_key` is the product
// in lower case; `dtypes` holds names between blanks, one before the first and
// one after the last.
constexpr char kToVersion2[] = R"sql(
CREATE TABLE calibrations (
  id TEXT PRIMARY KEY,
  checksum TEXT NOT NULL,
  product TEXT NOT NULL,
  product_key TEXT NOT NULL,
  dtypes TEXT NOT NULL,
  summary BLOB NOT NULL,
  payload_format INTEGER NOT NULL,
  create_time_ms INTEGER NOT NULL,
  digest TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX calibrations_by_age ON calibrations (create_time_ms DESC, id);
CREATE TABLE calibration_payloads (
  id TEXT NOT NULL UNIQUE,
  payload BLOB NOT NULL,
  digest TEXT NOT NULL
);
CREATE TABLE retired_calibrations (
  id TEXT PRIMARY KEY,
  checksum TEXT NOT NULL
) WITHOUT ROWID;
)sql";

// Step i leads from version i to i + 1; 0 is the empty file. A step that older
// servers could not follow would raise kOldestFollowingVersion.
constexpr const char* kSteps[] = {kToVersion1, kToVersion2};
static_assert(std::size(kSteps) == kSchemaVersion);

absl::Status Foreign(absl::string_view what) {
  return WithErrorInfo(
      absl::FailedPreconditionError(
          absl::StrCat("moeplan.db is not a moeplan database (", what,
                       "); choose another directory or move the file away")),
      "DATABASE_FOREIGN");
}

absl::Status CheckWhole(SqliteConnection& connection) {
  MOEPLAN_ASSIGN_OR_RETURN(const std::string found,
                           connection.QueryText("PRAGMA integrity_check(1)"));
  if (found == "ok") return absl::OkStatus();
  return WithErrorInfo(
      absl::DataLossError(absl::StrCat("moeplan.db is damaged: ", found,
                                       "; restore it from a backup")),
      "DATABASE_CORRUPT");
}

// The version of a file of ours. Error: DATABASE_NEWER.
absl::StatusOr<int64_t> ReadVersion(SqliteConnection& connection) {
  MOEPLAN_ASSIGN_OR_RETURN(
      const int64_t version,
      connection.QueryInteger("SELECT version FROM schema_info"));
  MOEPLAN_ASSIGN_OR_RETURN(
      const int64_t oldest_following,
      connection.QueryInteger(
          "SELECT oldest_following_version FROM schema_info"));
  if (oldest_following <= kSchemaVersion && version >= 1) return version;
  return WithErrorInfo(
      absl::FailedPreconditionError(absl::StrCat(
          "moeplan.db has schema version ", version,
          ", which servers from schema version ", oldest_following,
          " on can use; this server has version ", kSchemaVersion,
          ": run a newer moeplan-server or restore an older backup")),
      "DATABASE_NEWER");
}

// Brings the file from `version` to the next one.
absl::Status TakeStep(SqliteConnection& connection, int64_t version) {
  MOEPLAN_ASSIGN_OR_RETURN(SqliteTransaction transaction,
                           SqliteTransaction::Begin(connection));
  MOEPLAN_RETURN_IF_ERROR(connection.Execute(kSteps[version]));
  MOEPLAN_RETURN_IF_ERROR(connection.Execute(
      absl::StrCat("DELETE FROM schema_info; INSERT INTO schema_info VALUES (",
                   version + 1, ", ", kOldestFollowingVersion, ")")
          .c_str()));
  MOEPLAN_RETURN_IF_ERROR(connection.Execute(
      absl::StrCat("PRAGMA application_id = ", kApplicationId).c_str()));
  return transaction.Commit();
}

}  // namespace

absl::Status PrepareDatabase(SqliteConnection& connection) {
  MOEPLAN_ASSIGN_OR_RETURN(const int64_t application_id,
                           connection.QueryInteger("PRAGMA application_id"));
  MOEPLAN_ASSIGN_OR_RETURN(
      const int64_t table_count,
      connection.QueryInteger("SELECT count(*) FROM sqlite_schema"));
  const bool is_new = application_id == 0 && table_count == 0;
  if (!is_new && application_id != kApplicationId) {
    return Foreign(absl::StrCat("its application id is ", application_id));
  }
  MOEPLAN_ASSIGN_OR_RETURN(const std::string journal,
                           connection.QueryText("PRAGMA journal_mode = WAL"));
  if (journal != "wal") {
    return absl::UnavailableError(absl::StrCat(
        "SQLite's write-ahead log cannot be used here (journal mode ", journal,
        "); is the data directory on a network file system?"));
  }
  // NORMAL would lose acknowledged writes when the power fails.
  MOEPLAN_RETURN_IF_ERROR(connection.Execute("PRAGMA synchronous = FULL"));
  MOEPLAN_RETURN_IF_ERROR(CheckWhole(connection));
  int64_t version = 0;
  if (!is_new) {
    MOEPLAN_ASSIGN_OR_RETURN(version, ReadVersion(connection));
  }
  for (; version < kSchemaVersion; ++version) {
    MOEPLAN_RETURN_IF_ERROR(TakeStep(connection, version));
  }
  return absl::OkStatus();
}

}  // namespace moeplan::server
