#ifndef MOEPLAN_SERVER_STORE_STORE_H_
#define MOEPLAN_SERVER_STORE_STORE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace moeplan::server {

// A coefficient set as it is kept. The store does not look into the payload
// (server/convert writes and reads it); it returns it as it was given, or says
// DATA_LOSS.
struct StoredSet {
  std::string id;
  // Of the numbers: two payloads of one checksum answer alike.
  std::string checksum;
  std::string payload;
  bool published = false;
  absl::Time create_time;  // kept to the millisecond

  bool operator==(const StoredSet&) const = default;
};

// What makes a write safe to repeat.
struct Idempotency {
  std::string request_id;  // empty: the write is not idempotent
  std::string body_hash;   // of the request without its id
};

// What a write answered.
struct WriteOutcome {
  std::string result;     // of the first time
  bool replayed = false;  // the request id was known; nothing was written
};

// One set in a listing: those whose row is damaged are listed too.
struct ListedSet {
  std::string id;
  absl::StatusOr<StoredSet> set;  // or DATA_LOSS
};

struct SetPage {
  std::vector<ListedSet> sets;  // by rising id
  bool has_more = false;
};

// A calibration without its measurements, as lists give it.
struct CalibrationSummary {
  std::string id;
  std::string checksum;  // of the payload's content
  std::string product;   // of the device
  // Number formats in which a case passed, by rising name; none has a blank.
  std::vector<std::string> dtypes;
  std::string summary;     // bytes of the caller's, as in StoredSet::payload
  absl::Time create_time;  // kept to the millisecond

  bool operator==(const CalibrationSummary&) const = default;
};

// A calibration as it is kept.
struct StoredCalibration {
  CalibrationSummary summary;
  std::string payload;  // the whole of it; bytes of the caller's

  bool operator==(const StoredCalibration&) const = default;
};

// Which calibrations to list; empty parts leave none out.
struct CalibrationFilter {
  std::string product;  // compared without the case of A-Z
  std::string dtype;
};

// A place in the list of calibrations; the default one is before the first.
struct CalibrationPlace {
  absl::Time create_time = absl::InfiniteFuture();
  std::string id;
};

// One calibration in a listing: those whose summary is damaged are listed too.
struct ListedCalibration {
  std::string id;
  CalibrationPlace place;
  absl::StatusOr<CalibrationSummary> summary;  // or DATA_LOSS
};

struct CalibrationPage {
  // Newest first; those of one millisecond by rising id.
  std::vector<ListedCalibration> calibrations;
  bool has_more = false;
};

// Keeps coefficient sets, calibrations and the request ids of writes.
// Acknowledged means durable, as far as the kind of store can. Sets and
// calibrations are immutable; an id, once used, never comes back with another
// checksum, deleted or not. Thread-safe. tests/conformance/store_*_test.cc are
// the contract in code.
//
// Errors of every function: UNAVAILABLE or INTERNAL when the medium fails,
// RESOURCE_EXHAUSTED when it is full.
class Store {
 public:
  virtual ~Store() = default;

  // "memory", "sqlite".
  virtual absl::string_view kind() const = 0;

  // Puts the sets that come with the program in place, all or none; text may
  // differ from what is kept, the checksum may not.
  // Errors: FAILED_PRECONDITION naming a set whose id is kept with another
  // checksum.
  virtual absl::Status SeedPublished(absl::Span<const StoredSet> sets) = 0;

  // Keeps `sets`, all or none, and under the request id `result`, in one
  // transaction.
  // Errors: ALREADY_EXISTS with reason SET_EXISTS or REQUEST_ID_REUSED.
  virtual absl::StatusOr<WriteOutcome> CreateSets(
      const Idempotency& idempotency, absl::Span<const StoredSet> sets,
      absl::string_view result) = 0;

  // Deletes a set.
  // Errors: NOT_FOUND; FAILED_PRECONDITION for a published set, reason
  // SET_PUBLISHED; ALREADY_EXISTS with reason REQUEST_ID_REUSED.
  virtual absl::StatusOr<WriteOutcome> DeleteSet(const Idempotency& idempotency,
                                                 absl::string_view id) = 0;

  // What the write of that request id answered, if there was one.
  // Errors: ALREADY_EXISTS with reason REQUEST_ID_REUSED; DATA_LOSS.
  virtual absl::StatusOr<std::optional<std::string>> FindResult(
      const Idempotency& idempotency) = 0;

  // Errors: NOT_FOUND, DATA_LOSS.
  virtual absl::StatusOr<StoredSet> GetSet(absl::string_view id) = 0;

  // The first `limit` >= 1 sets whose id is greater than `after_id`.
  virtual absl::StatusOr<SetPage> ListSets(absl::string_view after_id,
                                           int limit) = 0;

  // Keeps `calibration`, and under the request id `result`, in one transaction.
  // Errors: ALREADY_EXISTS with reason CALIBRATION_EXISTS or REQUEST_ID_REUSED.
  virtual absl::StatusOr<WriteOutcome> CreateCalibration(
      const Idempotency& idempotency, const StoredCalibration& calibration,
      absl::string_view result) = 0;

  // Deletes a calibration, damaged or not.
  // Errors: NOT_FOUND; ALREADY_EXISTS with reason REQUEST_ID_REUSED.
  virtual absl::StatusOr<WriteOutcome> DeleteCalibration(
      const Idempotency& idempotency, absl::string_view id) = 0;

  // Errors: NOT_FOUND, DATA_LOSS.
  virtual absl::StatusOr<StoredCalibration> GetCalibration(
      absl::string_view id) = 0;

  // The first `limit` >= 1 calibrations after `after` that `filter` admits; no
  // payload is read.
  virtual absl::StatusOr<CalibrationPage> ListCalibrations(
      const CalibrationFilter& filter, const CalibrationPlace& after,
      int limit) = 0;
};

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_STORE_STORE_H_
