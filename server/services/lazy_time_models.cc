#include "server/services/lazy_time_models.h"

#include <chrono>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/base/status_macros.h"
#include "server/rpc/status.h"

namespace moeplan::server {
namespace {

constexpr absl::Duration kComeBack = absl::Milliseconds(500);
// An interrupter wakes nobody: who waits looks at it this often.
constexpr std::chrono::milliseconds kInterruptPoll{10};

// A slot for as long as this lives.
class TakenSlot {
 public:
  explicit TakenSlot(FitSlots& slots)
      : slots_(slots), taken_(slots.TryTake()) {}
  TakenSlot(const TakenSlot&) = delete;
  TakenSlot& operator=(const TakenSlot&) = delete;
  ~TakenSlot() {
    if (taken_) slots_.Return();
  }

  bool taken() const { return taken_; }

 private:
  FitSlots& slots_;
  const bool taken_;
};

// Times that are legal one by one may admit no model, such as 1e300 s beside
// 1e-300 s.
absl::Status CheckFiniteModel(const TimeModel& model) {
  bool finite = std::isfinite(model.block_ratio());
  for (const OperationFit& fit : model.fits()) {
    for (const NamedValue& coefficient : fit.coefficients) {
      finite = finite && std::isfinite(coefficient.value);
    }
    for (const auto& error :
         {fit.held_out_median_error, fit.held_out_mean_error,
          fit.held_out_worst_error}) {
      finite = finite && std::isfinite(error.value_or(0));
    }
  }
  if (finite) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the times measured in ", model.dtype(),
                   " admit no model with finite numbers"));
}

absl::StatusOr<TimeModel> FitTimeModel(const Calibration& calibration,
                                       const std::string& dtype,
                                       const Interrupter* interrupter) {
  MOEPLAN_ASSIGN_OR_RETURN(TimeModel model,
                           TimeModel::Fit(calibration, dtype, interrupter));
  MOEPLAN_RETURN_IF_ERROR(CheckFiniteModel(model));
  return model;
}

absl::StatusOr<TimeModels> FitTimeModels(const Calibration& calibration,
                                         const Interrupter* interrupter) {
  TimeModels models;
  for (const std::string& dtype : PassedDtypes(calibration)) {
    absl::StatusOr<TimeModel> model =
        FitTimeModel(calibration, dtype, interrupter);
    if (absl::IsCancelled(model.status())) return model.status();
    models.emplace(dtype, std::move(model));
  }
  return models;
}

}  // namespace

bool FitSlots::TryTake() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (free_count_ <= 0) return false;
  --free_count_;
  return true;
}

void FitSlots::Return() {
  std::lock_guard<std::mutex> lock(mutex_);
  ++free_count_;
}

absl::StatusOr<const TimeModels*> LazyTimeModels::Get(
    const Interrupter* interrupter) const {
  std::unique_lock<std::mutex> lock(mutex_);
  if (models_.has_value()) return &*models_;
  const TakenSlot slot(slots_);
  if (!slot.taken()) return OverloadedError("time-model fit", kComeBack);
  while (fitting_ && !IsInterrupted(interrupter)) {
    fit_ended_.wait_for(lock, kInterruptPoll);
  }
  if (IsInterrupted(interrupter)) {
    return absl::CancelledError("interrupted before a fit of times");
  }
  if (models_.has_value()) return &*models_;
  fitting_ = true;
  lock.unlock();
  const absl::StatusOr<Calibration> calibration = read_();
  absl::StatusOr<TimeModels> models =
      calibration.ok() ? FitTimeModels(*calibration, interrupter)
                       : calibration.status();
  lock.lock();
  fitting_ = false;
  fit_ended_.notify_all();
  MOEPLAN_RETURN_IF_ERROR(models.status());
  models_ = *std::move(models);
  return &*models_;
}

std::vector<std::string> PassedDtypes(const Calibration& calibration) {
  std::set<std::string> dtypes;
  for (const Measurement& measurement : calibration.measurements) {
    if (measurement.disposition == Disposition::kPassed) {
      dtypes.insert(measurement.dtype);
    }
  }
  return {dtypes.begin(), dtypes.end()};
}

}  // namespace moeplan::server
