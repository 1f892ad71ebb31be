// The contract of Store (server/store/store.h) for calibrations, run against
// every kind.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/rpc/status.h"
#include "server/store/store.h"
#include "tests/conformance/store_kinds.h"

namespace moeplan::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int64_t kMilliseconds = 1700000000123;

class StoreCalibrationConformanceTest : public StoreKindTest {
 protected:
  static StoredCalibration Named(const std::string& id,
                                 const std::string& checksum = "c0",
                                 int64_t age_ms = 0) {
    StoredCalibration calibration;
    calibration.summary.id = id;
    calibration.summary.checksum = checksum;
    calibration.summary.product = "Made Up";
    calibration.summary.dtypes = {"bf16", "f32"};
    // Both are bytes, not text.
    calibration.summary.summary = std::string("short\0 of ", 10) + id + "\xff";
    calibration.summary.create_time =
        absl::FromUnixMillis(kMilliseconds - age_ms);
    calibration.payload = std::string("payload\0 of ", 12) + id + "\xfe";
    return calibration;
  }

  absl::Status Create(const StoredCalibration& calibration,
                      const Idempotency& idempotency = {},
                      absl::string_view result = "") {
    return store_->CreateCalibration(idempotency, calibration, result).status();
  }

  absl::StatusCode CodeOfGet(const std::string& id) {
    return store_->GetCalibration(id).status().code();
  }

  // All ids that `filter` admits, page by page.
  std::vector<std::string> Ids(const CalibrationFilter& filter = {},
                               int limit = 2) {
    std::vector<std::string> ids;
    CalibrationPlace after;
    while (true) {
      const absl::StatusOr<CalibrationPage> page =
          store_->ListCalibrations(filter, after, limit);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return ids;
      EXPECT_LE(static_cast<int>(page->calibrations.size()), limit);
      for (const ListedCalibration& listed : page->calibrations) {
        EXPECT_TRUE(listed.summary.ok());
        ids.push_back(listed.id);
        after = listed.place;
      }
      if (!page->has_more) return ids;
      EXPECT_FALSE(page->calibrations.empty());
    }
  }
};

TEST_P(StoreCalibrationConformanceTest, ReturnsWhatWasStoredByteForByte) {
  const StoredCalibration mine = Named("mine");
  ASSERT_TRUE(Create(mine).ok());
  const absl::StatusOr<StoredCalibration> found =
      store_->GetCalibration("mine");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(*found, mine);
  const absl::StatusOr<CalibrationPage> page =
      store_->ListCalibrations({}, {}, 10);
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_EQ(page->calibrations.size(), 1u);
  EXPECT_EQ(*page->calibrations[0].summary, mine.summary);
}

TEST_P(StoreCalibrationConformanceTest, MissingOneIsNotFoundByItsFullName) {
  for (const absl::Status& status :
       {store_->GetCalibration("nothing").status(),
        store_->DeleteCalibration({}, "nothing").status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("calibrations/nothing"));
  }
  EXPECT_THAT(Ids(), IsEmpty());
}

TEST_P(StoreCalibrationConformanceTest, TakenIdIsRefusedAndTheFirstStays) {
  ASSERT_TRUE(Create(Named("mine", "first")).ok());
  const absl::Status status =
      Create(Named("mine", "second"), {"id-1", "hash"}, "result");
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ErrorReason(status), "CALIBRATION_EXISTS");
  EXPECT_EQ(store_->GetCalibration("mine")->summary.checksum, "first");
  // The request id was not used up.
  EXPECT_FALSE(store_->FindResult({"id-1", "hash"})->has_value());
}

TEST_P(StoreCalibrationConformanceTest,
       RepeatedRequestIdReturnsTheFirstResult) {
  const Idempotency idempotency{"id-1", "hash"};
  ASSERT_TRUE(Create(Named("mine"), idempotency, "the result").ok());
  const absl::StatusOr<WriteOutcome> second =
      store_->CreateCalibration(idempotency, Named("mine"), "another result");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(second->replayed);
  EXPECT_EQ(second->result, "the result");
  EXPECT_THAT(Ids(), ElementsAre("mine"));
}

