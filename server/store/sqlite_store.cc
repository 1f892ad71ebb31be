#include "server/store/sqlite_store.h"

#include <mutex>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"
#include "server/rpc/status.h"
#include "server/store/directory_lock.h"
#include "server/store/sqlite_calibrations.h"
#include "server/store/sqlite_connection.h"
#include "server/store/sqlite_schema.h"
#include "server/store/store_errors.h"

namespace moeplan::server {
namespace {

constexpr int kPayloadFormat = 1;
constexpr char kSelectSets[] =
    "SELECT id, checksum, payload, payload_format, published, create_time_ms, "
    "digest FROM coefficient_sets ";

std::string RowDigest(const StoredSet& set) {
  return Sha256HexOfParts({set.id, set.checksum, set.payload,
                           absl::StrCat(kPayloadFormat),
                           set.published ? "1" : "0",
                           absl::StrCat(absl::ToUnixMillis(set.create_time))});
}

// The row under the cursor of kSelectSets.
ListedSet ReadRow(const SqliteStatement& row) {
  StoredSet set;
  set.id = row.ColumnBytes(0);
  set.checksum = row.ColumnBytes(1);
  set.payload = row.ColumnBytes(2);
  set.published = row.ColumnInteger(4) != 0;
  set.create_time = absl::FromUnixMillis(row.ColumnInteger(5));
  const bool whole = row.ColumnInteger(3) == kPayloadFormat &&
                     row.ColumnBytes(6) == RowDigest(set);
  std::string id = set.id;
  if (!whole) return {id, SetDamagedError(id)};
  return {std::move(id), std::move(set)};
}

class SqliteStore : public Store {
 public:
  SqliteStore(std::string path, std::unique_ptr<DirectoryLock> lock,
              std::unique_ptr<SqliteConnection> connection)
      : path_(std::move(path)),
        lock_(std::move(lock)),
        connection_(std::move(connection)) {}

  absl::string_view kind() const override { return "sqlite"; }

  absl::Status SeedPublished(absl::Span<const StoredSet> sets) override {
    return Write([&]() -> absl::StatusOr<WriteOutcome> {
             for (const StoredSet& set : sets) {
               MOEPLAN_RETURN_IF_ERROR(SeedOne(set));
             }
             return WriteOutcome();
           })
        .status();
  }

  absl::StatusOr<WriteOutcome> CreateSets(const Idempotency& idempotency,
                                          absl::Span<const StoredSet> sets,
                                          absl::string_view result) override {
    return WriteOnce(idempotency, result, [&]() -> absl::Status {
      for (const StoredSet& set : sets) {
        MOEPLAN_ASSIGN_OR_RETURN(const std::string kept, ChecksumOf(set.id));
        if (!kept.empty()) return SetExistsError(set.id);
        MOEPLAN_ASSIGN_OR_RETURN(const std::string retired,
                                 RetiredChecksumOf(set.id));
        if (!retired.empty() && retired != set.checksum) {
          return SetIdRetiredError(set.id);
        }
        MOEPLAN_RETURN_IF_ERROR(Insert(set));
      }
      return absl::OkStatus();
    });
  }

  absl::StatusOr<WriteOutcome> DeleteSet(const Idempotency& idempotency,
                                         absl::string_view id) override {
    return WriteOnce(idempotency, "", [&]() -> absl::Status {
      // A damaged set may be deleted; whether it was published is then as the
      // damaged row says, which errs towards keeping it.
      MOEPLAN_ASSIGN_OR_RETURN(
          SqliteStatement find,
          connection_->Prepare("SELECT published, checksum FROM "
                               "coefficient_sets WHERE id = ?1"));
      MOEPLAN_ASSIGN_OR_RETURN(const bool found, find.BindText(1, id).Step());
      if (!found) return SetMissingError(id);
      if (find.ColumnInteger(0) != 0) return SetPublishedError(id);
      return Retire(id, find.ColumnBytes(1));
    });
  }

  absl::StatusOr<std::optional<std::string>> FindResult(
      const Idempotency& idempotency) override {
    std::lock_guard<std::mutex> guard(mutex_);
    MOEPLAN_RETURN_IF_ERROR(EnsureUsable());
    return FindLocked(idempotency);
  }

  absl::StatusOr<StoredSet> GetSet(absl::string_view id) override {
    std::lock_guard<std::mutex> guard(mutex_);
    MOEPLAN_RETURN_IF_ERROR(EnsureUsable());
    MOEPLAN_ASSIGN_OR_RETURN(
        SqliteStatement find,
        connection_->Prepare(absl::StrCat(kSelectSets, "WHERE id = ?1")));
    MOEPLAN_ASSIGN_OR_RETURN(const bool found, find.BindText(1, id).Step());
    if (!found) return SetMissingError(id);
    return ReadRow(find).set;
  }

