// The contract of Store (server/store/store.h), run against every kind.

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

using ::testing::HasSubstr;

class StoreConformanceTest : public StoreKindTest {
 protected:
  static StoredSet SetNamed(const std::string& id,
                            const std::string& checksum = "c0") {
    StoredSet set;
    set.id = id;
    set.checksum = checksum;
    // Payloads are bytes, not text.
    set.payload = std::string("payload\0 of ", 12) + id + "\xff";
    set.create_time = absl::FromUnixMillis(1700000000123);
    return set;
  }

  absl::Status Create(const StoredSet& set, const Idempotency& idempotency = {},
                      absl::string_view result = "") {
    return store_->CreateSets(idempotency, {set}, result).status();
  }
};

TEST_P(StoreConformanceTest, ReturnsWhatWasStoredByteForByte) {
  const StoredSet set = SetNamed("mine");
  ASSERT_TRUE(Create(set).ok());
  const absl::StatusOr<StoredSet> found = store_->GetSet("mine");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(*found, set);
}

TEST_P(StoreConformanceTest, MissingSetIsNotFoundByItsFullName) {
  const absl::Status status = store_->GetSet("nothing").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("coefficientSets/nothing"));
}

TEST_P(StoreConformanceTest, TakenIdIsRefusedAndTheFirstSetStays) {
  ASSERT_TRUE(Create(SetNamed("mine", "first")).ok());
  const absl::Status status = Create(SetNamed("mine", "second"));
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ErrorReason(status), "SET_EXISTS");
  EXPECT_EQ(store_->GetSet("mine")->checksum, "first");
}

TEST_P(StoreConformanceTest, SetsOfOneWriteAreStoredAllOrNone) {
  ASSERT_TRUE(Create(SetNamed("b")).ok());
  const std::vector<StoredSet> both = {SetNamed("a"), SetNamed("b")};
  const absl::Status status =
      store_->CreateSets({"id-1", "hash"}, both, "result").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(store_->GetSet("a").status().code(), absl::StatusCode::kNotFound);
  // The request id was not used up either.
  EXPECT_FALSE(store_->FindResult({"id-1", "hash"})->has_value());
}

