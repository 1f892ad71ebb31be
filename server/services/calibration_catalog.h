#ifndef MOEPLAN_SERVER_SERVICES_CALIBRATION_CATALOG_H_
#define MOEPLAN_SERVER_SERVICES_CALIBRATION_CATALOG_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/interrupter.h"
#include "core/calibration/measurement.h"
#include "core/calibration/time_model.h"
#include "server/services/lazy_time_models.h"
#include "server/store/store.h"

namespace moeplan::server {

// What a server keeps of calibrations, and how much work they may cause.
struct CalibrationLimits {
  int64_t most_calibrations = 1000;
  int64_t most_bytes = int64_t{256} << 20;  // of all together, as stored
  // Calls that may fit models of time, or wait for a fit, at once.
  int most_fitting_calls = 1;
};

// What the catalog knows of a calibration without its measurements.
struct CalibrationFacts {
  std::string id;
  std::string checksum;
  absl::Time create_time;
  std::string product;
  MeasuringRegime regime = MeasuringRegime::kSustained;
  std::vector<std::string> dtypes;  // in which a case passed
  int64_t stored_bytes = 0;
};

// A calibration as it is served: its facts, and the models of time once they
// are fitted; measurements stay in the store. Immutable; thread-safe. `store`
// and `slots` outlive it.
class ServedCalibration {
 public:
  ServedCalibration(CalibrationFacts facts, Store& store, FitSlots& slots);

  const std::string& id() const { return facts_.id; }
  std::string name() const;  // calibrations/{id}
  const std::string& checksum() const { return facts_.checksum; }
  absl::Time create_time() const { return facts_.create_time; }
  const CalibrationFacts& facts() const { return facts_; }

  // The whole of it, from the store. Errors: NOT_FOUND once deleted, DATA_LOSS;
  // those of the medium.
  absl::StatusOr<Calibration> Read() const;

  // Models of every number format in which a case passed; errors and cost as
  // LazyTimeModels::Get.
  absl::StatusOr<const TimeModels*> time_models(
      const Interrupter* interrupter) const {
    return time_models_.Get(interrupter);
  }

  // The model of one number format. Where `dtype` is empty: of those that have
  // a model the first of bf16, fp16, f32, tf32, fp8, f64; the model says which.
  // Errors: those of time_models; FAILED_PRECONDITION naming the calibration
  // where nothing was measured in `dtype`, or too little.
  absl::StatusOr<const TimeModel*> TimeModelOf(
      const std::string& dtype, const Interrupter* interrupter) const;

 private:
  const CalibrationFacts facts_;
  Store& store_;
  const LazyTimeModels time_models_;
};

using CalibrationPointer = std::shared_ptr<const ServedCalibration>;

// The calibrations of a store as readers see them: reads take the current
// snapshot and no lock; a write goes to the store and, once durable, makes the
// next one. Keeps no measurements in memory. Thread-safe.
class CalibrationCatalog {
 public:
  // Reads all, one after the other. One that cannot be read is quarantined;
  // what is kept beyond `limits` is served. `store` outlives the catalog. No
  // model of time is fitted yet.
  static absl::StatusOr<std::unique_ptr<CalibrationCatalog>> Load(
      Store& store, const CalibrationLimits& limits);

  // Errors: NOT_FOUND, DATA_LOSS.
  absl::StatusOr<CalibrationPointer> Find(absl::string_view id) const;

  // The newest one of that product (compared without the case of A-Z) with a
  // passed case in `dtype`, measured in the sustained regime, the only one
  // that plans use; of those of one millisecond the first by id.
  // Errors: NOT_FOUND.
  absl::StatusOr<CalibrationPointer> Newest(absl::string_view product,
                                            absl::string_view dtype) const;

  // The same as those of Store; RESOURCE_EXHAUSTED, reason QUOTA_EXCEEDED, for
  // a new calibration beyond the limits.
  absl::StatusOr<WriteOutcome> Create(const Idempotency& idempotency,
                                      absl::string_view id,
                                      const Calibration& calibration,
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

  CalibrationCatalog(Store& store, const CalibrationLimits& limits)
      : store_(store),
        limits_(limits),
        slots_(limits.most_fitting_calls),
        snapshot_(std::make_shared<const Snapshot>()) {}

  // The one that `listed` names, as it is served.
  absl::StatusOr<CalibrationPointer> Serve(const ListedCalibration& listed);
  // RESOURCE_EXHAUSTED where one of `bytes` more would be too much.
  absl::Status CheckLimits(int64_t bytes) const;

  Store& store_;
  const CalibrationLimits limits_;
  FitSlots slots_;
  std::mutex write_mutex_;  // writers, not readers
  std::atomic<std::shared_ptr<const Snapshot>> snapshot_;
};

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_SERVICES_CALIBRATION_CATALOG_H_
