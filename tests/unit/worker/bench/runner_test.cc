#include "worker/bench/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "worker/bench/suite.h"
#include "worker/device/fake_device.h"

namespace moeplan::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Case GemmCase(int64_t size, bool is_ceiling = false) {
  return {.operation = Gemm{.m = size, .n = size, .k = size},
          .dtype = "f32",
          .is_ceiling = is_ceiling};
}

std::unique_ptr<FakeDevice> Fake(FakeFault fault, std::string case_text = "") {
  auto device =
      FakeDevice::Open({.fault = fault, .case_text = std::move(case_text)});
  EXPECT_TRUE(device.ok()) << device.status();
  return *std::move(device);
}

Measurement Measured(FakeFault fault) {
  return MeasureCase(*Fake(fault), GemmCase(512), RunnerOptions());
}

struct FaultCase {
  FakeFault fault;
  Disposition disposition;
  std::string reason;
};

class FaultTest : public testing::TestWithParam<FaultCase> {};

TEST_P(FaultTest, HasItsDispositionAndNoNumber) {
  const Measurement measurement = Measured(GetParam().fault);
  EXPECT_EQ(measurement.disposition, GetParam().disposition)
      << NameOf(measurement.disposition);
  EXPECT_FALSE(measurement.timing.has_value());
  EXPECT_FALSE(measurement.executed_flops.has_value() &&
               measurement.disposition != Disposition::kAbovePeak);
  EXPECT_THAT(measurement.disposition_reason, HasSubstr(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    All, FaultTest,
    testing::Values(
        FaultCase{FakeFault::kThermalSlowdown, Disposition::kNoSamples,
                  "slowdown"},
        FaultCase{FakeFault::kContention, Disposition::kContended, "others"},
        FaultCase{FakeFault::kOutOfMemory, Disposition::kFailed,
                  "out of memory"},
        FaultCase{FakeFault::kOutOfMemoryLater, Disposition::kFailed,
                  "out of memory"},
        FaultCase{FakeFault::kEccError, Disposition::kFailed, "memory error"},
        FaultCase{FakeFault::kDeviceLost, Disposition::kFailed, "bus"},
        FaultCase{FakeFault::kUnsupported, Disposition::kUnsupported,
                  "no kernel"},
        FaultCase{FakeFault::kWrongNumerics, Disposition::kIncorrect,
                  "output differs"},
        FaultCase{FakeFault::kNotFinite, Disposition::kIncorrect, "nan"},
        FaultCase{FakeFault::kAbovePeak, Disposition::kAbovePeak, "peak"}));

TEST(RunnerTest, AHealthyDeviceGivesItsTime) {
  const Measurement measurement = Measured(FakeFault::kNone);
  ASSERT_EQ(measurement.disposition, Disposition::kPassed);
  // 2 * 512^3 FLOPs at 10 TFLOP/s, and 5 us.
  EXPECT_NEAR(measurement.timing->median_seconds, 31.8e-6, 0.1e-6);
  EXPECT_GE(measurement.timing->sample_count, kLeastSamples);
  EXPECT_EQ(measurement.backend, "fake");
  EXPECT_TRUE(measurement.executed_flops.has_value());
}

TEST(RunnerTest, APowerCapIsHowDevicesRun) {
  const auto device = Fake(FakeFault::kPowerCap);
  const Measurement measurement =
      MeasureCase(*device, GemmCase(512), RunnerOptions());
  ASSERT_EQ(measurement.disposition, Disposition::kPassed);
  EXPECT_NEAR(measurement.timing->median_seconds, 1.25 * 31.8e-6, 0.2e-6);
  EXPECT_THAT(device->Conditions().throttle_reasons, ElementsAre("SwPowerCap"));
}

TEST(RunnerTest, SpoiltSamplesAreThrownAwayAndCounted) {
  const Measurement measurement = Measured(FakeFault::kSomeContention);
  ASSERT_EQ(measurement.disposition, Disposition::kPassed);
  EXPECT_GT(measurement.timing->discarded_count, 0);
}

TEST(RunnerTest, NoiseWidensTheIntervalAndTakesMoreSamples) {
  const Measurement quiet = Measured(FakeFault::kNone);
  const Measurement noisy = Measured(FakeFault::kNoise);
  ASSERT_TRUE(noisy.timing.has_value());
  EXPECT_GT(noisy.timing->upper_seconds - noisy.timing->lower_seconds,
            quiet.timing->upper_seconds - quiet.timing->lower_seconds);
  EXPECT_NEAR(noisy.timing->median_seconds, quiet.timing->median_seconds,
              0.02 * quiet.timing->median_seconds);
}

TEST(RunnerTest, DeniedCountersLeaveTheirFieldOut) {
  const auto device = Fake(FakeFault::kCountersDenied);
  const Measurement measurement =
      MeasureCase(*device, GemmCase(512), RunnerOptions());
  EXPECT_EQ(measurement.disposition, Disposition::kPassed);
  EXPECT_FALSE(measurement.executed_flops.has_value());
  EXPECT_THAT(device->CoverageGaps(), ElementsAre(HasSubstr("denied")));
}

TEST(RunnerTest, WithoutADriverNothingIsOpened) {
  EXPECT_EQ(FakeDevice::Open({.fault = FakeFault::kNoDriver}).status().code(),
            absl::StatusCode::kUnavailable);
}

// Runs of several cases.
class RunTest : public testing::Test {
 protected:
  absl::StatusOr<RunSummary> Run(
      Device& device, const std::vector<Measurement>& finished = {}) {
    RunHandlers handlers;
    handlers.on_measured = [this](const Measurement& one) {
      measured_.push_back(one);
      return on_measured_;
    };
    handlers.on_progress = [this](const RunProgress& progress) {
      progress_.push_back(progress);
    };
    return RunCases(device, cases_, finished, options_, handlers);
  }

  std::vector<std::string> MeasuredNames() const {
    std::vector<std::string> names;
    for (const Measurement& one : measured_) names.push_back(one.case_name);
    return names;
  }

  std::vector<Case> cases_ = {GemmCase(64), GemmCase(512, true), GemmCase(128)};
  RunnerOptions options_;
  absl::Status on_measured_;
  std::vector<Measurement> measured_;
  std::vector<RunProgress> progress_;
};

TEST_F(RunTest, CeilingsComeFirstAndOnceMoreAtTheEnd) {
  const auto device = Fake(FakeFault::kNone);
  const auto summary = Run(*device);
  ASSERT_TRUE(summary.ok());
  EXPECT_THAT(MeasuredNames(),
              ElementsAre("gemm_m512_n512_k512_f32", "gemm_m64_n64_k64_f32",
                          "gemm_m128_n128_k128_f32"));
  EXPECT_EQ(device->prepared_count(), 4);
  EXPECT_NEAR(summary->ceiling_ratio, 1, 0.01);
  EXPECT_THAT(summary->remarks, IsEmpty());
}

TEST_F(RunTest, ACeilingThatDriftsIsRemarked) {
  const auto device = Fake(FakeFault::kNone);
  // As if the ceiling had been faster when the run began.
  const Measurement first = MeasureCase(*device, cases_[1], options_);
  Measurement faster = first;
  faster.timing->median_seconds /= 1.1;
  const auto summary = Run(*device, {faster});
  ASSERT_TRUE(summary.ok());
  EXPECT_NEAR(summary->ceiling_ratio, 1.1, 0.01);
  EXPECT_THAT(summary->remarks, ElementsAre(HasSubstr("drifted")));
}

TEST_F(RunTest, FinishedCasesAreNotRunAgain) {
  const auto device = Fake(FakeFault::kNone);
  ASSERT_TRUE(Run(*device).ok());
  const std::vector<Measurement> all = measured_;
  measured_.clear();
  const auto again = Fake(FakeFault::kNone);
  ASSERT_TRUE(Run(*again, {all[0], all[1]}).ok());
  EXPECT_THAT(MeasuredNames(), ElementsAre("gemm_m128_n128_k128_f32"));
  EXPECT_EQ(progress_.back().total, 3);
}

TEST_F(RunTest, AFaultOfOneCaseLeavesTheOthersAlone) {
  const auto device = Fake(FakeFault::kEccError, "m64");
  ASSERT_TRUE(Run(*device).ok());
  ASSERT_EQ(measured_.size(), 3u);
  EXPECT_EQ(measured_[0].disposition, Disposition::kPassed);
  EXPECT_EQ(measured_[1].disposition, Disposition::kFailed);
  EXPECT_EQ(measured_[2].disposition, Disposition::kPassed);
}

TEST_F(RunTest, ALostDeviceEndsTheRunWithWhatThereIs) {
  const auto device = Fake(FakeFault::kDeviceLost, "m64");
  EXPECT_EQ(Run(*device).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(measured_.size(), 2u);
}

TEST_F(RunTest, WhatTheTimeDoesNotSufficeForIsSkipped) {
  options_.most_total_seconds = 0.5;
  const auto device = Fake(FakeFault::kNone);
  ASSERT_TRUE(Run(*device).ok());
  EXPECT_EQ(measured_[0].disposition, Disposition::kPassed);
  EXPECT_EQ(measured_[2].disposition, Disposition::kSkipped);
  EXPECT_THAT(measured_[2].disposition_reason, HasSubstr("used up"));
}

TEST_F(RunTest, AnInterruptedRunKeepsWhatItHas) {
  Interrupter interrupter;
  options_.interrupter = &interrupter;
  interrupter.Interrupt();
  const auto device = Fake(FakeFault::kNone);
  EXPECT_EQ(Run(*device).status().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(measured_, IsEmpty());
}

TEST_F(RunTest, AMeasurementThatCannotBeKeptEndsTheRun) {
  on_measured_ = absl::UnavailableError("disk full");
  const auto device = Fake(FakeFault::kNone);
  EXPECT_EQ(Run(*device).status().message(), "disk full");
  EXPECT_EQ(measured_.size(), 1u);
}

TEST_F(RunTest, ProgressCountsDownTheTimeLeft) {
  const auto device = Fake(FakeFault::kNone);
  ASSERT_TRUE(Run(*device).ok());
  ASSERT_EQ(progress_.size(), 3u);
  EXPECT_EQ(progress_[0].done, 0);
  EXPECT_EQ(progress_[2].done, 2);
  EXPECT_GT(progress_[0].seconds_left, progress_[2].seconds_left);
}

}  // namespace
}  // namespace moeplan::worker