TEST_P(StoreCalibrationConformanceTest, RequestIdsAreSharedWithSets) {
  ASSERT_TRUE(Create(Named("mine"), {"id-1", "hash"}).ok());
  StoredSet set;
  set.id = "mine";
  set.checksum = "c0";
  for (const absl::Status& status :
       {Create(Named("other"), {"id-1", "other hash"}),
        store_->DeleteCalibration({"id-1", "other hash"}, "mine").status(),
        store_->CreateSets({"id-1", "other hash"}, {set}, "").status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(ErrorReason(status), "REQUEST_ID_REUSED");
  }
  EXPECT_THAT(Ids(), ElementsAre("mine"));
  // Ids are not.
  EXPECT_TRUE(store_->CreateSets({}, {set}, "").ok());
}

TEST_P(StoreCalibrationConformanceTest, DeletedOneIsGoneAndRepeatingIsSafe) {
  ASSERT_TRUE(Create(Named("mine")).ok());
  ASSERT_TRUE(store_->DeleteCalibration({"id-1", "hash"}, "mine").ok());
  EXPECT_EQ(CodeOfGet("mine"), absl::StatusCode::kNotFound);
  EXPECT_THAT(Ids(), IsEmpty());
  EXPECT_TRUE(store_->DeleteCalibration({"id-1", "hash"}, "mine")->replayed);
  EXPECT_EQ(store_->DeleteCalibration({}, "mine").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_P(StoreCalibrationConformanceTest, DeletedIdComesBackOnlyWithTheSame) {
  ASSERT_TRUE(Create(Named("mine", "first")).ok());
  ASSERT_TRUE(store_->DeleteCalibration({}, "mine").ok());
  const absl::Status status = Create(Named("mine", "second"));
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ErrorReason(status), "CALIBRATION_EXISTS");
  EXPECT_TRUE(Create(Named("mine", "first")).ok());
}

TEST_P(StoreCalibrationConformanceTest, PagesAreNewestFirstThenById) {
  // Neither the order of ids nor that in which they come is that of ages.
  const std::pair<const char*, int64_t> ages[] = {
      {"b", 5}, {"a", 7}, {"e", 1}, {"d", 5}, {"c", 5}};
  for (const auto& [id, age] : ages) {
    ASSERT_TRUE(Create(Named(id, "c0", age)).ok());
  }
  for (const int limit : {1, 2, 3, 4, 5, 6}) {
    EXPECT_THAT(Ids({}, limit), ElementsAre("e", "b", "c", "d", "a"))
        << "limit " << limit;
  }
}

TEST_P(StoreCalibrationConformanceTest, FiltersAdmitProductAndFormat) {
  StoredCalibration other = Named("other", "c0", 1);
  other.summary.product = "Made";
  other.summary.dtypes = {"fp8"};
  StoredCalibration untimed = Named("untimed", "c0", 2);
  untimed.summary.dtypes = {};
  for (const StoredCalibration& one : {Named("mine"), other, untimed}) {
    ASSERT_TRUE(Create(one).ok());
  }
  const std::pair<CalibrationFilter, std::vector<std::string>> cases[] = {
      {{"", ""}, {"mine", "other", "untimed"}},
      {{"made up", ""}, {"mine", "untimed"}},
      {{"MADE", ""}, {"other"}},
      {{"Made%", ""}, {}},
      {{"", "bf16"}, {"mine"}},
      {{"", "f32"}, {"mine"}},
      {{"", "bf1"}, {}},
      {{"made", "bf16"}, {}},
  };
  for (const auto& [filter, ids] : cases) {
    EXPECT_EQ(Ids(filter, 1), ids) << filter.product << ", " << filter.dtype;
  }
}

TEST_P(StoreCalibrationConformanceTest, PageEndsWhereNoOtherIsAdmitted) {
  ASSERT_TRUE(Create(Named("mine")).ok());
  StoredCalibration other = Named("other", "c0", 1);
  other.summary.product = "other";
  ASSERT_TRUE(Create(other).ok());
  EXPECT_FALSE(store_->ListCalibrations({"made up", ""}, {}, 1)->has_more);
  EXPECT_TRUE(store_->ListCalibrations({}, {}, 1)->has_more);
}

TEST_P(StoreCalibrationConformanceTest, OneOfManySimultaneousWritersWins) {
  constexpr int kThreads = 4;
  constexpr int kCalibrations = 10;
  std::vector<std::thread> threads;
  std::vector<int> created(kThreads, 0);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t, &created] {
      for (int i = 0; i < kCalibrations; ++i) {
        const absl::Status status =
            Create(Named(absl::StrCat("c-", i), absl::StrCat("by-", t)));
        if (status.ok()) ++created[static_cast<size_t>(t)];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int total = 0;
  for (const int count : created) total += count;
  EXPECT_EQ(total, kCalibrations);
  EXPECT_EQ(Ids().size(), size_t{kCalibrations});
}

INSTANTIATE_TEST_SUITE_P(EveryKind, StoreCalibrationConformanceTest,
                         ::testing::ValuesIn(EveryStoreKind()), NameOfKind);

}  // namespace
}  // namespace moeplan::server
