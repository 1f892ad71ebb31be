// What the planner asks of the catalog of calibrations.

#include "server/services/calibration_catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/convert/calibration_convert.h"
#include "server/rpc/status.h"
#include "server/store/memory_store.h"
#include "tests/testing/made_up_calibration.h"

namespace moeplan::server {
namespace {

using ::moeplan::testing::MadeUpCalibration;
using ::moeplan::testing::MadeUpDevice;
using ::moeplan::testing::MadeUpMeasurement;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::UnorderedElementsAre;

const absl::Time kStart = absl::FromUnixMillis(1700000000000);

class CalibrationCatalogTest : public ::testing::Test {
 protected:
  void SetUp() override { Load(); }

  void Load(const CalibrationLimits& limits = {}) {
    auto loaded = CalibrationCatalog::Load(*store_, limits);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    catalog_ = *std::move(loaded);
  }

  // Created `seconds` after the start, in bf16.
  void Create(const std::string& id, const std::string& product, int seconds,
              MeasuringRegime regime = MeasuringRegime::kSustained) {
    Calibration calibration = MadeUpDevice();
    calibration.device.product = product;
    calibration.conditions.regime = regime;
    calibration.measurements = {MadeUpMeasurement(Copy{4096})};
    Store(id, calibration, kStart + absl::Seconds(seconds));
  }
  void Store(const std::string& id, const Calibration& calibration,
             absl::Time now) {
    const absl::Status status =
        catalog_
            ->Create({}, id, calibration, EncodeStoredCalibration(calibration),
                     "", now)
            .status();
    ASSERT_TRUE(status.ok()) << status;
  }

  // Of device x, with one measurement.
  absl::StatusOr<WriteOutcome> TryCreate(const std::string& id,
                                         const Idempotency& idempotency) {
    Calibration calibration = MadeUpDevice();
    calibration.device.product = "x";
    calibration.measurements = {MadeUpMeasurement(Copy{4096})};
    return catalog_->Create(idempotency, id, calibration,
                            EncodeStoredCalibration(calibration), "",
                            kStart + absl::Seconds(10));
  }

  std::string Newest(const std::string& product,
                     const std::string& dtype = "bf16") {
    const auto found = catalog_->Newest(product, dtype);
    return found.ok() ? (*found)->id() : found.status().ToString();
  }