  absl::StatusOr<SetPage> ListSets(absl::string_view after_id,
                                   int limit) override {
    std::lock_guard<std::mutex> guard(mutex_);
    MOEPLAN_RETURN_IF_ERROR(EnsureUsable());
    MOEPLAN_ASSIGN_OR_RETURN(
        SqliteStatement select,
        connection_->Prepare(
            absl::StrCat(kSelectSets, "WHERE id > ?1 ORDER BY id LIMIT ?2")));
    select.BindText(1, after_id).BindInteger(2, int64_t{limit} + 1);
    SetPage page;
    while (true) {
      MOEPLAN_ASSIGN_OR_RETURN(const bool found, select.Step());
      if (!found) return page;
      if (static_cast<int>(page.sets.size()) == limit) {
        page.has_more = true;
        return page;
      }
      page.sets.push_back(ReadRow(select));
    }
  }

  absl::StatusOr<WriteOutcome> CreateCalibration(
      const Idempotency& idempotency, const StoredCalibration& calibration,
      absl::string_view result) override {
    return WriteOnce(idempotency, result, [&] {
      return InsertCalibration(*connection_, calibration);
    });
  }

  absl::StatusOr<WriteOutcome> DeleteCalibration(
      const Idempotency& idempotency, absl::string_view id) override {
    return WriteOnce(idempotency, "",
                     [&] { return RetireCalibration(*connection_, id); });
  }

  absl::StatusOr<StoredCalibration> GetCalibration(
      absl::string_view id) override {
    std::lock_guard<std::mutex> guard(mutex_);
    MOEPLAN_RETURN_IF_ERROR(EnsureUsable());
    return ReadCalibration(*connection_, id);
  }

  absl::StatusOr<CalibrationPage> ListCalibrations(
      const CalibrationFilter& filter, const CalibrationPlace& after,
      int limit) override {
    std::lock_guard<std::mutex> guard(mutex_);
    MOEPLAN_RETURN_IF_ERROR(EnsureUsable());
    return ReadCalibrationPage(*connection_, filter, after, limit);
  }

 private:
  // Runs `steps` and keeps `result`, unless the request was answered before.
  template <typename Steps>
  absl::StatusOr<WriteOutcome> WriteOnce(const Idempotency& idempotency,
                                         absl::string_view result,
                                         const Steps& steps) {
    return Write([&]() -> absl::StatusOr<WriteOutcome> {
      MOEPLAN_ASSIGN_OR_RETURN(std::optional<std::string> known,
                               FindLocked(idempotency));
      if (known.has_value()) return WriteOutcome{*std::move(known), true};
      MOEPLAN_RETURN_IF_ERROR(steps());
      MOEPLAN_RETURN_IF_ERROR(Remember(idempotency, result));
      return WriteOutcome{std::string(result), false};
    });
  }

  // Runs `steps` in a transaction of their own.
  template <typename Steps>
  absl::StatusOr<WriteOutcome> Write(const Steps& steps) {
    std::lock_guard<std::mutex> guard(mutex_);
    MOEPLAN_RETURN_IF_ERROR(EnsureUsable());
    absl::StatusOr<WriteOutcome> outcome = InTransaction(steps);
    // After a failed sync nobody knows what the file holds, whatever later
    // calls on this handle say.
    if (absl::IsUnavailable(outcome.status())) connection_.reset();
    return outcome;
  }

  template <typename Steps>
  absl::StatusOr<WriteOutcome> InTransaction(const Steps& steps) {
    MOEPLAN_ASSIGN_OR_RETURN(SqliteTransaction transaction,
                             SqliteTransaction::Begin(*connection_));
    MOEPLAN_ASSIGN_OR_RETURN(WriteOutcome outcome, steps());
    MOEPLAN_RETURN_IF_ERROR(transaction.Commit());
    return outcome;
  }

  // Opens the file again after a failure of the medium.
  absl::Status EnsureUsable() {
    if (connection_ != nullptr) return absl::OkStatus();
    MOEPLAN_ASSIGN_OR_RETURN(std::unique_ptr<SqliteConnection> fresh,
                             SqliteConnection::Open(path_));
    MOEPLAN_RETURN_IF_ERROR(PrepareDatabase(*fresh));
    connection_ = std::move(fresh);
    return absl::OkStatus();
  }

  absl::Status SeedOne(const StoredSet& set) {
    MOEPLAN_ASSIGN_OR_RETURN(const std::string kept, ChecksumOf(set.id));
    if (!kept.empty() && kept != set.checksum) {
      return PublishedSetClashError(set.id, kept, set.checksum);
    }
    StoredSet row = set;
    row.published = true;
    if (!kept.empty()) {
      MOEPLAN_ASSIGN_OR_RETURN(
          SqliteStatement find,
          connection_->Prepare("SELECT create_time_ms FROM coefficient_sets "
                               "WHERE id = ?1"));
      MOEPLAN_RETURN_IF_ERROR(find.BindText(1, set.id).Run());
      row.create_time = absl::FromUnixMillis(find.ColumnInteger(0));
    }
    return Insert(row);
  }

