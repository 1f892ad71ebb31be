// What only a store on a disk can get wrong; the rest is in
// tests/conformance/store_conformance_test.cc.

#include "server/store/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/rpc/status.h"

namespace moeplan::server {
namespace {

using ::testing::HasSubstr;

class SqliteStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path =
        (std::filesystem::temp_directory_path() / "moeplan-sqlite-XXXXXX")
            .string();
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    root_ = path;
    directory_ = path + "/data";
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::string database() const { return directory_ + "/moeplan.db"; }

  // Makes a store with one set and closes it.
  void Fill() {
    absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(directory_);
    ASSERT_TRUE(store.ok()) << store.status();
    StoredSet set;
    set.id = "mine";
    set.checksum = "c0";
    set.payload = "the payload of mine";
    ASSERT_TRUE((*store)->CreateSets({"id-1", "h"}, {set}, "result").ok());
  }

  void Execute(const std::string& sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(database().c_str(), &handle), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, &error),
              SQLITE_OK)
        << (error == nullptr ? "" : error);
    sqlite3_free(error);
    sqlite3_close(handle);
  }

  // The first column of the first row; -1 where there is none.
  int64_t Query(const std::string& sql) {
    sqlite3* handle = nullptr;
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_open(database().c_str(), &handle), SQLITE_OK);
    EXPECT_EQ(sqlite3_prepare_v2(handle, sql.c_str(), -1, &statement, nullptr),
              SQLITE_OK);
    const bool found = sqlite3_step(statement) == SQLITE_ROW;
    const int64_t value = found ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    return value;
  }

  std::string root_;
  std::string directory_;
};

TEST_F(SqliteStoreTest, KeepsSetsAndRequestIdsAcrossAReopen) {
  Fill();
  absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(directory_);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->GetSet("mine")->payload, "the payload of mine");
  EXPECT_EQ((*store)->FindResult({"id-1", "h"})->value(), "result");
}

TEST_F(SqliteStoreTest, SecondOpenerIsRefusedUntilTheFirstIsGone) {
  absl::StatusOr<std::unique_ptr<Store>> first = OpenSqliteStore(directory_);
  ASSERT_TRUE(first.ok());
  const absl::Status status = OpenSqliteStore(directory_).status();
  EXPECT_EQ(ErrorReason(status), "DATA_DIRECTORY_BUSY");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat("process ", getpid())));
  first->reset();
  EXPECT_TRUE(OpenSqliteStore(directory_).ok());
}

TEST_F(SqliteStoreTest, DirectoryWithoutParentIsRefusedByName) {
  const absl::Status status =
      OpenSqliteStore(root_ + "/no/such/parent").status();
  EXPECT_EQ(ErrorReason(status), "DATA_DIRECTORY");
  EXPECT_THAT(std::string(status.message()), HasSubstr("/no/such/parent"));
}

TEST_F(SqliteStoreTest, FileInPlaceOfTheDirectoryIsRefused) {
  std::ofstream(directory_) << "not a directory";
  EXPECT_EQ(ErrorReason(OpenSqliteStore(directory_).status()),
            "DATA_DIRECTORY");
}

TEST_F(SqliteStoreTest, NewerSchemaIsRefusedWithBothVersions) {
  Fill();
  Execute("UPDATE schema_info SET version = 9, oldest_following_version = 8");
  const absl::Status status = OpenSqliteStore(directory_).status();
  EXPECT_EQ(ErrorReason(status), "DATABASE_NEWER");
  EXPECT_THAT(std::string(status.message()), HasSubstr("schema version 9"));
}

TEST_F(SqliteStoreTest, NewerSchemaThatWeCanFollowIsTaken) {
  Fill();
  Execute("UPDATE schema_info SET version = 9, oldest_following_version = 1");
  EXPECT_TRUE(OpenSqliteStore(directory_).ok());
}

TEST_F(SqliteStoreTest, OtherProgramsDatabaseIsNotTouched) {
  std::filesystem::create_directory(directory_);
  Execute("CREATE TABLE theirs (x); PRAGMA application_id = 42;");
  const absl::Status status = OpenSqliteStore(directory_).status();
  EXPECT_EQ(ErrorReason(status), "DATABASE_FOREIGN");
  Execute("SELECT x FROM theirs");
}

