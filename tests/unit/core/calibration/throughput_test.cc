#include "core/calibration/throughput.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/arch/law_conventions.h"
#include "core/arch/param_count.h"
#include "tests/unit/core/calibration/tiled_device.h"

namespace moeplan {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

ModelShape Shape(int64_t expansion_rate) {
  return *JointReferenceShape(/*d_model=*/512, /*blocks=*/8, /*heads=*/8,
                              expansion_rate);
}

StepTime Train(const ModelShape& shape, const TrainingRunSetup& setup) {
  static const TimeModel& model =
      *new TimeModel(Fit(CalibrationBy(TiledSeconds)));
  auto step = TrainingStepTime(model, shape, setup);
  EXPECT_TRUE(step.ok()) << step.status();
  return *std::move(step);
}

TEST(ThroughputTest, AStepIsTheSumOfItsParts) {
  const StepTime step = Train(Shape(8), {.sequence_tokens = 1024});
  double sum = 0;
  for (const TimePart& part : step.parts) sum += part.seconds;
  EXPECT_NEAR(sum / step.seconds, 1, 1e-12);
  EXPECT_EQ(step.tokens, 1024);
}

// Beside the made-up device's own time for each operation, not the model's.
TEST(ThroughputTest, AStepTakesWhatTheDeviceTakesForItsOperations) {
  const ModelShape shape = Shape(8);
  double seconds = TiledSeconds(
      OptimizerStep{SumParams(CountParams(shape).total, kEveryParam)});
  const auto operations =
      TrainingOperations(shape, {.sequences = 2, .sequence_tokens = 1024});
  ASSERT_TRUE(operations.ok()) << operations.status();
  for (const RepeatedOperation& each : *operations) {
    seconds += each.count * TiledSeconds(each.operation);
  }
  const StepTime step =
      Train(shape, {.sequence_tokens = 1024, .micro_batch_sequences = 2});
  // Attention and backward passes were not measured: answered by their kin.
  EXPECT_NEAR(step.seconds / seconds, 1, 0.25);
}

TEST(ThroughputTest, MicroBatchesAddUpAndTheOptimizerRunsOnce) {
  const TrainingRunSetup one = {.sequence_tokens = 1024};
  TrainingRunSetup four = one;
  four.global_batch_tokens = 4 * 1024;
  const auto optimizer = [](const StepTime& step) {
    for (const TimePart& part : step.parts) {
      if (part.operation_class == "elementwise") return part.seconds;
    }
    return 0.0;
  };
  const StepTime single = Train(Shape(8), one);
  const StepTime step = Train(Shape(8), four);
  EXPECT_EQ(step.tokens, 4 * 1024);
  EXPECT_LT(step.SecondsPerToken(), single.SecondsPerToken());
  EXPECT_LT(optimizer(step), 4 * optimizer(single));
  EXPECT_GT(step.seconds, 3 * single.seconds * 0.5);
  // 3.5 micro-batches are four.
  four.global_batch_tokens = 3 * 1024 + 512;
  EXPECT_EQ(Train(Shape(8), four).tokens, 4 * 1024);
}

TEST(ThroughputTest, DevicesWorkSideBySideAndThatIsSaid) {
  const TrainingRunSetup setup = {.sequence_tokens = 1024, .device_count = 4};
  const StepTime step = Train(Shape(8), setup);
  EXPECT_EQ(step.tokens, 4 * 1024);
  EXPECT_EQ(step.seconds, Train(Shape(8), {.sequence_tokens = 1024}).seconds);
  EXPECT_THAT(step.assumptions,
              Contains(HasSubstr("exchange gradients in no time")));
}

TEST(ThroughputTest, MoreExpertsOfTheSameActiveSizeTakeLonger) {
  const TrainingRunSetup setup = {.sequence_tokens = 1024};
  EXPECT_GT(Train(Shape(32), setup).seconds, Train(Shape(4), setup).seconds);
}

TEST(ThroughputTest, WhatStoodInForWhatIsSaid) {
  EXPECT_THAT(Train(Shape(8), {.sequence_tokens = 1024}).assumptions,
              Contains(HasSubstr("optimizer was not measured; its time is that "
                                 "of elementwise")));
}

TEST(ThroughputTest, DecodingReadsMoreTheLongerTheContext) {
  const TimeModel model = Fit(CalibrationBy(TiledSeconds));
  const auto near = ServingStepTime(model, Shape(8), 16, 1, 100);
  const auto far = ServingStepTime(model, Shape(8), 16, 1, 30000);
  ASSERT_TRUE(near.ok() && far.ok());
  EXPECT_EQ(near->tokens, 16);
  EXPECT_GT(far->seconds, near->seconds);
}

TEST(ThroughputTest, BadSetupsAreNamed) {
  const TimeModel model = Fit(CalibrationBy(TiledSeconds));
  const auto step = TrainingStepTime(
      model, Shape(8), {.sequence_tokens = 0, .device_count = -1});
  EXPECT_THAT(std::string(step.status().message()),
              ::testing::AllOf(HasSubstr("sequence_tokens"),
                               HasSubstr("device_count")));
}

}  // namespace
}  // namespace moeplan