  // Replaces only what SeedOne found to be the same set.
  absl::Status Insert(const StoredSet& set) {
    MOEPLAN_ASSIGN_OR_RETURN(
        SqliteStatement insert,
        connection_->Prepare("INSERT OR REPLACE INTO coefficient_sets VALUES "
                             "(?1, ?2, ?3, ?4, ?5, ?6, ?7)"));
    return insert.BindText(1, set.id)
        .BindText(2, set.checksum)
        .BindBlob(3, set.payload)
        .BindInteger(4, kPayloadFormat)
        .BindInteger(5, set.published ? 1 : 0)
        .BindInteger(6, absl::ToUnixMillis(set.create_time))
        .BindText(7, RowDigest(set))
        .Run();
  }

  absl::Status Retire(absl::string_view id, absl::string_view checksum) {
    MOEPLAN_ASSIGN_OR_RETURN(
        SqliteStatement remove,
        connection_->Prepare("DELETE FROM coefficient_sets WHERE id = ?1"));
    MOEPLAN_RETURN_IF_ERROR(remove.BindText(1, id).Run());
    MOEPLAN_ASSIGN_OR_RETURN(
        SqliteStatement retire,
        connection_->Prepare("INSERT OR REPLACE INTO retired_sets VALUES "
                             "(?1, ?2)"));
    return retire.BindText(1, id).BindText(2, checksum).Run();
  }

  absl::StatusOr<std::string> TextWhereId(absl::string_view sql,
                                          absl::string_view id) {
    MOEPLAN_ASSIGN_OR_RETURN(SqliteStatement find, connection_->Prepare(sql));
    MOEPLAN_ASSIGN_OR_RETURN(const bool found, find.BindText(1, id).Step());
    return found ? find.ColumnBytes(0) : std::string();
  }

  absl::StatusOr<std::string> ChecksumOf(absl::string_view id) {
    return TextWhereId("SELECT checksum FROM coefficient_sets WHERE id = ?1",
                       id);
  }
  absl::StatusOr<std::string> RetiredChecksumOf(absl::string_view id) {
    return TextWhereId("SELECT checksum FROM retired_sets WHERE id = ?1", id);
  }

  absl::StatusOr<std::optional<std::string>> FindLocked(
      const Idempotency& idempotency) {
    const std::string& request_id = idempotency.request_id;
    if (request_id.empty()) return std::optional<std::string>();
    MOEPLAN_ASSIGN_OR_RETURN(
        SqliteStatement find,
        connection_->Prepare("SELECT body_hash, result, digest FROM "
                             "answered_requests WHERE request_id = ?1"));
    MOEPLAN_ASSIGN_OR_RETURN(const bool found,
                             find.BindText(1, request_id).Step());
    if (!found) return std::optional<std::string>();
    const std::string body_hash = find.ColumnBytes(0);
    std::string result = find.ColumnBytes(1);
    if (find.ColumnBytes(2) !=
        Sha256HexOfParts({request_id, body_hash, result})) {
      return absl::DataLossError(
          absl::StrCat("the stored answer of request_id ", request_id,
                       " fails its checksum; send the request under a new id"));
    }
    if (body_hash != idempotency.body_hash) {
      return RequestIdReusedError(request_id);
    }
    return std::optional<std::string>(std::move(result));
  }

  absl::Status Remember(const Idempotency& idempotency,
                        absl::string_view result) {
    const std::string& request_id = idempotency.request_id;
    if (request_id.empty()) return absl::OkStatus();
    MOEPLAN_ASSIGN_OR_RETURN(
        SqliteStatement insert,
        connection_->Prepare(
            "INSERT INTO answered_requests VALUES (?1, ?2, ?3, ?4)"));
    return insert.BindText(1, request_id)
        .BindText(2, idempotency.body_hash)
        .BindBlob(3, result)
        .BindText(4,
                  Sha256HexOfParts({request_id, idempotency.body_hash, result}))
        .Run();
  }

  const std::string path_;
  const std::unique_ptr<DirectoryLock> lock_;  // outlives the connection
  std::mutex mutex_;
  std::unique_ptr<SqliteConnection> connection_;
};

// A file that cannot be opened or written is, at start, a matter of the
// directory that the operator gave.
absl::Status AtStart(const absl::Status& status, const std::string& directory) {
  if (!absl::IsUnavailable(status)) return status;
  return WithErrorInfo(
      absl::FailedPreconditionError(
          absl::StrCat("data directory ", directory, ": ", status.message())),
      "DATA_DIRECTORY");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteStore(
    const std::string& directory) {
  MOEPLAN_ASSIGN_OR_RETURN(std::unique_ptr<DirectoryLock> lock,
                           DirectoryLock::Take(directory));
  std::string path = absl::StrCat(directory, "/moeplan.db");
  absl::StatusOr<std::unique_ptr<SqliteConnection>> connection =
      SqliteConnection::Open(path);
  if (!connection.ok()) return AtStart(connection.status(), directory);
  const absl::Status prepared = PrepareDatabase(**connection);
  if (!prepared.ok()) return AtStart(prepared, directory);
  return std::make_unique<SqliteStore>(std::move(path), std::move(lock),
                                       *std::move(connection));
}

}  // namespace moeplan::server
