#ifndef MOEPLAN_TESTS_CONFORMANCE_STORE_KINDS_H_
#define MOEPLAN_TESTS_CONFORMANCE_STORE_KINDS_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/memory_store.h"
#include "server/store/sqlite_store.h"
#include "server/store/store.h"

namespace moeplan::server {

struct StoreKind {
  std::string name;
  // Opens a fresh store in the empty directory.
  std::function<absl::StatusOr<std::unique_ptr<Store>>(const std::string&)>
      open;
};

inline std::vector<StoreKind> EveryStoreKind() {
  return {{"memory",
           [](const std::string&) -> absl::StatusOr<std::unique_ptr<Store>> {
             return NewMemoryStore();
           }},
          {"sqlite", [](const std::string& directory) {
             return OpenSqliteStore(directory);
           }}};
}

inline std::string NameOfKind(const ::testing::TestParamInfo<StoreKind>& kind) {
  return kind.param.name;
}

// With a fresh store of each kind.
class StoreKindTest : public ::testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override {
    directory_ =
        (std::filesystem::temp_directory_path() / "moeplan-store-XXXXXX")
            .string();
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    absl::StatusOr<std::unique_ptr<Store>> opened = GetParam().open(directory_);
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  std::string directory_;
  std::unique_ptr<Store> store_;
};

}  // namespace moeplan::server

#endif  // MOEPLAN_TESTS_CONFORMANCE_STORE_KINDS_H_
