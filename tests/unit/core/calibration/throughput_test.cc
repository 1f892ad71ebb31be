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

// Nodes of 4; 100 GB/s within one, 10 GB/s between them.
Interconnect Network() {
  Interconnect network;
  network.devices_per_node = {4};
  network.intra_node_bytes_per_second = {1e11};
  network.inter_node_bytes_per_second = {1e10};
  return network;
}

TEST(ThroughputTest, ExchangeIsAddedWhereANetworkIsStated) {
  TrainingRunSetup setup = {.sequence_tokens = 1024,
                            .global_batch_tokens = 3 * 8 * 1024,
                            .device_count = 8,
                            .expert_parallel = 4};
  const StepTime free = Train(Shape(8), setup);
  setup.interconnect = Network();
  const StepTime step = Train(Shape(8), setup);
  const CommunicationTime exchange =
      CommunicationOf(Network(), setup.Layout(), Shape(8), 1024, 3);
  EXPECT_GT(exchange.expert_exchange_seconds, 0);
  EXPECT_GT(exchange.gradient_seconds, 0);
  EXPECT_NEAR(step.seconds, free.seconds + exchange.Total(),
              1e-12 * step.seconds);
  EXPECT_THAT(step.assumptions,
              Contains(HasSubstr("by the interconnect as stated")));
  double assumed = 0;
  double sum = 0;
  for (const TimePart& part : step.parts) {
    sum += part.seconds;
    if (part.is_assumed) assumed += part.seconds;
  }
  EXPECT_NEAR(sum / step.seconds, 1, 1e-12);
  EXPECT_NEAR(assumed / exchange.Total(), 1, 1e-12);
  // Hidden or infinitely fast, it costs nothing.
  setup.interconnect->overlap_share = {1};
  EXPECT_EQ(Train(Shape(8), setup).seconds, free.seconds);
  setup.interconnect = Network();
  setup.interconnect->intra_node_bytes_per_second = {1e18};
  setup.interconnect->inter_node_bytes_per_second = {1e18};
  EXPECT_NEAR(Train(Shape(8), setup).seconds / free.seconds, 1, 1e-6);
}

// The rows of a group's tokens for a device's own experts, one by one.
TEST(ThroughputTest, ADeviceRunsItsOwnExpertsOnTheRowsOfAll) {
  const TimeModel model = Fit(CalibrationBy(TiledSeconds));
  const ModelShape shape = Shape(8);
  const TrainingRunSetup setup = {
      .sequence_tokens = 1024, .device_count = 4, .expert_parallel = 4};
  const ParamCounts counts = CountParams(shape).total;
  double seconds = model
                       .Predict(OptimizerStep{SumParams(counts, kEveryParam) -
                                              counts.routed_experts * 3 / 4})
                       .seconds;
  const auto operations =
      TrainingOperations(shape, {.sequences = 1, .sequence_tokens = 1024});
  ASSERT_TRUE(operations.ok());
  for (const RepeatedOperation& each : *operations) {
    Operation own = each.operation;
    if (auto* grouped = std::get_if<GroupedGemm>(&own)) {
      // 4 x 1024 rows over 8 experts, two of which are here.
      grouped->rows_per_expert = {512, 512};
    }
    seconds += each.count * model.Predict(own).seconds;
  }
  EXPECT_NEAR(Train(shape, setup).seconds / seconds, 1, 1e-12);
  // Fewer and larger products than with every expert everywhere.
  EXPECT_LT(Train(shape, setup).seconds,
            Train(shape, {.sequence_tokens = 1024, .device_count = 4}).seconds);
}

TEST(ThroughputTest, StagesShareTheWorkAndIdle) {
  TrainingRunSetup setup = {.sequence_tokens = 1024,
                            .global_batch_tokens = 6 * 1024};
  // The difference of two batch sizes is free of the optimizer, whose
  // parameters are split too.
  const double six = Train(Shape(8), setup).seconds;
  setup.global_batch_tokens = 12 * 1024;
  const double micro_batch = (Train(Shape(8), setup).seconds - six) / 6;
  setup.device_count = setup.pipeline_parallel = 4;
  const StepTime twelve = Train(Shape(8), setup);
  EXPECT_EQ(twelve.tokens, 12 * 1024);
  EXPECT_EQ(twelve.bubble, 3.0 / 12);
  setup.global_batch_tokens = 6 * 1024;
  const StepTime split = Train(Shape(8), setup);
  // (m + p - 1) / p micro-batches of the whole model, and the optimizer.
  EXPECT_NEAR((twelve.seconds - split.seconds) / (6 * micro_batch / 4), 1,
              1e-9);
  setup.stages_per_device = 2;
  EXPECT_EQ(Train(Shape(8), setup).bubble, split.bubble / 2);
  EXPECT_LT(Train(Shape(8), setup).seconds, split.seconds);
  EXPECT_THAT(split.assumptions, Contains(HasSubstr("no interconnect")));
}

TEST(ThroughputTest, WhatCannotBeSplitIsRefused) {
  const TimeModel model = Fit(CalibrationBy(TiledSeconds));
  const auto refusal = [&](const TrainingRunSetup& setup) {
    const auto step = TrainingStepTime(model, Shape(8), setup);
    EXPECT_TRUE(absl::IsInvalidArgument(step.status())) << step.status();
    return std::string(step.status().message());
  };
  // Eight experts over three devices, nine stages of eight layers, and splits
  // that are no split of the devices.
  EXPECT_THAT(refusal({.device_count = 3, .expert_parallel = 3}),
              HasSubstr("expert_parallel"));
  EXPECT_THAT(refusal({.device_count = 9, .pipeline_parallel = 9}),
              HasSubstr("pipeline_parallel"));
  EXPECT_THAT(refusal({.device_count = 4, .pipeline_parallel = 3}),
              HasSubstr("must divide device_count"));
  EXPECT_THAT(refusal({.device_count = 4, .expert_parallel = 8}),
              HasSubstr("must divide device_count / pipeline_parallel"));
  EXPECT_TRUE(CanSplit(Shape(1), {.device_count = 3, .expert_parallel = 3}));
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
