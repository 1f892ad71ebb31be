#include "worker/bench/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "tests/unit/worker/bench/fake_cases.h"
#include "worker/bench/measure_case.h"

namespace moeplan::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

  double ShortestOf(const std::string& case_name) const {
    double seconds = std::numeric_limits<double>::infinity();
    for (const Measurement& one : measured_) {
      if (one.case_name != case_name) continue;
      seconds = std::min(seconds, one.timing->median_seconds);
    }
    return seconds;
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

TEST_F(RunTest, ARoundMoreTakesTheShorterTimeUntilTwoAgree) {
  options_.most_rounds = 9;
  const auto device = Fake(FakeFault::kNone);
  // As if others had been on the machine when it was measured first.
  Measurement slowed = MeasureCase(*device, cases_[0], options_);
  const double alone = slowed.timing->median_seconds;
  slowed.timing->median_seconds *= 1.5;
  measured_.clear();
  const int before = device->prepared_count();
  ASSERT_TRUE(Run(*device, {slowed}).ok());
  EXPECT_NEAR(ShortestOf(slowed.case_name), alone, 0.02 * alone);
  // Two cases at first, three again, the slowed one a third time; the ceiling.
  EXPECT_EQ(device->prepared_count() - before, 2 + 3 + 1 + 1);
  EXPECT_EQ(progress_.back().total, 7);
  EXPECT_EQ(progress_.back().done, 6);
}

TEST_F(RunTest, FurtherRoundsBeginWithTheCaseThatAgreesLeast) {
  options_.most_rounds = 3;
  const auto device = Fake(FakeFault::kNone);
  std::vector<Measurement> finished;
  for (const auto& [index, slowed] : {std::pair(0, 1.2), std::pair(2, 1.5)}) {
    finished.push_back(MeasureCase(*device, cases_[index], options_));
    finished.back().timing->median_seconds *= slowed;
  }
  ASSERT_TRUE(Run(*device, finished).ok());
  // Two whole rounds, and one of the two that others had slowed.
  ASSERT_EQ(progress_.size(), 8u);
  EXPECT_EQ(progress_[6].case_name, NameOf(cases_[2]));
  EXPECT_EQ(progress_[7].case_name, NameOf(cases_[0]));
}

TEST_F(RunTest, ARoundThatIsSlowerIsNotHandedOn) {
  options_.most_rounds = 4;
  const auto device = Fake(FakeFault::kNone);
  Measurement quicker = MeasureCase(*device, cases_[0], options_);
  quicker.timing->median_seconds /= 1.1;
  ASSERT_TRUE(Run(*device, {quicker}).ok());
  for (const Measurement& one : measured_) {
    EXPECT_NE(one.case_name, quicker.case_name);
  }
}

TEST_F(RunTest, WithoutANumberACaseIsNotMeasuredAgain) {
  options_.most_rounds = 2;
  const auto device = Fake(FakeFault::kEccError, "m64");
  ASSERT_TRUE(Run(*device).ok());
  EXPECT_EQ(device->prepared_count(), 3 + 2 + 1);
}

TEST_F(RunTest, RoundsThatTheTimeDoesNotSufficeForAreRemarked) {
  options_.most_rounds = 100;
  options_.round_agreement = 0;
  options_.most_total_seconds = 5;
  const auto device = Fake(FakeFault::kNone);
  const auto summary = Run(*device);
  ASSERT_TRUE(summary.ok());
  for (const Measurement& one : measured_) {
    EXPECT_EQ(one.disposition, Disposition::kPassed);
  }
  EXPECT_THAT(summary->remarks, ElementsAre(HasSubstr("used up")));
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
