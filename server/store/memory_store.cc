#include "server/store/memory_store.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "core/base/status_macros.h"
#include "server/store/store_errors.h"

namespace moeplan::server {
namespace {

absl::Time ToMillisecond(absl::Time time) {
  return absl::FromUnixMillis(absl::ToUnixMillis(time));
}

bool Admits(const CalibrationFilter& filter,
            const CalibrationSummary& summary) {
  if (!filter.product.empty() &&
      !absl::EqualsIgnoreCase(filter.product, summary.product)) {
    return false;
  }
  return filter.dtype.empty() ||
         std::find(summary.dtypes.begin(), summary.dtypes.end(),
                   filter.dtype) != summary.dtypes.end();
}

bool IsBefore(const CalibrationPlace& place, const CalibrationPlace& other) {
  if (place.create_time != other.create_time) {
    return place.create_time > other.create_time;
  }
  return place.id < other.id;
}

class MemoryStore : public Store {
 public:
  absl::string_view kind() const override { return "memory"; }

  absl::Status SeedPublished(absl::Span<const StoredSet> sets) override {
    std::lock_guard<std::mutex> lock(mutex_);
    for (const StoredSet& set : sets) {
      const auto kept = sets_.find(set.id);
      if (kept != sets_.end() && kept->second.checksum != set.checksum) {
        return PublishedSetClashError(set.id, kept->second.checksum,
                                      set.checksum);
      }
    }
    for (const StoredSet& set : sets) {
      StoredSet& kept = sets_[set.id];
      const absl::Time create_time =
          kept.id.empty() ? ToMillisecond(set.create_time) : kept.create_time;
      kept = set;
      kept.published = true;
      kept.create_time = create_time;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<WriteOutcome> CreateSets(const Idempotency& idempotency,
                                          absl::Span<const StoredSet> sets,
                                          absl::string_view result) override {
    std::lock_guard<std::mutex> lock(mutex_);
    MOEPLAN_ASSIGN_OR_RETURN(std::optional<std::string> known,
                             FindLocked(idempotency));
    if (known.has_value()) return WriteOutcome{*std::move(known), true};
    for (size_t i = 0; i < sets.size(); ++i) {
      MOEPLAN_RETURN_IF_ERROR(CheckFree(sets, i));
    }
    for (const StoredSet& set : sets) {
      StoredSet& kept = sets_[set.id];
      kept = set;
      kept.create_time = ToMillisecond(set.create_time);
    }
    Remember(idempotency, result);
    return WriteOutcome{std::string(result), false};
  }

  absl::StatusOr<WriteOutcome> DeleteSet(const Idempotency& idempotency,
                                         absl::string_view id) override {
    std::lock_guard<std::mutex> lock(mutex_);
    MOEPLAN_ASSIGN_OR_RETURN(std::optional<std::string> known,
                             FindLocked(idempotency));
    if (known.has_value()) return WriteOutcome{*std::move(known), true};
    const auto kept = sets_.find(std::string(id));
    if (kept == sets_.end()) return SetMissingError(id);
    if (kept->second.published) return SetPublishedError(id);
    retired_[kept->first] = kept->second.checksum;
    sets_.erase(kept);
    Remember(idempotency, "");
    return WriteOutcome{"", false};
  }

  absl::StatusOr<std::optional<std::string>> FindResult(
      const Idempotency& idempotency) override {
    std::lock_guard<std::mutex> lock(mutex_);
    return FindLocked(idempotency);
  }

  absl::StatusOr<StoredSet> GetSet(absl::string_view id) override {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto kept = sets_.find(std::string(id));
    if (kept == sets_.end()) return SetMissingError(id);
    return kept->second;
  }

  absl::StatusOr<SetPage> ListSets(absl::string_view after_id,
                                   int limit) override {
    std::lock_guard<std::mutex> lock(mutex_);
    SetPage page;
    auto next = sets_.upper_bound(std::string(after_id));
    for (; next != sets_.end() && static_cast<int>(page.sets.size()) < limit;
         ++next) {
      page.sets.push_back({next->first, next->second});
    }
    page.has_more = next != sets_.end();
    return page;
  }

  absl::StatusOr<WriteOutcome> CreateCalibration(
      const Idempotency& idempotency, const StoredCalibration& calibration,
      absl::string_view result) override {
    std::lock_guard<std::mutex> lock(mutex_);
    MOEPLAN_ASSIGN_OR_RETURN(std::optional<std::string> known,
                             FindLocked(idempotency));
    if (known.has_value()) return WriteOutcome{*std::move(known), true};
    const CalibrationSummary& summary = calibration.summary;
    if (calibrations_.count(summary.id) > 0) {
      return CalibrationExistsError(summary.id);
    }
    const auto retired = retired_calibrations_.find(summary.id);
    if (retired != retired_calibrations_.end() &&
        retired->second != summary.checksum) {
      return CalibrationIdRetiredError(summary.id);
    }
    StoredCalibration& kept = calibrations_[summary.id];
    kept = calibration;
    kept.summary.create_time = ToMillisecond(summary.create_time);
    Remember(idempotency, result);
    return WriteOutcome{std::string(result), false};
  }

  absl::StatusOr<WriteOutcome> DeleteCalibration(
      const Idempotency& idempotency, absl::string_view id) override {
    std::lock_guard<std::mutex> lock(mutex_);
    MOEPLAN_ASSIGN_OR_RETURN(std::optional<std::string> known,
                             FindLocked(idempotency));
    if (known.has_value()) return WriteOutcome{*std::move(known), true};
    const auto kept = calibrations_.find(std::string(id));
    if (kept == calibrations_.end()) return CalibrationMissingError(id);
    retired_calibrations_[kept->first] = kept->second.summary.checksum;
    calibrations_.erase(kept);
    Remember(idempotency, "");
    return WriteOutcome{"", false};
  }

  absl::StatusOr<StoredCalibration> GetCalibration(
      absl::string_view id) override {
    std::lock_guard<std::mutex> lock(mutex_);
    const auto kept = calibrations_.find(std::string(id));
    if (kept == calibrations_.end()) return CalibrationMissingError(id);
    return kept->second;
  }

  absl::StatusOr<CalibrationPage> ListCalibrations(
      const CalibrationFilter& filter, const CalibrationPlace& after,
      int limit) override {
    std::lock_guard<std::mutex> lock(mutex_);
    std::vector<const CalibrationSummary*> admitted;
    for (const auto& [id, kept] : calibrations_) {
      const CalibrationSummary& summary = kept.summary;
      if (Admits(filter, summary) &&
          IsBefore(after, {summary.create_time, summary.id})) {
        admitted.push_back(&summary);
      }
    }
    // The map is by rising id, and the sort is stable.
    std::stable_sort(admitted.begin(), admitted.end(),
                     [](const auto* left, const auto* right) {
                       return left->create_time > right->create_time;
                     });
    CalibrationPage page;
    page.has_more = admitted.size() > static_cast<size_t>(limit);
    if (page.has_more) admitted.resize(static_cast<size_t>(limit));
    for (const CalibrationSummary* summary : admitted) {
      page.calibrations.push_back(
          {summary->id, {summary->create_time, summary->id}, *summary});
    }
    return page;
  }

 private:
  struct Answered {
    std::string body_hash;
    std::string result;
  };

  absl::StatusOr<std::optional<std::string>> FindLocked(
      const Idempotency& idempotency) const {
    if (idempotency.request_id.empty()) return std::optional<std::string>();
    const auto known = answered_.find(idempotency.request_id);
    if (known == answered_.end()) return std::optional<std::string>();
    if (known->second.body_hash != idempotency.body_hash) {
      return RequestIdReusedError(idempotency.request_id);
    }
    return std::optional<std::string>(known->second.result);
  }

  absl::Status CheckFree(absl::Span<const StoredSet> sets, size_t i) const {
    const StoredSet& set = sets[i];
    if (sets_.count(set.id) > 0) return SetExistsError(set.id);
    for (size_t before = 0; before < i; ++before) {
      if (sets[before].id == set.id) return SetExistsError(set.id);
    }
    const auto retired = retired_.find(set.id);
    if (retired != retired_.end() && retired->second != set.checksum) {
      return SetIdRetiredError(set.id);
    }
    return absl::OkStatus();
  }

  void Remember(const Idempotency& idempotency, absl::string_view result) {
    if (idempotency.request_id.empty()) return;
    answered_[idempotency.request_id] = {idempotency.body_hash,
                                         std::string(result)};
  }

  std::mutex mutex_;
  std::map<std::string, StoredSet> sets_;
  std::map<std::string, std::string> retired_;  // id to checksum
  std::map<std::string, StoredCalibration> calibrations_;
  std::map<std::string, std::string> retired_calibrations_;  // id to checksum
  std::map<std::string, Answered> answered_;
};

}  // namespace

std::unique_ptr<Store> NewMemoryStore() {
  return std::make_unique<MemoryStore>();
}

}  // namespace moeplan::server
