#include "server/services/calibration_catalog.h"

#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/convert/calibration_convert.h"
#include "server/convert/resource_name.h"
#include "server/rpc/status.h"
#include "server/store/digest.h"
#include "server/store/store_errors.h"

namespace moeplan::server {
namespace {

constexpr int kLoadPage = 500;

// By rising name.
std::vector<std::string> PassedDtypes(const Calibration& calibration) {
  std::set<std::string> dtypes;
  for (const Measurement& measurement : calibration.measurements) {
    if (measurement.disposition == Disposition::kPassed) {
      dtypes.insert(measurement.dtype);
    }
  }
  return {dtypes.begin(), dtypes.end()};
}

bool HasPassed(const Calibration& calibration, absl::string_view dtype) {
  for (const Measurement& measurement : calibration.measurements) {
    if (measurement.disposition == Disposition::kPassed &&
        measurement.dtype == dtype) {
      return true;
    }
  }
  return false;
}

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
                                       const std::string& dtype) {
  MOEPLAN_ASSIGN_OR_RETURN(TimeModel model, TimeModel::Fit(calibration, dtype));
  MOEPLAN_RETURN_IF_ERROR(CheckFiniteModel(model));
  return model;
}

absl::StatusOr<CalibrationPointer> ReadOne(Store& store,
                                           const ListedCalibration& listed) {
  MOEPLAN_RETURN_IF_ERROR(listed.summary.status());
  MOEPLAN_ASSIGN_OR_RETURN(const StoredCalibration stored,
                           store.GetCalibration(listed.id));
  absl::StatusOr<Calibration> calibration =
      DecodeStoredCalibration(listed.id, stored.payload);
  if (!calibration.ok()) return CalibrationDamagedError(listed.id);
  return std::make_shared<const ServedCalibration>(
      listed.id, stored.summary.checksum, stored.summary.create_time,
      *std::move(calibration));
}

}  // namespace

std::string ServedCalibration::name() const { return CalibrationName(id_); }

const TimeModels& ServedCalibration::time_models() const {
  std::call_once(fitted_, [this] {
    for (const std::string& dtype : PassedDtypes(calibration_)) {
      time_models_.emplace(dtype, FitTimeModel(calibration_, dtype));
    }
  });
  return time_models_;
}

std::string ServedCalibration::DefaultDtype() const {
  for (const char* dtype : {"bf16", "fp16", "f32", "tf32", "fp8", "f64"}) {
    const auto found = time_models().find(dtype);
    if (found != time_models().end() && found->second.ok()) return dtype;
  }
  return "bf16";
}

absl::StatusOr<const TimeModel*> ServedCalibration::TimeModelOf(
    const std::string& dtype) const {
  const TimeModels& models = time_models();
  const auto found = models.find(dtype);
  const absl::Status status = found != models.end()
                                  ? found->second.status()
                                  : absl::FailedPreconditionError(absl::StrCat(
                                        "no case passed in ", dtype));
  if (status.ok()) return &*found->second;
  return WithErrorInfo(
      WithResourceInfo(
          absl::Status(status.code(),
                       absl::StrCat(name(), ": ", status.message())),
          kCalibrationType, name()),
      "CALIBRATION_CANNOT_ANSWER", {{"calibration", name()}});
}

absl::StatusOr<std::unique_ptr<CalibrationCatalog>> CalibrationCatalog::Load(
    Store& store) {
  Snapshot calibrations;
  CalibrationPlace after;
  while (true) {
    MOEPLAN_ASSIGN_OR_RETURN(const CalibrationPage page,
                             store.ListCalibrations({}, after, kLoadPage));
    for (const ListedCalibration& listed : page.calibrations) {
      absl::StatusOr<CalibrationPointer> one = ReadOne(store, listed);
      // A medium that fails is no damaged row.
      if (!one.ok() && !absl::IsDataLoss(one.status())) return one.status();
      calibrations.emplace(listed.id, std::move(one));
      after = listed.place;
    }
    if (!page.has_more) break;
  }
  return std::unique_ptr<CalibrationCatalog>(
      new CalibrationCatalog(store, std::move(calibrations)));
}

absl::StatusOr<CalibrationPointer> CalibrationCatalog::Find(
    absl::string_view id) const {
  const auto snapshot = snapshot_.load();
  const auto found = snapshot->find(std::string(id));
  if (found == snapshot->end()) return CalibrationMissingError(id);
  return found->second;
}

absl::StatusOr<CalibrationPointer> CalibrationCatalog::Newest(
    absl::string_view product, absl::string_view dtype) const {
  const auto snapshot = snapshot_.load();
  CalibrationPointer newest;
  for (const auto& [id, one] : *snapshot) {
    if (!one.ok()) continue;
    const Calibration& calibration = (*one)->calibration();
    if (calibration.conditions.regime == MeasuringRegime::kSustained &&
        absl::EqualsIgnoreCase(calibration.device.product, product) &&
        (newest == nullptr || (*one)->create_time() > newest->create_time()) &&
        HasPassed(calibration, dtype)) {
      newest = *one;
    }
  }
  if (newest != nullptr) return newest;
  return ResourceNotFoundError(
      kCalibrationType,
      absl::StrCat("calibrations of \"", product, "\" in ", dtype));
}

absl::StatusOr<WriteOutcome> CalibrationCatalog::Create(
    const Idempotency& idempotency, absl::string_view id,
    Calibration calibration, std::string payload, absl::string_view result,
    absl::Time now) {
  StoredCalibration stored;
  stored.summary.id = std::string(id);
  stored.summary.checksum = Sha256Hex(payload);
  stored.summary.product = calibration.device.product;
  stored.summary.dtypes = PassedDtypes(calibration);
  v1::Calibration summary;
  CalibrationToWire(calibration, /*with_measurements=*/false, &summary);
  stored.summary.summary = summary.SerializeAsString();
  // To the millisecond, as it is after a start.
  stored.summary.create_time = absl::FromUnixMillis(absl::ToUnixMillis(now));
  stored.payload = std::move(payload);

  std::lock_guard<std::mutex> lock(write_mutex_);
  MOEPLAN_ASSIGN_OR_RETURN(
      WriteOutcome outcome,
      store_.CreateCalibration(idempotency, stored, result));
  if (outcome.replayed) return outcome;
  Snapshot next = *snapshot_.load();
  next.insert_or_assign(
      stored.summary.id,
      std::make_shared<const ServedCalibration>(
          stored.summary.id, stored.summary.checksum,
          stored.summary.create_time, std::move(calibration)));
  snapshot_.store(std::make_shared<const Snapshot>(std::move(next)));
  return outcome;
}

absl::StatusOr<WriteOutcome> CalibrationCatalog::Delete(
    const Idempotency& idempotency, absl::string_view id) {
  std::lock_guard<std::mutex> lock(write_mutex_);
  MOEPLAN_ASSIGN_OR_RETURN(WriteOutcome outcome,
                           store_.DeleteCalibration(idempotency, id));
  if (outcome.replayed) return outcome;
  Snapshot next = *snapshot_.load();
  next.erase(std::string(id));
  snapshot_.store(std::make_shared<const Snapshot>(std::move(next)));
  return outcome;
}

std::map<std::string, absl::Status> CalibrationCatalog::Quarantined() const {
  std::map<std::string, absl::Status> quarantined;
  for (const auto& [id, one] : *snapshot_.load()) {
    if (!one.ok()) quarantined.emplace(id, one.status());
  }
  return quarantined;
}

}  // namespace moeplan::server