TEST_F(SqliteStoreTest, FileThatIsNoDatabaseIsRefused) {
  std::filesystem::create_directory(directory_);
  std::ofstream(database()) << std::string(8192, 'x');
  const absl::Status status = OpenSqliteStore(directory_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(ErrorReason(status), "DATABASE_CORRUPT");
}

TEST_F(SqliteStoreTest, ChangedRowIsDataLossAndTheOthersAreServed) {
  Fill();
  {
    absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(directory_);
    StoredSet other;
    other.id = "other";
    other.checksum = "c1";
    other.payload = "intact";
    ASSERT_TRUE((*store)->CreateSets({}, {other}, "").ok());
  }
  for (const char* change :
       {"payload = 'the payload of mime'", "checksum = 'c1'", "published = 1",
        "create_time_ms = 5", "payload_format = 7"}) {
    const std::string copy = directory_ + "-copy";
    std::filesystem::copy(directory_, copy);
    Execute(absl::StrCat("UPDATE coefficient_sets SET ", change,
                         " WHERE id = 'mine'"));
    {
      absl::StatusOr<std::unique_ptr<Store>> store =
          OpenSqliteStore(directory_);
      ASSERT_TRUE(store.ok()) << store.status();
      const absl::Status status = (*store)->GetSet("mine").status();
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << change;
      EXPECT_EQ((*store)->GetSet("other")->payload, "intact");
      const absl::StatusOr<SetPage> page = (*store)->ListSets("", 10);
      ASSERT_EQ(page->sets.size(), 2u);
      EXPECT_FALSE(page->sets[0].set.ok());
      EXPECT_TRUE(page->sets[1].set.ok());
    }
    std::filesystem::remove_all(directory_);
    std::filesystem::rename(copy, directory_);
  }
}

// A file as servers of schema version 1 wrote it, digests included: tables as
// they were then, not as the code has them now.
constexpr char kVersion1File[] =
    "PRAGMA application_id = 1836017008;"
    "CREATE TABLE schema_info (version INTEGER NOT NULL, "
    "oldest_following_version INTEGER NOT NULL);"
    "INSERT INTO schema_info VALUES (1, 1);"
    "CREATE TABLE coefficient_sets (id TEXT PRIMARY KEY, checksum TEXT NOT "
    "NULL, payload BLOB NOT NULL, payload_format INTEGER NOT NULL, published "
    "INTEGER NOT NULL, create_time_ms INTEGER NOT NULL, digest TEXT NOT NULL) "
    "WITHOUT ROWID;"
    "CREATE TABLE retired_sets (id TEXT PRIMARY KEY, checksum TEXT NOT NULL) "
    "WITHOUT ROWID;"
    "CREATE TABLE answered_requests (request_id TEXT PRIMARY KEY, body_hash "
    "TEXT NOT NULL, result BLOB NOT NULL, digest TEXT NOT NULL) WITHOUT ROWID;"
    "INSERT INTO coefficient_sets VALUES ('mine', 'c0', CAST('the payload of "
    "mine' AS BLOB), 1, 0, 1700000000123, '"
    "62b0fdf6c76365ec3291b676ed1ddabe"
    "7e609cd9fe97a2ba851f20438d75be77"
    "');"
    "INSERT INTO answered_requests VALUES ('id-1', 'h', CAST('result' AS "
    "BLOB), '"
    "b934594b54128ed6e9fc47266f8dab3c"
    "94b06c79d0baa5bc2d141715f1895375');"
    "INSERT INTO retired_sets VALUES ('gone', 'c1');";

StoredCalibration MadeUpCalibration() {
  StoredCalibration calibration;
  calibration.summary.id = "cal";
  calibration.summary.checksum = "c0";
  calibration.summary.product = "Made Up";
  calibration.summary.dtypes = {"bf16"};
  calibration.summary.summary = "short";
  calibration.summary.create_time = absl::FromUnixMillis(1700000000123);
  calibration.payload = "long";
  return calibration;
}

TEST_F(SqliteStoreTest, FileOfVersion1IsBroughtUpAndKeepsAllItHolds) {
  std::filesystem::create_directory(directory_);
  Execute(kVersion1File);
  // The second time it is at the new version already.
  for (const bool first : {true, false}) {
    absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(directory_);
    ASSERT_TRUE(store.ok()) << store.status();
    const absl::StatusOr<StoredSet> set = (*store)->GetSet("mine");
    ASSERT_TRUE(set.ok()) << set.status();
    EXPECT_EQ(set->payload, "the payload of mine");
    EXPECT_EQ((*store)->FindResult({"id-1", "h"})->value(), "result");
    StoredSet other;
    other.id = "gone";
    other.checksum = "c2";
    EXPECT_EQ((*store)->CreateSets({}, {other}, "").status().code(),
              absl::StatusCode::kAlreadyExists);
    if (first) {
      ASSERT_TRUE(
          (*store)->CreateCalibration({}, MadeUpCalibration(), "").ok());
    }
    EXPECT_EQ(*(*store)->GetCalibration("cal"), MadeUpCalibration());
  }
  // Servers of version 1 may follow: nothing of theirs changed.
  EXPECT_EQ(Query("SELECT version FROM schema_info"), 2);
  EXPECT_EQ(Query("SELECT oldest_following_version FROM schema_info"), 1);
}

TEST_F(SqliteStoreTest, ChangedCalibrationIsDataLossAndTheOthersAreServed) {
  {
    absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(directory_);
    ASSERT_TRUE(store.ok()) << store.status();
    StoredCalibration other = MadeUpCalibration();
    other.summary.id = "other";
    for (const StoredCalibration& one : {MadeUpCalibration(), other}) {
      ASSERT_TRUE((*store)->CreateCalibration({}, one, "").ok());
    }
  }
  // The change, and whether a list, which reads no payload, sees it.
  const std::pair<const char*, bool> changes[] = {
      {"UPDATE calibrations SET checksum = 'c1' WHERE id = 'cal'", true},
      {"UPDATE calibrations SET product = 'made up' WHERE id = 'cal'", true},
      {"UPDATE calibrations SET product_key = 'x' WHERE id = 'cal'", true},
      {"UPDATE calibrations SET dtypes = ' f32 ' WHERE id = 'cal'", true},
      {"UPDATE calibrations SET summary = 'shorT' WHERE id = 'cal'", true},
      {"UPDATE calibrations SET payload_format = 7 WHERE id = 'cal'", true},
      {"UPDATE calibrations SET create_time_ms = 5 WHERE id = 'cal'", true},
      {"UPDATE calibration_payloads SET payload = 'lonG' WHERE id = 'cal'",
       false},
      {"DELETE FROM calibration_payloads WHERE id = 'cal'", false},
  };
  for (const auto& [change, is_listed_damaged] : changes) {
    const std::string copy = directory_ + "-copy";
    std::filesystem::copy(directory_, copy);
    Execute(change);
    {
      absl::StatusOr<std::unique_ptr<Store>> store =
          OpenSqliteStore(directory_);
      ASSERT_TRUE(store.ok()) << store.status();
      const absl::Status status = (*store)->GetCalibration("cal").status();
      EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << change;
      EXPECT_EQ((*store)->GetCalibration("other")->payload, "long");
      const auto page = (*store)->ListCalibrations({}, {}, 10);
      ASSERT_EQ(page->calibrations.size(), 2u) << change;
      int damaged = 0;
      for (const ListedCalibration& listed : page->calibrations) {
        damaged += listed.summary.ok() ? 0 : 1;
      }
      EXPECT_EQ(damaged, is_listed_damaged ? 1 : 0) << change;
      EXPECT_TRUE((*store)->DeleteCalibration({}, "cal").ok()) << change;
    }
    std::filesystem::remove_all(directory_);
    std::filesystem::rename(copy, directory_);
  }
}

TEST_F(SqliteStoreTest, ChangedAnswerOfARequestIsDataLoss) {
  Fill();
  Execute("UPDATE answered_requests SET result = 'resulT'");
  absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(directory_);
  EXPECT_EQ((*store)->FindResult({"id-1", "h"}).status().code(),
            absl::StatusCode::kDataLoss);
}

// Every copy either refuses to open, or says DATA_LOSS, or answers with the
// bytes that were stored; a wrong payload is never served.
TEST_F(SqliteStoreTest, DamagedFilesNeverServeWrongBytes) {
  Fill();
  std::ifstream in(database(), std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  ASSERT_GT(whole.size(), 4096u);
  int refused = 0;
  int served = 0;
  // Every 61st byte (prime to the page size), so that all kinds of structure
  // are hit.
  for (size_t at = 0; at < whole.size(); at += 61) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    std::filesystem::remove(database() + "-wal");
    std::filesystem::remove(database() + "-shm");
    std::ofstream(database(), std::ios::binary) << damaged;
    absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(directory_);
    if (!store.ok()) {
      ++refused;
      continue;
    }
    const absl::StatusOr<StoredSet> set = (*store)->GetSet("mine");
    if (!set.ok()) {
      ++refused;
      continue;
    }
    EXPECT_EQ(set->payload, "the payload of mine") << "byte " << at;
    EXPECT_EQ(set->checksum, "c0") << "byte " << at;
    ++served;
  }
  EXPECT_GT(refused, 0);
  EXPECT_GT(served, 0);
}

TEST_F(SqliteStoreTest, TruncatedFileNeverServesWrongBytes) {
  Fill();
  const auto size = std::filesystem::file_size(database());
  for (const auto keep : {size / 2, size - 1, size - 4096}) {
    std::filesystem::resize_file(database(), keep);
    absl::StatusOr<std::unique_ptr<Store>> store = OpenSqliteStore(directory_);
    if (store.ok()) {
      const absl::StatusOr<StoredSet> set = (*store)->GetSet("mine");
      if (set.ok()) {
        EXPECT_EQ(set->payload, "the payload of mine") << keep;
      }
    }
    store = absl::CancelledError();
    std::filesystem::remove_all(directory_);
    Fill();
  }
}

}  // namespace
}  // namespace moeplan::server
