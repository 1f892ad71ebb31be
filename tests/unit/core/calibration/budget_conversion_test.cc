#include "core/calibration/budget_conversion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "core/arch/law_conventions.h"
#include "core/arch/param_count.h"
#include "tests/unit/core/calibration/tiled_device.h"

namespace moeplan {
namespace {

ModelShape Shape() {
  return *JointReferenceShape(/*d_model=*/512, /*blocks=*/8, /*heads=*/8,
                              /*expansion_rate=*/8);
}

DeviceTimeRate Rate(double noise, const TrainingRunSetup& setup,
                    double goodput) {
  auto rate =
      DeviceTimeRateOf(Fit(CalibrationBy(TiledSeconds, noise)), Shape(), setup,
                       CountJoint(Shape()).TrainFlopsPerToken(), goodput);
  EXPECT_TRUE(rate.ok()) << rate.status();
  return *std::move(rate);
}

const TrainingRunSetup kSetup = {.sequence_tokens = 1024, .device_count = 3};

TEST(BudgetConversionTest, HoursAndFlopsGoRoundToTheLastDigits) {
  const DeviceTimeRate rate = Rate(0.01, kSetup, 0.9);
  for (const double hours : {1e-6, 1.0, 12345.678, 1e12}) {
    EXPECT_NEAR(
        rate.DeviceHoursOfFlops(rate.TrainFlopsOf(hours).value).value / hours,
        1, 1e-12);
    EXPECT_NEAR(rate.DeviceHoursOf(rate.TokensOf(hours).value).value / hours, 1,
                1e-12);
  }
}

TEST(BudgetConversionTest, AnHourOfEachDeviceTrainsAnHoursTokens) {
  const DeviceTimeRate rate = Rate(0, kSetup, 1);
  const auto step =
      TrainingStepTime(Fit(CalibrationBy(TiledSeconds)), Shape(), kSetup);
  ASSERT_TRUE(step.ok());
  // 3 device-hours on 3 devices are one hour of steps.
  EXPECT_NEAR(rate.TokensOf(3).value / (3600 / step->seconds * step->tokens), 1,
              1e-12);
  EXPECT_NEAR(Rate(0, kSetup, 0.5).TokensOf(3).value / rate.TokensOf(3).value,
              0.5, 1e-12);
}

TEST(BudgetConversionTest, NoisyMeasurementsWidenTheInterval) {
  const DeviceTimeRate quiet = Rate(0.0, kSetup, 1);
  const DeviceTimeRate noisy = Rate(0.2, kSetup, 1);
  ASSERT_TRUE(quiet.log_half_width.has_value());
  ASSERT_TRUE(noisy.log_half_width.has_value());
  EXPECT_GT(*noisy.log_half_width, *quiet.log_half_width);
  const EstimatedAmount tokens = noisy.TokensOf(1);
  EXPECT_NEAR(std::log(*tokens.upper / tokens.value), *noisy.log_half_width,
              1e-12);
  EXPECT_NEAR(std::log(tokens.value / *tokens.lower), *noisy.log_half_width,
              1e-12);
}

TEST(BudgetConversionTest, TooFewShapesGiveNoInterval) {
  Calibration calibration = CalibrationBy(TiledSeconds);
  std::vector<Measurement> few;
  for (const Measurement& each : calibration.measurements) {
    if (KindOf(each.operation) != OperationKind::kGemm || few.size() < 6) {
      few.push_back(each);
    }
  }
  calibration.measurements = few;
  const auto rate = DeviceTimeRateOf(Fit(calibration), Shape(), kSetup, 1e9, 1);
  ASSERT_TRUE(rate.ok()) << rate.status();
  EXPECT_FALSE(rate->log_half_width.has_value());
  EXPECT_FALSE(rate->TokensOf(1).lower.has_value());
}

TEST(BudgetConversionTest, BytesAndParamsGoRoundAndMeetTheModel) {
  TrainingMemorySetup setup;
  setup.sequence_tokens = 1024;
  const auto line = TrainingBytesLineOf(Shape(), setup);
  ASSERT_TRUE(line.ok()) << line.status();
  const double params =
      static_cast<double>(SumParams(CountParams(Shape()).total, kEveryParam));
  EXPECT_NEAR(
      line->BytesOf(params) /
          static_cast<double>(TrainingMemoryOf(Shape(), setup)->TotalBytes()),
      1, 1e-12);
  EXPECT_NEAR(line->ParamsOf(line->BytesOf(3e9)) / 3e9, 1, 1e-12);
  EXPECT_EQ(line->ParamsOf(1), 0);
  // bf16 weights and gradients, 12 bytes of AdamW.
  EXPECT_NEAR(line->bytes_per_param, 16, 1e-6);
}

TEST(BudgetConversionTest, BadGoodputIsNamed) {
  const auto rate = DeviceTimeRateOf(Fit(CalibrationBy(TiledSeconds)), Shape(),
                                     kSetup, 1e9, 1.5);
  EXPECT_THAT(std::string(rate.status().message()),
              ::testing::HasSubstr("goodput"));
}

}  // namespace
}  // namespace moeplan
