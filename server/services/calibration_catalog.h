#ifndef MOEPLAN_SERVER_SERVICES_CALIBRATION_CATALOG_H_
#define MOEPLAN_SERVER_SERVICES_CALIBRATION_CATALOG_H_

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/calibration/measurement.h"
#include "core/calibration/time_model.h"
#include "server/store/store.h"

namespace moeplan::server {

// The models of time of a calibration by number format: one, or
// FAILED_PRECONDITION saying what is missing for one.
using TimeModels = std::map<std::string, absl::StatusOr<TimeModel>>;

// A calibration as it is served. Immutable; thread-safe.
class ServedCalibration {
 public:
  ServedCalibration(std::string id, std::string checksum,
                    absl::Time create_time, Calibration calibration)
      : id_(std::move(id)),
        checksum_(std::move(checksum)),
        create_time_(create_time),
        calibration_(std::move(calibration)) {}

  const std::string& id() const { return id_; }
  std::string name() const;  // calibrations/{id}
  const std::string& checksum() const { return checksum_; }
  absl::Time create_time() const { return create_time_; }
  const Calibration& calibration() const { return calibration_; }

  // Models of every number format in which a case passed. The first call fits
  // them, and calls of other threads wait for it; the rest costs nothing. Cost:
  // some 10 ms for 400 measurements, so never on gRPC's own threads.
  const TimeModels& time_models() const;

  // The number format that answers where none is asked for: of those that have
  // a model the first of bf16, fp16, f32, tf32, fp8, f64; bf16 where none has.
  std::string DefaultDtype() const;

  // The model of one number format. Errors: FAILED_PRECONDITION naming the
  // calibration where nothing was measured in `dtype`, or too little.
  absl::StatusOr<const TimeModel*> TimeModelOf(const std::string& dtype) const;

 private:
  const std::string id_;
  const std::string checksum_;
  const absl::Time create_time_;
  const Calibration calibration_;
  mutable std::once_flag fitted_;
  mutable TimeModels time_models_;
};

using CalibrationPointer = std::shared_ptr<const ServedCalibration>;

// The calibrations of a store as readers see them: reads take the current
// snapshot and no lock; a write goes to the store and, once durable, makes the
// next one. Thread-safe.
class CalibrationCatalog {
 public:
  // Loads all. One that cannot be read is quarantined. `store` outlives the
  // catalog. No model of time is fitted yet.
  static absl::StatusOr<std::unique_ptr<CalibrationCatalog>> Load(Store& store);

  // Errors: NOT_FOUND, DATA_LOSS.
  absl::StatusOr<CalibrationPointer> Find(absl::string_view id) const;

  // The newest one of that product (compared without the case of A-Z) with a
  // passed case in `dtype`, measured in the sustained regime, the only one
  // that plans use; of those of one millisecond the first by id.
  // Errors: NOT_FOUND.
  absl::StatusOr<CalibrationPointer> Newest(absl::string_view product,
                                            absl::string_view dtype) const;

  // The same as those of Store.
  absl::StatusOr<WriteOutcome> Create(const Idempotency& idempotency,
                                      absl::string_view id,
                                      Calibration calibration,
                                      std::string payload,
                                      absl::string_view result, absl::Time now);
  absl::StatusOr<WriteOutcome> Delete(const Idempotency& idempotency,
                                      absl::string_view id);
  // Reads the store, so that a list shows what other replicas wrote.
  absl::StatusOr<CalibrationPage> List(const CalibrationFilter& filter,
                                       const CalibrationPlace& after,
                                       int limit) const {
    return store_.ListCalibrations(filter, after, limit);
  }

  // Those that cannot be read, by id.
  std::map<std::string, absl::Status> Quarantined() const;
  size_t size() const { return snapshot_.load()->size(); }

 private:
  using Snapshot = std::map<std::string, absl::StatusOr<CalibrationPointer>>;

  CalibrationCatalog(Store& store, Snapshot calibrations)
      : store_(store),
        snapshot_(std::make_shared<const Snapshot>(std::move(calibrations))) {}

  Store& store_;
  std::mutex write_mutex_;  // writers, not readers
  std::atomic<std::shared_ptr<const Snapshot>> snapshot_;
};

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_SERVICES_CALIBRATION_CATALOG_H_