  const std::unique_ptr<server::Store> store_ = NewMemoryStore();
  std::unique_ptr<CalibrationCatalog> catalog_;
};

TEST_F(CalibrationCatalogTest, NewestIsOfThatProductAndSustained) {
  Create("old", "NVIDIA H200", 0);
  Create("new", "NVIDIA H200", 2);
  Create("between", "NVIDIA H200", 1);
  Create("other", "NVIDIA H200 NVL", 3);
  Create("fresh", "NVIDIA H200", 4, MeasuringRegime::kBurst);
  EXPECT_EQ(Newest("nvidia h200"), "new");
  EXPECT_EQ(Newest("NVIDIA H200 NVL"), "other");
  EXPECT_THAT(Newest("NVIDIA"), HasSubstr("NOT_FOUND"));
  EXPECT_THAT(Newest("NVIDIA H200", "fp8"), HasSubstr("NOT_FOUND"));
  ASSERT_TRUE(catalog_->Delete({}, "new").ok());
  EXPECT_EQ(Newest("NVIDIA H200"), "between");
}

TEST_F(CalibrationCatalogTest, WhatAReaderHoldsOutlivesItsDeletion) {
  Create("mine", "x", 0);
  const auto held = catalog_->Find("mine");
  ASSERT_TRUE(held.ok());
  ASSERT_TRUE(catalog_->Delete({}, "mine").ok());
  EXPECT_EQ(catalog_->Find("mine").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ((*held)->name(), "calibrations/mine");
  EXPECT_EQ((*held)->facts().product, "x");
  EXPECT_EQ((*held)->Read().status().code(), absl::StatusCode::kNotFound);
}

TEST_F(CalibrationCatalogTest, ReloadingChangesNothing) {
  const Calibration calibration = MadeUpCalibration();
  Store("mine", calibration, kStart + absl::Microseconds(1234));
  const CalibrationPointer before = *catalog_->Find("mine");
  Load();
  const CalibrationPointer after = *catalog_->Find("mine");
  const auto read = after->Read();
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, calibration);
  EXPECT_EQ(after->facts().dtypes, before->facts().dtypes);
  EXPECT_EQ(after->facts().stored_bytes, before->facts().stored_bytes);
  EXPECT_EQ(after->checksum(), before->checksum());
  EXPECT_EQ(after->create_time(), before->create_time());
}

TEST_F(CalibrationCatalogTest, OneThatCannotBeReadIsQuarantinedAlone) {
  Create("mine", "x", 0);
  StoredCalibration garbage;
  garbage.summary.id = "garbage";
  garbage.summary.checksum = "c0";
  garbage.summary.product = "x";
  garbage.summary.dtypes = {"bf16"};
  garbage.payload = "\xff\xff";
  garbage.summary.create_time = kStart + absl::Seconds(9);
  ASSERT_TRUE(store_->CreateCalibration({}, garbage, "").ok());
  Load();
  EXPECT_EQ(catalog_->Find("garbage").status().code(),
            absl::StatusCode::kDataLoss);
  EXPECT_THAT(catalog_->Quarantined(), UnorderedElementsAre(Key("garbage")));
  EXPECT_EQ(Newest("x"), "mine");
}

TEST_F(CalibrationCatalogTest, AModelIsFittedOnceAndNamesTheFormatItTook) {
  Store("mine", MadeUpCalibration(), kStart);
  const CalibrationPointer mine = *catalog_->Find("mine");
  const auto model = mine->TimeModelOf("", nullptr);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->dtype(), "bf16");
  EXPECT_GT((*model)->Predict(Gemm{512, 512, 512}).seconds, 0);
  EXPECT_EQ(*mine->TimeModelOf("bf16", nullptr), *model);
}

TEST_F(CalibrationCatalogTest, AnInterruptedQuestionIsCancelled) {
  Store("mine", MadeUpCalibration(), kStart);
  const CalibrationPointer mine = *catalog_->Find("mine");
  Interrupter interrupter;
  interrupter.Interrupt();
  EXPECT_TRUE(
      absl::IsCancelled(mine->TimeModelOf("bf16", &interrupter).status()));
  EXPECT_TRUE(mine->TimeModelOf("bf16", nullptr).ok());
}

TEST_F(CalibrationCatalogTest, MoreCalibrationsThanTheLimitAreRefused) {
  Load({.most_calibrations = 2});
  Create("a", "x", 0);
  Create("b", "x", 1);
  const auto refused = TryCreate("c", {});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrorReason(refused.status()), "QUOTA_EXCEEDED");
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("calibrations must be at most 2 on this server "
                        "(--max-calibrations); delete some first; got 3"));
  EXPECT_EQ(catalog_->size(), 2u);
  ASSERT_TRUE(catalog_->Delete({}, "a").ok());
  EXPECT_TRUE(TryCreate("c", {}).ok());
}

TEST_F(CalibrationCatalogTest, MoreBytesThanTheLimitAreRefused) {
  Create("a", "x", 0);
  const int64_t bytes = (*catalog_->Find("a"))->facts().stored_bytes;
  ASSERT_GT(bytes, 0);
  Load({.most_bytes = 2 * bytes});
  EXPECT_TRUE(TryCreate("b", {}).ok());
  const auto refused = TryCreate("c", {});
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr(absl::StrCat("got ", 3 * bytes)));
}

TEST_F(CalibrationCatalogTest, ARepeatedCreateIsAnsweredThoughAllIsFull) {
  Load({.most_calibrations = 1});
  const Idempotency idempotency = {"5c1a9a5e-6a9e-4f0e-9d5b-3f6b6f1f7c11",
                                   "body"};
  ASSERT_TRUE(TryCreate("a", idempotency).ok());
  const auto again = TryCreate("a", idempotency);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->replayed);
}

TEST_F(CalibrationCatalogTest, FormatWithoutModelIsAFailedPrecondition) {
  Create("mine", "x", 0);
  const CalibrationPointer mine = *catalog_->Find("mine");
  for (const char* dtype : {"bf16", "f32"}) {
    const absl::Status status = mine->TimeModelOf(dtype, nullptr).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("calibrations/mine"));
    EXPECT_THAT(std::string(status.message()), HasSubstr(dtype));
  }
}

}  // namespace
}  // namespace moeplan::server
