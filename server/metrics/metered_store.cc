#include "server/metrics/metered_store.h"

#include <chrono>
#include <map>
#include <string>
#include <utility>

namespace moeplan::server {
namespace {

// What the medium did, as against answers such as "exists".
constexpr std::pair<absl::StatusCode, const char*> kErrorKinds[] = {
    {absl::StatusCode::kUnavailable, "unavailable"},
    {absl::StatusCode::kResourceExhausted, "full"},
    {absl::StatusCode::kDataLoss, "damaged"},
    {absl::StatusCode::kInternal, "internal"},
};

const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

class Operation {
 public:
  Operation(prometheus::Registry& registry, const std::string& name)
      : seconds_(AddHistogram(registry, "moeplan_store_operation_seconds",
                              "Operations of the store.",
                              {{"operation", name}})) {
    for (const auto& [code, kind] : kErrorKinds) {
      errors_[code] =
          &AddCounter(registry, "moeplan_store_errors_total",
                      "Failed operations of the store; answers such as "
                      "\"exists\" are none.",
                      {{"operation", name}, {"kind", kind}});
    }
  }

  template <typename Call>
  auto Measure(Call call) {
    const auto start = std::chrono::steady_clock::now();
    auto result = call();
    const std::chrono::duration<double> took =
        std::chrono::steady_clock::now() - start;
    seconds_.Observe(took.count());
    const auto error = errors_.find(StatusOf(result).code());
    if (error != errors_.end()) error->second->Increment();
    return result;
  }

 private:
  prometheus::Histogram& seconds_;
  std::map<absl::StatusCode, prometheus::Counter*> errors_;
};

class MeteredStore final : public Store {
 public:
  MeteredStore(std::unique_ptr<Store> store, prometheus::Registry& registry)
      : store_(std::move(store)),
        seed_published_(registry, "seed_published"),
        create_sets_(registry, "create_sets"),
        delete_set_(registry, "delete_set"),
        find_result_(registry, "find_result"),
        get_set_(registry, "get_set"),
        list_sets_(registry, "list_sets"),
        create_calibration_(registry, "create_calibration"),
        delete_calibration_(registry, "delete_calibration"),
        get_calibration_(registry, "get_calibration"),
        list_calibrations_(registry, "list_calibrations") {}

  absl::string_view kind() const override { return store_->kind(); }

  absl::Status SeedPublished(absl::Span<const StoredSet> sets) override {
    return seed_published_.Measure([&] { return store_->SeedPublished(sets); });
  }
  absl::StatusOr<WriteOutcome> CreateSets(const Idempotency& idempotency,
                                          absl::Span<const StoredSet> sets,
                                          absl::string_view result) override {
    return create_sets_.Measure(
        [&] { return store_->CreateSets(idempotency, sets, result); });
  }
  absl::StatusOr<WriteOutcome> DeleteSet(const Idempotency& idempotency,
                                         absl::string_view id) override {
    return delete_set_.Measure(
        [&] { return store_->DeleteSet(idempotency, id); });
  }
  absl::StatusOr<std::optional<std::string>> FindResult(
      const Idempotency& idempotency) override {
    return find_result_.Measure(
        [&] { return store_->FindResult(idempotency); });
  }
  absl::StatusOr<StoredSet> GetSet(absl::string_view id) override {
    return get_set_.Measure([&] { return store_->GetSet(id); });
  }
  absl::StatusOr<SetPage> ListSets(absl::string_view after_id,
                                   int limit) override {
    return list_sets_.Measure(
        [&] { return store_->ListSets(after_id, limit); });
  }
  absl::StatusOr<WriteOutcome> CreateCalibration(
      const Idempotency& idempotency, const StoredCalibration& calibration,
      absl::string_view result) override {
    return create_calibration_.Measure([&] {
      return store_->CreateCalibration(idempotency, calibration, result);
    });
  }
  absl::StatusOr<WriteOutcome> DeleteCalibration(
      const Idempotency& idempotency, absl::string_view id) override {
    return delete_calibration_.Measure(
        [&] { return store_->DeleteCalibration(idempotency, id); });
  }
  absl::StatusOr<StoredCalibration> GetCalibration(
      absl::string_view id) override {
    return get_calibration_.Measure([&] { return store_->GetCalibration(id); });
  }
  absl::StatusOr<CalibrationPage> ListCalibrations(
      const CalibrationFilter& filter, const CalibrationPlace& after,
      int limit) override {
    return list_calibrations_.Measure(
        [&] { return store_->ListCalibrations(filter, after, limit); });
  }

 private:
  const std::unique_ptr<Store> store_;
  Operation seed_published_;
  Operation create_sets_;
  Operation delete_set_;
  Operation find_result_;
  Operation get_set_;
  Operation list_sets_;
  Operation create_calibration_;
  Operation delete_calibration_;
  Operation get_calibration_;
  Operation list_calibrations_;
};

}  // namespace

std::unique_ptr<Store> NewMeteredStore(std::unique_ptr<Store> store,
                                       prometheus::Registry& registry) {
  return std::make_unique<MeteredStore>(std::move(store), registry);
}

}  // namespace moeplan::server