TEST_P(StoreConformanceTest, OneWriteWithAnIdTwiceIsRefused) {
  const std::vector<StoredSet> twice = {SetNamed("a"), SetNamed("a")};
  EXPECT_EQ(store_->CreateSets({}, twice, "").status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(store_->GetSet("a").status().code(), absl::StatusCode::kNotFound);
}

TEST_P(StoreConformanceTest, RepeatedRequestIdReturnsTheFirstResult) {
  const Idempotency idempotency{"id-1", "hash"};
  const absl::StatusOr<WriteOutcome> first =
      store_->CreateSets(idempotency, {SetNamed("mine")}, "the result");
  ASSERT_TRUE(first.ok());
  EXPECT_FALSE(first->replayed);
  const absl::StatusOr<WriteOutcome> second =
      store_->CreateSets(idempotency, {SetNamed("mine")}, "another result");
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(second->replayed);
  EXPECT_EQ(second->result, "the result");
  EXPECT_EQ(store_->FindResult(idempotency)->value(), "the result");
}

TEST_P(StoreConformanceTest, RequestIdWithAnotherBodyIsRefused) {
  ASSERT_TRUE(Create(SetNamed("mine"), {"id-1", "hash"}).ok());
  for (const absl::Status& status :
       {Create(SetNamed("other"), {"id-1", "other hash"}),
        store_->FindResult({"id-1", "other hash"}).status(),
        store_->DeleteSet({"id-1", "other hash"}, "mine").status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(ErrorReason(status), "REQUEST_ID_REUSED");
  }
  EXPECT_EQ(store_->GetSet("other").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_TRUE(store_->GetSet("mine").ok());
}

TEST_P(StoreConformanceTest, EmptyRequestIdMeansNoIdempotency) {
  ASSERT_TRUE(Create(SetNamed("a"), {"", "hash"}).ok());
  ASSERT_TRUE(Create(SetNamed("b"), {"", "hash"}).ok());
  EXPECT_FALSE(store_->FindResult({"", "hash"})->has_value());
}

TEST_P(StoreConformanceTest, ResultCanBeKeptWithoutSets) {
  ASSERT_TRUE(store_->CreateSets({"id-1", "hash"}, {}, "a refusal").ok());
  EXPECT_EQ(store_->FindResult({"id-1", "hash"})->value(), "a refusal");
}

TEST_P(StoreConformanceTest, DeletedSetIsGoneAndRepeatingIsSafe) {
  ASSERT_TRUE(Create(SetNamed("mine")).ok());
  ASSERT_TRUE(store_->DeleteSet({"id-1", "hash"}, "mine").ok());
  EXPECT_EQ(store_->GetSet("mine").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_TRUE(store_->DeleteSet({"id-1", "hash"}, "mine")->replayed);
  EXPECT_EQ(store_->DeleteSet({}, "mine").status().code(),
            absl::StatusCode::kNotFound);
}

TEST_P(StoreConformanceTest, DeletedIdComesBackOnlyWithTheSameNumbers) {
  ASSERT_TRUE(Create(SetNamed("mine", "first")).ok());
  ASSERT_TRUE(store_->DeleteSet({}, "mine").ok());
  const absl::Status status = Create(SetNamed("mine", "second"));
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ErrorReason(status), "SET_EXISTS");
  EXPECT_TRUE(Create(SetNamed("mine", "first")).ok());
}

TEST_P(StoreConformanceTest, PublishedSetsCannotBeDeletedOrReplaced) {
  ASSERT_TRUE(store_->SeedPublished({SetNamed("joint-2025")}).ok());
  EXPECT_TRUE(store_->GetSet("joint-2025")->published);
  const absl::Status deleted = store_->DeleteSet({}, "joint-2025").status();
  EXPECT_EQ(deleted.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(deleted), "SET_PUBLISHED");
  EXPECT_EQ(Create(SetNamed("joint-2025")).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(store_->GetSet("joint-2025").ok());
}

TEST_P(StoreConformanceTest, SeedingAgainKeepsTheTimeAndTakesNewText) {
  ASSERT_TRUE(store_->SeedPublished({SetNamed("a"), SetNamed("b")}).ok());
  StoredSet reworded = SetNamed("a");
  reworded.payload = "better caveats";
  reworded.create_time = absl::FromUnixMillis(1800000000000);
  ASSERT_TRUE(store_->SeedPublished({reworded, SetNamed("c")}).ok());
  EXPECT_EQ(store_->GetSet("a")->payload, "better caveats");
  EXPECT_EQ(store_->GetSet("a")->create_time,
            absl::FromUnixMillis(1700000000123));
  EXPECT_TRUE(store_->GetSet("b").ok());
  EXPECT_TRUE(store_->GetSet("c").ok());
}

TEST_P(StoreConformanceTest, SeedingOtherNumbersUnderAKeptIdChangesNothing) {
  ASSERT_TRUE(Create(SetNamed("b", "mine")).ok());
  const absl::Status status =
      store_->SeedPublished({SetNamed("a"), SetNamed("b", "theirs")});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(status), "PUBLISHED_SET_CLASH");
  EXPECT_EQ(store_->GetSet("a").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(store_->GetSet("b")->checksum, "mine");
}

TEST_P(StoreConformanceTest, PagesVisitEverySetOnceInOrder) {
  // Ids whose order by bytes differs from the order in which they came.
  std::vector<std::string> ids;
  for (int i = 99; i >= 0; --i) ids.push_back(absl::StrCat("set-", i));
  for (const std::string& id : ids) ASSERT_TRUE(Create(SetNamed(id)).ok());
  std::sort(ids.begin(), ids.end());
  for (const int limit : {1, 7, 99, 100, 101}) {
    std::vector<std::string> seen;
    std::string after;
    bool has_more = true;
    while (has_more) {
      const absl::StatusOr<SetPage> page = store_->ListSets(after, limit);
      ASSERT_TRUE(page.ok()) << page.status();
      ASSERT_LE(static_cast<int>(page->sets.size()), limit);
      ASSERT_FALSE(page->sets.empty());
      for (const ListedSet& listed : page->sets) {
        EXPECT_TRUE(listed.set.ok());
        seen.push_back(listed.id);
      }
      after = seen.back();
      has_more = page->has_more;
    }
    EXPECT_EQ(seen, ids) << "limit " << limit;
  }
}

TEST_P(StoreConformanceTest, EmptyStoreHasOneEmptyPage) {
  const absl::StatusOr<SetPage> page = store_->ListSets("", 10);
  ASSERT_TRUE(page.ok());
  EXPECT_TRUE(page->sets.empty());
  EXPECT_FALSE(page->has_more);
}

TEST_P(StoreConformanceTest, OneOfManySimultaneousWritersWins) {
  constexpr int kThreads = 8;
  constexpr int kSets = 20;
  std::vector<std::thread> threads;
  std::vector<int> created(kThreads, 0);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t, &created] {
      for (int i = 0; i < kSets; ++i) {
        const absl::Status status =
            Create(SetNamed(absl::StrCat("set-", i), absl::StrCat("by-", t)));
        if (status.ok()) {
          ++created[static_cast<size_t>(t)];
        } else {
          EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << status;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  int total = 0;
  for (const int count : created) total += count;
  EXPECT_EQ(total, kSets);
  EXPECT_EQ(store_->ListSets("", 1000)->sets.size(), size_t{kSets});
}

INSTANTIATE_TEST_SUITE_P(EveryKind, StoreConformanceTest,
                         ::testing::ValuesIn(EveryStoreKind()), NameOfKind);

}  // namespace
}  // namespace moeplan::server
