#include "worker/device/cuda/cuda_case.h"

#include <cmath>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/cuda/fake_machine.h"
#include "worker/bench/measure_case.h"

namespace moeplan::worker {
namespace {

using ::testing::Contains;
using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;

TEST(CudaCaseTest, RunsTimedTogetherAreOneLaunch) {
  FakeMachine machine;
  machine.run_seconds = 5e-6;
  const auto device = *machine.Open();
  const auto prepared = *device->Prepare(CopyCase(kMiB));
  ASSERT_TRUE(prepared->CheckNumerics().ok());
  EXPECT_EQ(machine.cuda.graph_launches(), 0) << "the gate runs eagerly";
  const int64_t spins = machine.clock_kernels.spins();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(prepared->Time(500).ok());
  EXPECT_EQ(machine.cuda.graph_launches(), 4);
  EXPECT_EQ(machine.cuda.captures(), 1) << "captured once, replayed";
  EXPECT_EQ(machine.clock_kernels.spins() - spins, 4);
}

TEST(CudaCaseTest, AnEagerCaseIsTimedWithoutAGraph) {
  FakeMachine machine;
  machine.run_seconds = 20e-6;
  const auto device = *machine.Open();
  Case one = CopyCase(4 * kMiB);  // 16 sets
  one.backend = kEagerBackend;
  const auto prepared = *device->Prepare(one);
  EXPECT_EQ(prepared->backend(), "fake.eager");
  ASSERT_TRUE(prepared->CheckNumerics()->passed());
  ASSERT_TRUE(prepared->Time(8).ok());
  machine.enqueued.clear();
  for (int i = 0; i < 2; ++i) {
    const auto sample = prepared->Time(8);
    ASSERT_TRUE(sample.ok()) << sample.status();
    EXPECT_NEAR(sample->seconds, 20e-6, 1e-11);
    EXPECT_EQ(sample->fault, SampleFault::kNone);
  }
  EXPECT_EQ(machine.cuda.captures(), 0);
  EXPECT_EQ(
      std::set<int>(machine.enqueued.begin(), machine.enqueued.end()).size(),
      16u)
      << "each run is enqueued, by the sets in turn";
}

TEST(CudaCaseTest, AHostThatIsTooSlowForAnEagerCaseIsSaid) {
  FakeMachine machine;
  machine.run_seconds = 1e-6;
  machine.enqueue_seconds = 5e-6;
  const auto device = *machine.Open();
  Case one = CopyCase(kMiB);
  one.backend = kEagerBackend;
  const auto prepared = *device->Prepare(one);
  EXPECT_EQ(prepared->Time(100)->fault, SampleFault::kNone)
      << "500 us hide behind the spinning";
  EXPECT_EQ(prepared->Time(1000)->fault, SampleFault::kContended);
}

TEST(CudaCaseTest, RunsGoThroughTheSetsInTurn) {
  FakeMachine machine;
  const auto device = *machine.Open();
  const auto prepared = *device->Prepare(CopyCase(4 * kMiB));  // 16 sets
  // What was captured: each set once, whatever is timed together.
  for (const int64_t runs : {1, 4, 16}) {
    machine.enqueued.clear();
    for (int i = 0; i < 64; ++i) ASSERT_TRUE(prepared->Time(runs).ok());
    std::vector<int> order(16);
    for (int i = 0; i < 16; ++i) order[static_cast<size_t>(i)] = i;
    EXPECT_EQ(machine.enqueued, order) << runs;
  }
  // Of 5 each, three windows fit; 16 are run over and over in one of 40.
  machine.enqueued.clear();
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(prepared->Time(5).ok());
  EXPECT_EQ(machine.enqueued.size(), 15u);
  EXPECT_EQ(
      std::set<int>(machine.enqueued.begin(), machine.enqueued.end()).size(),
      15u);
  machine.enqueued.clear();
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(prepared->Time(40).ok());
  ASSERT_EQ(machine.enqueued.size(), 40u);
  EXPECT_EQ(machine.enqueued[15], 15);
  EXPECT_EQ(machine.enqueued[16], 0);
}

TEST(CudaCaseTest, ThePeakIsThatOfOneSet) {
  FakeMachine machine;
  const auto device = *machine.Open();
  const auto prepared = *device->Prepare(CopyCase(4 * kMiB));
  EXPECT_EQ(prepared->peak_memory_bytes(), 8 * kMiB);
}

TEST(CudaCaseTest, WhatTheDeviceHoldsBesideTheSetsIsToldAfterTheFirstRun) {
  FakeMachine machine;
  machine.cuda.other_bytes = 500 * kMiB;
  const auto device = *machine.Open();
  const auto prepared = *device->Prepare(CopyCase(4 * kMiB));  // 16 sets
  EXPECT_EQ(prepared->device_memory_bytes(), std::nullopt);
  machine.cuda.other_bytes = 600 * kMiB;
  ASSERT_TRUE(prepared->CheckNumerics().ok());
  ASSERT_TRUE(prepared->device_memory_bytes().has_value());
  EXPECT_EQ(*prepared->device_memory_bytes() / kMiB, 608);
}

TEST(CudaCaseTest, CountsBehindTheTimedRunsInConfirmedUnits) {
  FakeMachine machine;
  machine.has_cupti = true;
  machine.CountRun(0);  // so that the counters are there
  machine.run_seconds = 1e-2;
  const auto device = *machine.Open();
  const Measurement product =
      MeasureCase(*device, GemmCase(2048), RunnerOptions());
  ASSERT_EQ(product.disposition, Disposition::kPassed)
      << product.disposition_reason;
  EXPECT_THAT(product.executed_flops,
              Optional(DoubleNear(2 * std::pow(2048.0, 3), 1)));
  EXPECT_EQ(product.counted_moved_bytes, 1024);
  machine.hgmma_share = 0.75;
  const auto prepared = *device->Prepare(GemmCase(2048));
  prepared->Count();
  EXPECT_THAT(prepared->hgmma_share(), Optional(DoubleNear(0.75, 1e-9)));
  // A copy multiplies nothing.
  const Measurement copy =
      MeasureCase(*device, CopyCase(kMiB), RunnerOptions());
  EXPECT_EQ(copy.executed_flops, std::nullopt);
  EXPECT_EQ(copy.counted_moved_bytes, 1024);
  EXPECT_THAT(device->CoverageGaps(), Not(Contains(HasSubstr("counted"))));
}

TEST(CudaCaseTest, DeniedCountersAreAGapAndNoFailure) {
  FakeMachine machine;
  machine.has_cupti = true;
  machine.CountRun(0);
  machine.cupti.enable_result = CUPTI_ERROR_INSUFFICIENT_PRIVILEGES;
  const auto device = *machine.Open();
  const Measurement copy =
      MeasureCase(*device, CopyCase(kMiB), RunnerOptions());
  EXPECT_EQ(copy.disposition, Disposition::kPassed);
  EXPECT_EQ(copy.counted_moved_bytes, std::nullopt);
  EXPECT_THAT(device->CoverageGaps(), Contains(HasSubstr("(CUPTI error 35)")));
}

}  // namespace
}  // namespace moeplan::worker
