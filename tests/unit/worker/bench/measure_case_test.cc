#include "worker/bench/measure_case.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/unit/worker/bench/fake_cases.h"

namespace moeplan::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

TEST(MeasureCaseTest, AHealthyDeviceGivesItsTime) {
  const Measurement measurement = Measured(FakeFault::kNone);
  ASSERT_EQ(measurement.disposition, Disposition::kPassed);
  // 2 * 512^3 FLOPs at 10 TFLOP/s, and 5 us.
  EXPECT_NEAR(measurement.timing->median_seconds, 31.8e-6, 0.1e-6);
  EXPECT_GE(measurement.timing->sample_count, kLeastSamples);
  EXPECT_EQ(measurement.backend, "fake");
  EXPECT_TRUE(measurement.executed_flops.has_value());
}

TEST(MeasureCaseTest, ABurstIdlesBeforeEachSample) {
  const auto device = Fake(FakeFault::kNone);
  RunnerOptions options;
  options.idle_seconds = 1;
  options.warm_up_seconds = 0;
  options.rule.least_seconds = 0;
  const double start = device->NowSeconds();
  const Measurement measurement = MeasureCase(*device, GemmCase(512), options);
  ASSERT_TRUE(measurement.timing.has_value());
  const double samples = static_cast<double>(measurement.timing->sample_count);
  EXPECT_GE(samples, kLeastSamples);
  EXPECT_NEAR(device->NowSeconds() - start, samples, 0.01 * samples);
}

TEST(MeasureCaseTest, APowerCapIsHowDevicesRun) {
  const auto device = Fake(FakeFault::kPowerCap);
  const Measurement measurement =
      MeasureCase(*device, GemmCase(512), RunnerOptions());
  ASSERT_EQ(measurement.disposition, Disposition::kPassed);
  EXPECT_NEAR(measurement.timing->median_seconds, 1.25 * 31.8e-6, 0.2e-6);
  EXPECT_THAT(device->Conditions().throttle_reasons, ElementsAre("SwPowerCap"));
}

TEST(MeasureCaseTest, SpoiltSamplesAreThrownAwayAndCounted) {
  const Measurement measurement = Measured(FakeFault::kSomeContention);
  ASSERT_EQ(measurement.disposition, Disposition::kPassed);
  EXPECT_GT(measurement.timing->discarded_count, 0);
}

TEST(MeasureCaseTest, NoiseWidensTheIntervalAndTakesMoreSamples) {
  const Measurement quiet = Measured(FakeFault::kNone);
  const Measurement noisy = Measured(FakeFault::kNoise);
  ASSERT_TRUE(noisy.timing.has_value());
  EXPECT_GT(noisy.timing->upper_seconds - noisy.timing->lower_seconds,
            quiet.timing->upper_seconds - quiet.timing->lower_seconds);
  EXPECT_NEAR(noisy.timing->median_seconds, quiet.timing->median_seconds,
              0.02 * quiet.timing->median_seconds);
}

TEST(MeasureCaseTest, DeniedCountersLeaveTheirFieldOut) {
  const auto device = Fake(FakeFault::kCountersDenied);
  const Measurement measurement =
      MeasureCase(*device, GemmCase(512), RunnerOptions());
  EXPECT_EQ(measurement.disposition, Disposition::kPassed);
  EXPECT_FALSE(measurement.executed_flops.has_value());
  EXPECT_THAT(device->CoverageGaps(), ElementsAre(HasSubstr("denied")));
}

TEST(MeasureCaseTest, WithoutADriverNothingIsOpened) {
  EXPECT_EQ(FakeDevice::Open({.fault = FakeFault::kNoDriver}).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace moeplan::worker
