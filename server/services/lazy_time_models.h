#ifndef MOEPLAN_SERVER_SERVICES_LAZY_TIME_MODELS_H_
#define MOEPLAN_SERVER_SERVICES_LAZY_TIME_MODELS_H_

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/interrupter.h"
#include "core/calibration/measurement.h"
#include "core/calibration/time_model.h"

namespace moeplan::server {

// The models of time of a calibration by number format: one, or
// FAILED_PRECONDITION saying what is missing for one.
using TimeModels = std::map<std::string, absl::StatusOr<TimeModel>>;

// How many calls may fit models of time, or wait for a fit, at once: each holds
// its thread meanwhile. Thread-safe.
class FitSlots {
 public:
  explicit FitSlots(int count) : free_count_(count) {}

  // Takes one that is free; never waits.
  bool TryTake();
  void Return();

 private:
  std::mutex mutex_;
  int free_count_;
};

// Models that are fitted when they are first asked for, and kept: they are
// small, the measurements behind them are not. Thread-safe.
class LazyTimeModels {
 public:
  using ReadCalibration = std::function<absl::StatusOr<Calibration>()>;

  // `slots` outlives this.
  LazyTimeModels(FitSlots& slots, ReadCalibration read)
      : slots_(slots), read_(std::move(read)) {}

  // Models of every number format in which a case passed. The first call reads
  // the calibration and fits them, calls of other threads wait for it. Errors:
  // CANCELLED once `interrupter` (may be null) is interrupted, within one step
  // of the fit, and the next caller begins anew; RESOURCE_EXHAUSTED with
  // RetryInfo where no slot is free; those of reading. Cost: some 100 us a
  // measurement, so never on gRPC's own threads; nothing once fitted.
  absl::StatusOr<const TimeModels*> Get(const Interrupter* interrupter) const;

 private:
  FitSlots& slots_;
  const ReadCalibration read_;
  mutable std::mutex mutex_;
  mutable std::condition_variable fit_ended_;
  mutable bool fitting_ = false;
  mutable std::optional<TimeModels> models_;  // set once
};

// Number formats in which a case passed, by rising name.
std::vector<std::string> PassedDtypes(const Calibration& calibration);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_SERVICES_LAZY_TIME_MODELS_H_
