#include "worker/device/cuda/counters.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/cuda/fake_cupti.h"

namespace moeplan::worker {
namespace {

using ::testing::HasSubstr;

constexpr char kTensor[] = "sm__ops_path_tensor_src_bf16_dst_fp32.sum";
constexpr char kHgmma[] = "sm__ops_path_tensor_op_hgmma_src_bf16_dst_fp32.sum";
constexpr char kRead[] = "dram__bytes_read.sum";
constexpr char kWritten[] = "dram__bytes_write.sum";

// The chip's tables are those of the library itself.
class ChipTableTest : public ::testing::Test {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "CUPTI loads a library with RTLD_DEEPBIND, which the "
                    "sanitizers end the process for";
#endif
    if (!calls_.ok()) GTEST_SKIP() << calls_.status();
  }
  const absl::StatusOr<CuptiCalls> calls_ = LoadCuptiCalls();
};

TEST_F(ChipTableTest, HopperHasTheCountersInFewPasses) {
  const std::pair<NumberFormat, int> kMostPasses[] = {{NumberFormat::kBf16, 1},
                                                      {NumberFormat::kE4m3, 1},
                                                      {NumberFormat::kF32, 2}};
  for (const auto& [format, most] : kMostPasses) {
    const auto passes =
        CounterPasses(*calls_, "GH100", CounterMetrics(format, "GH100"));
    ASSERT_TRUE(passes.ok()) << passes.status();
    EXPECT_LE(*passes, most);
  }
}

TEST_F(ChipTableTest, OnlyHopperTellsWhatRanByHgmma) {
  for (const char* chip : {"GA100", "AD102", "GB100"}) {
    const auto own = CounterMetrics(NumberFormat::kBf16, chip);
    EXPECT_TRUE(CounterPasses(*calls_, chip, own).ok()) << chip;
    EXPECT_TRUE(absl::IsInvalidArgument(
        CounterPasses(*calls_, chip,
                      CounterMetrics(NumberFormat::kBf16, "GH100"))
            .status()))
        << chip;
  }
}

TEST_F(ChipTableTest, WhatNobodyKnowsIsRefused) {
  EXPECT_TRUE(absl::IsInvalidArgument(
      CounterPasses(*calls_, "GX999", {kRead}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      CounterPasses(*calls_, "GH100", {"sm__wishes.sum"}).status()));
}

class CountersTest : public ::testing::Test {
 protected:
  CountersTest() {
    for (const NumberFormat format :
         {NumberFormat::kBf16, NumberFormat::kF32}) {
      for (const char* metric : CounterMetrics(format, "GH100")) {
        cupti_.counters[metric] = 1e6;
      }
    }
  }

  absl::Status Run() {
    ++runs_;
    cupti_.counters[kTensor] += 4096;
    cupti_.counters[kHgmma] += 3072;
    cupti_.counters[kRead] += 300;
    cupti_.counters[kWritten] += 50;
    cupti_.counters["smsp__sass_thread_inst_executed_op_ffma_pred_on.sum"] +=
        100;
    cupti_.counters["smsp__sass_thread_inst_executed_op_fadd_pred_on.sum"] += 7;
    cupti_.counters["smsp__sass_thread_inst_executed_op_fmul_pred_on.sum"] += 3;
    return ran_;
  }

  FakeCupti cupti_;
  Counters counters_{cupti_.calls, 0};
  int runs_ = 0;
  absl::Status ran_;
};

TEST_F(CountersTest, CountsOneRunOfWhatTensorCoresDo) {
  const auto reading =
      counters_.Count(NumberFormat::kBf16, [this] { return Run(); });
  ASSERT_TRUE(reading.ok()) << reading.status();
  EXPECT_EQ(reading->operations, 4096);
  EXPECT_EQ(reading->hgmma_operations, 3072);
  EXPECT_EQ(reading->moved_bytes, 350);
  EXPECT_EQ(runs_, 1);
  EXPECT_FALSE(cupti_.is_enabled()) << "it slows down what is timed next";
  EXPECT_EQ(cupti_.hosts(), 0);
}

TEST_F(CountersTest, AChipWithoutHgmmaIsCountedWithoutIt) {
  cupti_.chip = "GB100";
  cupti_.counters.erase(kHgmma);
  const auto reading =
      counters_.Count(NumberFormat::kBf16, [this] { return Run(); });
  ASSERT_TRUE(reading.ok()) << reading.status();
  EXPECT_EQ(reading->operations, 4096);
  EXPECT_EQ(reading->hgmma_operations, std::nullopt);
  EXPECT_EQ(reading->moved_bytes, 350);
}

TEST_F(CountersTest, OperationsInFp8HaveACounterOfTheirOwn) {
  cupti_.counters["sm__ops_path_tensor_src_fp8.sum"] = 5;
  const auto reading = counters_.Count(NumberFormat::kE4m3, [this] {
    cupti_.counters["sm__ops_path_tensor_src_fp8.sum"] += 64;
    return Run();
  });
  ASSERT_TRUE(reading.ok()) << reading.status();
  EXPECT_EQ(reading->operations, 64);
  EXPECT_EQ(reading->hgmma_operations, std::nullopt);
  EXPECT_EQ(reading->moved_bytes, 350);
}

TEST_F(CountersTest, AMultiplyAddIsTwo) {
  const auto reading =
      counters_.Count(NumberFormat::kF32, [this] { return Run(); });
  ASSERT_TRUE(reading.ok()) << reading.status();
  EXPECT_EQ(reading->operations, 2 * 100 + 7 + 3);
}

TEST_F(CountersTest, RunsOnceForEachPass) {
  cupti_.passes = 3;
  const auto reading =
      counters_.Count(NumberFormat::kBf16, [this] { return Run(); });
  ASSERT_TRUE(reading.ok()) << reading.status();
  EXPECT_EQ(reading->operations, 4096);
  EXPECT_EQ(runs_, 3);
}

TEST_F(CountersTest, AProfilerThatIsNeverDoneIsGivenUp) {
  cupti_.passes = 1000;
  EXPECT_TRUE(absl::IsInternal(
      counters_.Count(NumberFormat::kBf16, [this] { return Run(); }).status()));
  EXPECT_LT(runs_, 100);
  EXPECT_FALSE(cupti_.is_enabled());
}

TEST_F(CountersTest, EachDenialHasItsCode) {
  cupti_.enable_result = CUPTI_ERROR_INSUFFICIENT_PRIVILEGES;
  absl::Status status =
      counters_.Count(NumberFormat::kBf16, [this] { return Run(); }).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("(CUPTI error 35)"));
  for (const CUptiResult result :
       {CUPTI_ERROR_VIRTUALIZED_DEVICE_INSUFFICIENT_PRIVILEGES,
        CUPTI_ERROR_CONFIDENTIAL_COMPUTING_NOT_SUPPORTED,
        CUPTI_ERROR_MIG_DEVICE_NOT_SUPPORTED}) {
    cupti_.enable_result = result;
    status =
        counters_.Count(NumberFormat::kBf16, [this] { return Run(); }).status();
    EXPECT_TRUE(absl::IsUnimplemented(status)) << status;
  }
  cupti_.enable_result = CUPTI_ERROR_UNKNOWN;
  status =
      counters_.Count(NumberFormat::kBf16, [this] { return Run(); }).status();
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("(CUPTI error 999)"));
  EXPECT_EQ(runs_, 0);
  EXPECT_EQ(cupti_.hosts(), 0);
}

TEST_F(CountersTest, ARunThatFailsIsItsOwnErrorAndCountingEnds) {
  ran_ = absl::UnavailableError("lost");
  const absl::Status status =
      counters_.Count(NumberFormat::kBf16, [this] { return Run(); }).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_FALSE(cupti_.is_enabled());
}

TEST_F(CountersTest, WithoutAContextNothingIsCounted) {
  cupti_.has_context = false;
  EXPECT_TRUE(absl::IsInternal(
      counters_.Count(NumberFormat::kBf16, [this] { return Run(); }).status()));
}

}  // namespace
}  // namespace moeplan::worker
