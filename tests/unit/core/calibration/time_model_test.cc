#include "core/calibration/time_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "core/calibration/model_operations.h"
#include "tests/unit/core/calibration/tiled_device.h"

namespace moeplan {
namespace {

using ::testing::HasSubstr;
TEST(TimeModelTest, HeldOutShapesOfATiledDeviceAreWithinTheTarget) {
  const TimeModel model = Fit(CalibrationBy(TiledSeconds, 0.01));
  for (const OperationFit& fit : model.fits()) {
    std::printf("%s: %d measured", fit.operation_class.c_str(),
                fit.measurement_count);
    if (fit.held_out_mean_error.has_value()) {
      std::printf(", held out: median %.1f %%, mean %.1f %%, worst %.1f %%",
                  100 * *fit.held_out_median_error,
                  100 * *fit.held_out_mean_error,
                  100 * *fit.held_out_worst_error);
      EXPECT_LE(*fit.held_out_median_error, 0.10) << fit.operation_class;
    }
    std::printf("\n");
  }
  EXPECT_EQ(model.fits().size(), 5u);
}

// Other shapes than any that was fitted, and a histogram with a hot expert.
TEST(TimeModelTest, PredictsShapesAndHistogramsThatWereNotMeasured) {
  const TimeModel model = Fit(CalibrationBy(TiledSeconds));
  std::vector<int64_t> hot(16, 30);
  hot[3] = 1600;
  const Operation operations[] = {
      Gemm{2048, 2048, 2048}, Gemm{500, 1500, 700},
      GroupedGemm{.rows_per_expert = hot, .in_width = 512, .out_width = 1024},
      GroupedGemm{.rows_per_expert = std::vector<int64_t>(32, 100),
                  .in_width = 512,
                  .out_width = 256},
      Copy{10000000}};
  for (const Operation& operation : operations) {
    const PredictedTime time = model.Predict(operation);
    // The worst single shape that the reference admits (section 5.6).
    EXPECT_NEAR(time.seconds / TiledSeconds(operation), 1, 0.20)
        << DescribeOperation(operation);
    EXPECT_EQ(time.extrapolation_decades, 0) << DescribeOperation(operation);
  }
}

TEST(TimeModelTest, MoreWorkTakesLonger) {
  const TimeModel model = Fit(CalibrationBy(TiledSeconds, 0.02));
  double last = 0;
  for (const int64_t rows : {1, 10, 100, 1000, 10000}) {
    const double seconds =
        model
            .Predict(GroupedGemm{.rows_per_expert = {rows, rows},
                                 .in_width = 512,
                                 .out_width = 512})
            .seconds;
    EXPECT_GT(seconds, last);
    last = seconds;
  }
}

// A bound such as one dense product for all experts is measured behind the
// route that frameworks take, and is no second sample of it.
TEST(TimeModelTest, OtherBackendsOfAShapeDoNotMoveItsTime) {
  Calibration calibration = CalibrationBy(TiledSeconds);
  const GroupedGemm shape = {.rows_per_expert = std::vector<int64_t>(16, 200),
                             .in_width = 512,
                             .out_width = 512};
  const double alone = Fit(calibration).Predict(shape).seconds;
  const std::vector<Measurement> primary = calibration.measurements;
  for (Measurement bound : primary) {
    if (KindOf(bound.operation) != OperationKind::kGroupedGemm) continue;
    bound.case_name += "_bound";
    bound.backend = "bound";
    bound.timing->median_seconds /= 3;
    calibration.measurements.push_back(bound);
  }
  ASSERT_GT(calibration.measurements.size(), primary.size());
  EXPECT_EQ(Fit(calibration).Predict(shape).seconds, alone);
}

TEST(TimeModelTest, WhatWasNotMeasuredIsAnsweredByItsKinAndSaysSo) {
  const TimeModel model = Fit(CalibrationBy(TiledSeconds));
  const PredictedTime optimizer = model.Predict(OptimizerStep{1000000});
  EXPECT_EQ(optimizer.operation_class, "elementwise");
  EXPECT_GT(optimizer.seconds, 28e6 / 5e11);
  const PredictedTime gradient =
      model.Predict(GroupedGemm{.rows_per_expert = {64},
                                .in_width = 64,
                                .out_width = 64,
                                .pass = GemmPass::kWeightGradient});
  EXPECT_EQ(gradient.operation_class, "grouped_gemm.forward");
  EXPECT_EQ(model.Predict(Launch{}).seconds, 0);
}

TEST(TimeModelTest, WorkBeyondWhatWasMeasuredIsFlaggedInDecades) {
  const TimeModel model = Fit(CalibrationBy(TiledSeconds));
  EXPECT_NEAR(model.Predict(Copy{int64_t{10} << 28}).extrapolation_decades, 1,
              1e-12);
}

TEST(TimeModelTest, BlocksSayWhatSequenceCosts) {
  Calibration calibration = CalibrationBy(TiledSeconds);
  for (const bool backward : {false, true}) {
    const MoeBlock block = {.tokens = 1024,
                            .d_model = 512,
                            .experts_per_token = 2,
                            .expert_width = 512,
                            .rows_per_expert = BalancedRows(1024, 16, 2),
                            .backward = backward};
    double sum = 0;
    const TimeModel model = Fit(calibration);
    for (const RepeatedOperation& part : MoeBlockOperations(block)) {
      sum += part.count * model.Predict(part.operation).seconds;
    }
    calibration.measurements.push_back(Measure(block, 1.1 * sum));
    Measurement eager = calibration.measurements.back();
    eager.case_name += "_eager";
    eager.backend = "eager";
    eager.timing->median_seconds *= 2;
    calibration.measurements.push_back(eager);
  }
  const TimeModel model = Fit(calibration);
  EXPECT_EQ(model.block_count(), 2);
  EXPECT_NEAR(model.block_ratio(), 1.1, 1e-9);
}

TEST(TimeModelTest, WithoutAProductOrACopyThereIsNoModel) {
  Calibration calibration = CalibrationBy(TiledSeconds);
  EXPECT_THAT(
      std::string(TimeModel::Fit(calibration, "f32").status().message()),
      HasSubstr("no passed measurement in f32"));
  for (Measurement& measurement : calibration.measurements) {
    if (KindOf(measurement.operation) != OperationKind::kGemm) continue;
    measurement.disposition = Disposition::kIncorrect;
    measurement.timing.reset();
  }
  EXPECT_EQ(TimeModel::Fit(calibration, "bf16").status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(TimeModelTest, ABurstIsNeverPlannedWith) {
  Calibration calibration = CalibrationBy(TiledSeconds);
  ASSERT_TRUE(TimeModel::Fit(calibration, "bf16").ok());
  calibration.conditions.regime = MeasuringRegime::kBurst;
  EXPECT_EQ(TimeModel::Fit(calibration, "bf16").status().code(),
            absl::StatusCode::kFailedPrecondition);
}

double Coefficient(const OperationFit& fit, const std::string& name) {
  for (const NamedValue& each : fit.coefficients) {
    if (each.name == name) return each.value;
  }
  ADD_FAILURE() << name;
  return 0;
}

double FourthNorm(double a, double b) {
  return std::pow(std::pow(a, 4) + std::pow(b, 4), 0.25);
}

// The header's formula, expert by expert: the program takes the mean expert,
// which has to be the same for any histogram.
TEST(TimeModelTest, UnevenExpertsTakeWhatTheirTilesTakeOneByOne) {
  const TimeModel model = Fit(CalibrationBy(TiledSeconds, 0.01));
  const GroupedGemm grouped = {.rows_per_expert = {0, 3, 1600, 70, 1, 0, 500},
                               .in_width = 512,
                               .out_width = 768};
  for (const OperationFit& fit : model.fits()) {
    if (fit.operation_class != "grouped_gemm.forward") continue;
    double area = 0;
    double active = 0;
    for (const int64_t rows : grouped.rows_per_expert) {
      if (rows == 0) continue;
      ++active;
      area += (static_cast<double>(rows) + Coefficient(fit, "extra_rows")) *
              (768 + Coefficient(fit, "extra_columns"));
    }
    const double volume =
        FourthNorm(area, Coefficient(fit, "wave_area_elements")) *
        (512 + Coefficient(fit, "extra_depth"));
    const double expected =
        Coefficient(fit, "launch_seconds") +
        active * Coefficient(fit, "seconds_per_expert") +
        FourthNorm(
            2 * volume / Coefficient(fit, "flops_per_second"),
            CostOf(grouped, 2).bytes / Coefficient(fit, "bytes_per_second"));
    EXPECT_NEAR(model.Predict(grouped).seconds / expected, 1, 1e-12);
    return;
  }
  ADD_FAILURE() << "grouped products were not fitted";
}

TEST(TimeModelTest, AnInterruptedFitIsCancelled) {
  Interrupter interrupter;
  interrupter.Interrupt();
  EXPECT_TRUE(absl::IsCancelled(
      TimeModel::Fit(CalibrationBy(TiledSeconds), "bf16", &interrupter)
          .status()));
}

TEST(TimeModelTest, TheSameMeasurementsGiveTheSameBits) {
  const Calibration calibration = CalibrationBy(TiledSeconds, 0.03);
  const Operation operation = Gemm{777, 333, 1111};
  EXPECT_EQ(Fit(calibration).Predict(operation).seconds,
            Fit(calibration).Predict(operation).seconds);
}

}  // namespace
}  // namespace moeplan
