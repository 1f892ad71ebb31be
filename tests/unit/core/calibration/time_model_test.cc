#include "core/calibration/time_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(TimeModelTest, TheSameMeasurementsGiveTheSameBits) {
  const Calibration calibration = CalibrationBy(TiledSeconds, 0.03);
  const Operation operation = Gemm{777, 333, 1111};
  EXPECT_EQ(Fit(calibration).Predict(operation).seconds,
            Fit(calibration).Predict(operation).seconds);
}

}  // namespace
}  // namespace moeplan
