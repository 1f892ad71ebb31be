#include "core/calibration/measurement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "core/calibration/model_operations.h"

namespace moeplan {
namespace {

using ::testing::HasSubstr;

// 2e9 FLOP in 4 ms, half the peak.
Calibration Legal() {
  Timing timing;
  timing.median_seconds = 4e-3;
  timing.lower_seconds = 3.9e-3;
  timing.upper_seconds = 4.2e-3;
  timing.sample_count = 20;
  Measurement measurement;
  measurement.case_name = "gemm";
  measurement.operation = Gemm{.m = 1000, .n = 1000, .k = 1000};
  measurement.dtype = "bf16";
  measurement.disposition = Disposition::kPassed;
  measurement.timing = timing;
  Calibration calibration;
  calibration.device.product = "a device";
  calibration.device.multiprocessor_count = 2;
  calibration.device.memory_bytes = 1 << 30;
  calibration.peaks = {{.dtype = "bf16", .flops_per_second = 1e12}};
  calibration.measurements = {measurement};
  return calibration;
}

std::string Check(const Calibration& calibration) {
  Violations violations;
  CheckCalibration(calibration, violations);
  return std::string(violations.ToStatus().message());
}

TEST(MeasurementTest, ALegalCalibrationPasses) {
  EXPECT_EQ(Check(Legal()), "");
}

// Two experts of 2^39 rows each.
MoeBlock LargeBlock(int64_t expert_width) {
  return {.tokens = int64_t{1} << 40,
          .d_model = 1,
          .experts_per_token = 1,
          .expert_width = expert_width,
          .rows_per_expert = {int64_t{1} << 39, int64_t{1} << 39}};
}

// What a block's operations count never leaves 64 bits: the largest block that
// passes has them right, and one more element of width does not pass.
TEST(MeasurementTest, BlocksAreCountedWithoutOverflowUpToTheEdge) {
  Calibration calibration = Legal();
  calibration.peaks.clear();
  MoeBlock largest = LargeBlock(int64_t{1} << 20);
  largest.backward = true;
  calibration.measurements[0].operation = largest;
  EXPECT_EQ(Check(calibration), "");
  double most = 0;
  for (const RepeatedOperation& part : MoeBlockOperations(largest)) {
    if (const auto* copied = std::get_if<Elementwise>(&part.operation)) {
      most = static_cast<double>(copied->elements_read);
    }
  }
  EXPECT_EQ(most, 3 * 0x1p60);

  for (const int64_t width :
       {(int64_t{1} << 20) + 1, int64_t{1} << 23, int64_t{1} << 40}) {
    calibration.measurements[0].operation = LargeBlock(width);
    EXPECT_THAT(Check(calibration),
                HasSubstr("measurements[0].operation.expert_width"));
  }
}

TEST(MeasurementTest, RowsOfABlockAreThoseThatTheRouterSent) {
  Calibration calibration = Legal();
  MoeBlock block = LargeBlock(1);
  block.rows_per_expert[1] -= 1;
  calibration.measurements[0].operation = block;
  EXPECT_THAT(Check(calibration),
              HasSubstr("operation.rows_per_expert must sum to tokens"));
}

TEST(MeasurementTest, EachFaultIsNamedByItsField) {
  using Fault = std::function<void(Calibration&)>;
  const std::pair<std::string, Fault> faults[] = {
      {"device.product", [](auto& c) { c.device.product = ""; }},
      {"device.memory_bytes", [](auto& c) { c.device.memory_bytes = 0; }},
      {"measurements[0].dtype", [](auto& c) { c.measurements[0].dtype = "x"; }},
      {"measurements[0].case_name",
       [](auto& c) { c.measurements[0].case_name = ""; }},
      {"measurements[1].case_name must be unique",
       [](auto& c) { c.measurements.push_back(c.measurements[0]); }},
      {"measurements[0].operation.m",
       [](auto& c) {
         c.measurements[0].operation = Gemm{0, 1, 1};
       }},
      {"measurements[0].timing must be set",
       [](auto& c) { c.measurements[0].timing.reset(); }},
      {"measurements[0].timing must not be set",
       [](auto& c) {
         c.measurements[0].disposition = Disposition::kContended;
       }},
      {"measurements[0].timing.sample_count",
       [](auto& c) { c.measurements[0].timing->sample_count = 9; }},
      {"measurements[0].timing.upper_seconds",
       [](auto& c) { c.measurements[0].timing->upper_seconds = 3e-3; }},
      {"measurements[0].timing.median_seconds",
       [](auto& c) {
         c.measurements[0].timing->median_seconds =
             std::numeric_limits<double>::quiet_NaN();
       }},
      {"above the clock-true peak",
       [](auto& c) {
         c.measurements[0].timing->median_seconds = 1.9e-3;
         c.measurements[0].timing->lower_seconds = 1.8e-3;
       }},
      {"measurements[0].operation.rows_per_expert must give some expert a row",
       [](auto& c) {
         c.measurements[0].operation = GroupedGemm{{0, 0}, 8, 8};
       }},
      {"measurements must hold", [](auto& c) { c.measurements.clear(); }},
      {"measure_end_time", [](auto& c) { c.start_unix_micros = 1; }},
  };
  for (const auto& [said, fault] : faults) {
    Calibration calibration = Legal();
    fault(calibration);
    EXPECT_THAT(Check(calibration), HasSubstr(said));
  }
}

TEST(MeasurementTest, ARateWithinOnePercentOfThePeakIsTheClocksDoubt) {
  Calibration calibration = Legal();
  calibration.measurements[0].timing->median_seconds = 2e-3 / 1.009;
  calibration.measurements[0].timing->lower_seconds = 1.9e-3;
  EXPECT_EQ(Check(calibration), "");
}

}  // namespace
}  // namespace moeplan
