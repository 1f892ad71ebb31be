#include "server/store/sqlite_calibrations.h"

#include <limits>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"
#include "server/store/store_errors.h"

namespace moeplan::server {
namespace {

constexpr int kPayloadFormat = 1;
constexpr char kSelectSummaries[] =
    "SELECT id, checksum, product, product_key, dtypes, summary, "
    "payload_format, create_time_ms, digest FROM calibrations ";

// With a blank before and after each, so that one can be looked for.
std::string DtypesColumn(const CalibrationSummary& summary) {
  return absl::StrCat(" ", absl::StrJoin(summary.dtypes, " "), " ");
}

std::string SummaryDigest(const CalibrationSummary& summary) {
  return Sha256HexOfParts(
      {summary.id, summary.checksum, summary.product, DtypesColumn(summary),
       summary.summary, absl::StrCat(kPayloadFormat),
       absl::StrCat(absl::ToUnixMillis(summary.create_time))});
}

std::string PayloadDigest(absl::string_view id, absl::string_view checksum,
                          absl::string_view payload) {
  return Sha256HexOfParts({id, checksum, payload});
}

// The row under the cursor of kSelectSummaries.
ListedCalibration ReadSummary(const SqliteStatement& row) {
  CalibrationSummary summary;
  summary.id = row.ColumnBytes(0);
  summary.checksum = row.ColumnBytes(1);
  summary.product = row.ColumnBytes(2);
  summary.dtypes = absl::StrSplit(row.ColumnBytes(4), ' ', absl::SkipEmpty());
  summary.summary = row.ColumnBytes(5);
  summary.create_time = absl::FromUnixMillis(row.ColumnInteger(7));
  // What lists are filtered by is derived from what the digest covers.
  const bool whole =
      row.ColumnInteger(6) == kPayloadFormat &&
      row.ColumnBytes(3) == absl::AsciiStrToLower(summary.product) &&
      row.ColumnBytes(4) == DtypesColumn(summary) &&
      row.ColumnBytes(8) == SummaryDigest(summary);
  ListedCalibration listed = {.id = summary.id,
                              .place = {summary.create_time, summary.id},
                              .summary = CalibrationDamagedError(summary.id)};
  if (whole) listed.summary = std::move(summary);
  return listed;
}

absl::StatusOr<std::string> ChecksumWhereId(SqliteConnection& connection,
                                            absl::string_view sql,
                                            absl::string_view id) {
  MOEPLAN_ASSIGN_OR_RETURN(SqliteStatement find, connection.Prepare(sql));
  MOEPLAN_ASSIGN_OR_RETURN(const bool found, find.BindText(1, id).Step());
  return found ? find.ColumnBytes(0) : std::string();
}

absl::StatusOr<std::string> KeptChecksum(SqliteConnection& connection,
                                         absl::string_view id) {
  return ChecksumWhereId(connection,
                         "SELECT checksum FROM calibrations WHERE id = ?1", id);
}

absl::Status CheckIdFree(SqliteConnection& connection,
                         const CalibrationSummary& summary) {
  MOEPLAN_ASSIGN_OR_RETURN(const std::string kept,
                           KeptChecksum(connection, summary.id));
  if (!kept.empty()) return CalibrationExistsError(summary.id);
  MOEPLAN_ASSIGN_OR_RETURN(
      const std::string retired,
      ChecksumWhereId(connection,
                      "SELECT checksum FROM retired_calibrations WHERE id = ?1",
                      summary.id));
  if (!retired.empty() && retired != summary.checksum) {
    return CalibrationIdRetiredError(summary.id);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status InsertCalibration(SqliteConnection& connection,
                               const StoredCalibration& calibration) {
  const CalibrationSummary& summary = calibration.summary;
  MOEPLAN_RETURN_IF_ERROR(CheckIdFree(connection, summary));
  MOEPLAN_ASSIGN_OR_RETURN(
      SqliteStatement insert,
      connection.Prepare("INSERT INTO calibrations VALUES "
                         "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"));
  MOEPLAN_RETURN_IF_ERROR(
      insert.BindText(1, summary.id)
          .BindText(2, summary.checksum)
          .BindText(3, summary.product)
          .BindText(4, absl::AsciiStrToLower(summary.product))
          .BindText(5, DtypesColumn(summary))
          .BindBlob(6, summary.summary)
          .BindInteger(7, kPayloadFormat)
          .BindInteger(8, absl::ToUnixMillis(summary.create_time))
          .BindText(9, SummaryDigest(summary))
          .Run());
  MOEPLAN_ASSIGN_OR_RETURN(
      SqliteStatement payload,
      connection.Prepare(
          "INSERT INTO calibration_payloads VALUES (?1, ?2, ?3)"));
  return payload.BindText(1, summary.id)
      .BindBlob(2, calibration.payload)
      .BindText(
          3, PayloadDigest(summary.id, summary.checksum, calibration.payload))
      .Run();
}

absl::Status RetireCalibration(SqliteConnection& connection,
                               absl::string_view id) {
  MOEPLAN_ASSIGN_OR_RETURN(const std::string checksum,
                           KeptChecksum(connection, id));
  if (checksum.empty()) return CalibrationMissingError(id);
  for (const char* sql : {"DELETE FROM calibrations WHERE id = ?1",
                          "DELETE FROM calibration_payloads WHERE id = ?1"}) {
    MOEPLAN_ASSIGN_OR_RETURN(SqliteStatement remove, connection.Prepare(sql));
    MOEPLAN_RETURN_IF_ERROR(remove.BindText(1, id).Run());
  }
  MOEPLAN_ASSIGN_OR_RETURN(
      SqliteStatement retire,
      connection.Prepare(
          "INSERT OR REPLACE INTO retired_calibrations VALUES (?1, ?2)"));
  return retire.BindText(1, id).BindText(2, checksum).Run();
}

absl::StatusOr<StoredCalibration> ReadCalibration(SqliteConnection& connection,
                                                  absl::string_view id) {
  MOEPLAN_ASSIGN_OR_RETURN(
      SqliteStatement find,
      connection.Prepare(absl::StrCat(kSelectSummaries, "WHERE id = ?1")));
  MOEPLAN_ASSIGN_OR_RETURN(const bool found, find.BindText(1, id).Step());
  if (!found) return CalibrationMissingError(id);
  ListedCalibration listed = ReadSummary(find);
  if (!listed.summary.ok()) return listed.summary.status();
  MOEPLAN_ASSIGN_OR_RETURN(
      SqliteStatement payload,
      connection.Prepare("SELECT payload, digest FROM calibration_payloads "
                         "WHERE id = ?1"));
  MOEPLAN_ASSIGN_OR_RETURN(const bool has_payload,
                           payload.BindText(1, id).Step());
  if (!has_payload) return CalibrationDamagedError(id);
  StoredCalibration calibration = {.summary = *std::move(listed.summary),
                                   .payload = payload.ColumnBytes(0)};
  if (payload.ColumnBytes(1) !=
      PayloadDigest(id, calibration.summary.checksum, calibration.payload)) {
    return CalibrationDamagedError(id);
  }
  return calibration;
}

absl::StatusOr<CalibrationPage> ReadCalibrationPage(
    SqliteConnection& connection, const CalibrationFilter& filter,
    const CalibrationPlace& after, int limit) {
  MOEPLAN_ASSIGN_OR_RETURN(
      SqliteStatement select,
      connection.Prepare(absl::StrCat(
          kSelectSummaries,
          "WHERE (create_time_ms < ?1 OR (create_time_ms = ?1 AND id > ?2)) "
          "AND (?3 = '' OR product_key = ?3) "
          "AND (?4 = '' OR instr(dtypes, ' ' || ?4 || ' ') > 0) "
          "ORDER BY create_time_ms DESC, id LIMIT ?5")));
  select
      .BindInteger(1, after.create_time == absl::InfiniteFuture()
                          ? std::numeric_limits<int64_t>::max()
                          : absl::ToUnixMillis(after.create_time))
      .BindText(2, after.id)
      .BindText(3, absl::AsciiStrToLower(filter.product))
      .BindText(4, filter.dtype)
      .BindInteger(5, int64_t{limit} + 1);
  CalibrationPage page;
  while (true) {
    MOEPLAN_ASSIGN_OR_RETURN(const bool found, select.Step());
    if (!found) return page;
    if (static_cast<int>(page.calibrations.size()) == limit) {
      page.has_more = true;
      return page;
    }
    page.calibrations.push_back(ReadSummary(select));
  }
}

}  // namespace moeplan::server
