#include "server/services/calibration_catalog.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"
#include "server/convert/calibration_convert.h"
#include "server/convert/resource_name.h"
#include "server/rpc/status.h"
#include "server/store/store_errors.h"

namespace moeplan::server {
namespace {

constexpr int kLoadPage = 500;

CalibrationFacts FactsOf(const StoredCalibration& stored,
                         const Calibration& calibration) {
  const CalibrationSummary& summary = stored.summary;
  return {.id = summary.id,
          .checksum = summary.checksum,
          .create_time = summary.create_time,
          .product = calibration.device.product,
          .regime = calibration.conditions.regime,
          .dtypes = PassedDtypes(calibration),
          .stored_bytes = static_cast<int64_t>(summary.summary.size() +
                                               stored.payload.size())};
}

absl::StatusOr<Calibration> Decode(const StoredCalibration& stored) {
  absl::StatusOr<Calibration> calibration =
      DecodeStoredCalibration(stored.summary.id, stored.payload);
  if (!calibration.ok()) return CalibrationDamagedError(stored.summary.id);
  return calibration;
}

std::string DefaultDtype(const TimeModels& models) {
  for (const char* dtype : {"bf16", "fp16", "f32", "tf32", "fp8", "f64"}) {
    const auto found = models.find(dtype);
    if (found != models.end() && found->second.ok()) return dtype;
  }
  return "bf16";
}

}  // namespace

ServedCalibration::ServedCalibration(CalibrationFacts facts, Store& store,
                                     FitSlots& slots)
    : facts_(std::move(facts)),
      store_(store),
      time_models_(slots, [this] { return Read(); }) {}

std::string ServedCalibration::name() const { return CalibrationName(id()); }

absl::StatusOr<Calibration> ServedCalibration::Read() const {
  MOEPLAN_ASSIGN_OR_RETURN(const StoredCalibration stored,
                           store_.GetCalibration(id()));
  return Decode(stored);
}

absl::StatusOr<const TimeModel*> ServedCalibration::TimeModelOf(
    const std::string& dtype, const Interrupter* interrupter) const {
  MOEPLAN_ASSIGN_OR_RETURN(const TimeModels* models, time_models(interrupter));
  const std::string asked = dtype.empty() ? DefaultDtype(*models) : dtype;
  const auto found = models->find(asked);
  const absl::Status status = found != models->end()
                                  ? found->second.status()
                                  : absl::FailedPreconditionError(absl::StrCat(
                                        "no case passed in ", asked));
  if (status.ok()) return &*found->second;
  return WithErrorInfo(
      WithResourceInfo(
          absl::Status(status.code(),
                       absl::StrCat(name(), ": ", status.message())),
          kCalibrationType, name()),
      "CALIBRATION_CANNOT_ANSWER", {{"calibration", name()}});
}

absl::StatusOr<std::unique_ptr<CalibrationCatalog>> CalibrationCatalog::Load(
    Store& store, const CalibrationLimits& limits) {
  std::unique_ptr<CalibrationCatalog> catalog(
      new CalibrationCatalog(store, limits));
  Snapshot calibrations;
  CalibrationPlace after;
  while (true) {
    MOEPLAN_ASSIGN_OR_RETURN(const CalibrationPage page,
                             store.ListCalibrations({}, after, kLoadPage));
    for (const ListedCalibration& listed : page.calibrations) {
      absl::StatusOr<CalibrationPointer> one = catalog->Serve(listed);
      // A medium that fails is no damaged row.
      if (!one.ok() && !absl::IsDataLoss(one.status())) return one.status();
      calibrations.emplace(listed.id, std::move(one));
      after = listed.place;
    }
    if (!page.has_more) break;
  }
  catalog->snapshot_.store(
      std::make_shared<const Snapshot>(std::move(calibrations)));
  return catalog;
}

absl::StatusOr<CalibrationPointer> CalibrationCatalog::Serve(
    const ListedCalibration& listed) {
  MOEPLAN_RETURN_IF_ERROR(listed.summary.status());
  MOEPLAN_ASSIGN_OR_RETURN(const StoredCalibration stored,
                           store_.GetCalibration(listed.id));
  MOEPLAN_ASSIGN_OR_RETURN(const Calibration calibration, Decode(stored));
  return std::make_shared<const ServedCalibration>(FactsOf(stored, calibration),
                                                   store_, slots_);
}

absl::Status CalibrationCatalog::CheckLimits(int64_t bytes) const {
  const auto snapshot = snapshot_.load();
  const int64_t count = static_cast<int64_t>(snapshot->size()) + 1;
  if (count > limits_.most_calibrations) {
    return QuotaExceededError(
        "calibrations",
        absl::StrCat("must be at most ", limits_.most_calibrations,
                     " on this server (--max-calibrations); delete some first"),
        count);
  }
  for (const auto& [id, one] : *snapshot) {
    if (one.ok()) bytes += (*one)->facts().stored_bytes;
  }
  if (bytes > limits_.most_bytes) {
    return QuotaExceededError(
        "calibrations",
        absl::StrCat("must take at most ", limits_.most_bytes,
                     " bytes together on this server "
                     "(--max-calibration-bytes); delete some first"),
        bytes);
  }
  return absl::OkStatus();
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
    const CalibrationFacts& facts = (*one)->facts();
    if (facts.regime == MeasuringRegime::kSustained &&
        absl::EqualsIgnoreCase(facts.product, product) &&
        (newest == nullptr || facts.create_time > newest->create_time()) &&
        std::find(facts.dtypes.begin(), facts.dtypes.end(), dtype) !=
            facts.dtypes.end()) {
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
    const Calibration& calibration, std::string payload,
    absl::string_view result, absl::Time now) {
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

  CalibrationFacts facts = FactsOf(stored, calibration);

  std::lock_guard<std::mutex> lock(write_mutex_);
  const absl::Status within = CheckLimits(facts.stored_bytes);
  if (!within.ok()) {
    // What was written before there were too many is answered as it was.
    MOEPLAN_ASSIGN_OR_RETURN(std::optional<std::string> known,
                             store_.FindResult(idempotency));
    if (known.has_value()) return WriteOutcome{*std::move(known), true};
    return within;
  }
  MOEPLAN_ASSIGN_OR_RETURN(
      WriteOutcome outcome,
      store_.CreateCalibration(idempotency, stored, result));
  if (outcome.replayed) return outcome;
  Snapshot next = *snapshot_.load();
  next.insert_or_assign(stored.summary.id,
                        std::make_shared<const ServedCalibration>(
                            std::move(facts), store_, slots_));
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
