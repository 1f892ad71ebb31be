// Plans for device time that pay for serving too.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <vector>

#include "core/arch/memory.h"
#include "core/arch/param_count.h"
#include "tests/unit/core/plan/device_problem.h"

namespace moeplan {
namespace {

const std::vector<int64_t> kRates = {1, 2, 4, 8, 16, 32};

// A device that reads 4 GB a second: a token of decoding takes what its bytes
// take, unless many share them.
double NarrowSeconds(const Operation& operation) {
  return TiledSeconds(operation) + CostOf(operation, 2).bytes / 4e9;
}

const TimeModel& Narrow() {
  static const TimeModel& model =
      *new TimeModel(Fit(CalibrationBy(NarrowSeconds)));
  return model;
}

OptimalConfigProblem Joint() {
  OptimalConfigProblem problem = testing::LeastLossProblem("joint-2025", 0);
  problem.compute_budget_flops.reset();
  return problem;
}

// Answers of 512 tokens, eight at once, on a device of 4 GB.
ServingDemand Answers(double decode_tokens) {
  ServingDemand demand;
  demand.decode_tokens = decode_tokens;
  demand.context_tokens = 512;
  demand.most_sequences = 8;
  demand.device_bytes = 4e9;
  return demand;
}

// Device-seconds of `demand`, whose tokens are all generated, from the time of
// a single step of every batch that fits; nothing where none does.
std::optional<double> ServeByHand(const TimeModel& model,
                                  const ModelShape& shape,
                                  const ServingDemand& demand) {
  const double weights = 2.0 * static_cast<double>(SumParams(
                                   CountParams(shape).total, kEveryParam));
  const double cache =
      2.0 * 512 * static_cast<double>(KvCacheElementsPerToken(shape));
  std::optional<double> seconds;
  for (int64_t batch = 1; batch <= demand.most_sequences; ++batch) {
    if (weights + static_cast<double>(batch) * cache > demand.device_bytes) {
      break;
    }
    const auto step = ServingStepTime(model, shape, batch, 1, 256);
    EXPECT_TRUE(step.ok()) << step.status();
    if (step->seconds > demand.most_seconds_per_output_token) break;
    seconds = demand.decode_tokens * step->seconds / static_cast<double>(batch);
  }
  return seconds;
}

// Loops over all shapes with nothing left out.
FoundShape BruteForce(const OptimalConfigProblem& problem,
                      const DeviceBudget& budget) {
  FoundShape best;
  best.loss = std::numeric_limits<double>::infinity();
  for (int64_t blocks = 1; blocks <= 40; ++blocks) {
    for (size_t i = 0; i < kRates.size(); ++i) {
      const auto shape = problem.set->ReferenceShape(64 * blocks, kRates[i], 1);
      if (!shape.ok()) continue;
      const auto serve =
          ServeByHand(*budget.time_model, *shape, *budget.serving);
      if (!serve.has_value()) continue;
      const auto step =
          TrainingStepTime(*budget.time_model, *shape, budget.run);
      EXPECT_TRUE(step.ok()) << step.status();
      const double left =
          budget.wall_seconds * static_cast<double>(budget.run.device_count) -
          *serve;
      const double tokens = left * budget.goodput /
                            static_cast<double>(budget.run.device_count) /
                            step->SecondsPerToken();
      if (tokens < 1) continue;
      const double rate = static_cast<double>(kRates[i]);
      const auto model =
          problem.set->Scale(64.0 * static_cast<double>(blocks), rate, 1, {});
      const double loss =
          problem.set->Loss({model.law_params, tokens, rate, 1});
      if (loss < best.loss) {
        best = {.cell = i,
                .block_count = blocks,
                .training_tokens = tokens,
                .loss = loss,
                .device_seconds = *serve};
      }
    }
  }
  return best;
}

void ExpectSame(const DevicePlan& plan, const FoundShape& brute) {
  EXPECT_EQ(plan.configuration.block_count,
            static_cast<double>(brute.block_count));
  EXPECT_EQ(plan.configuration.expansion_rate,
            static_cast<double>(kRates[brute.cell]));
  EXPECT_NEAR(plan.configuration.loss, brute.loss, 1e-12);
  EXPECT_NEAR(plan.configuration.training_tokens / brute.training_tokens, 1,
              1e-12);
  EXPECT_NEAR(plan.serving_device_hours * kHour / brute.device_seconds, 1,
              1e-12);
}

TEST(DeviceServingTest, IsTheBestOfAllShapes) {
  for (const double tokens : {1e7, 3e7}) {
    for (const int64_t devices : {1, 4}) {
      DeviceBudget budget = BudgetOn(Tiled(), 10);
      budget.run.device_count = devices;
      budget.goodput = 0.8;
      budget.serving = Answers(tokens);
      const DevicePlan plan = PlanOn(Joint(), budget).best;
      ExpectSame(plan, BruteForce(Joint(), budget));
      EXPECT_NEAR(plan.device_hours.value, 10.0 * static_cast<double>(devices),
                  1e-8);
    }
  }
}

// Decoding a few sequences reads all experts that they reach, whatever a token
// needs. Where that is what bounds it, a demand moves the optimum to fewer
// total parameters, in the end to a dense model. The paper's price, 2 N_active
// a token, does not see it.
TEST(DeviceServingTest, DecodingMovesTheOptimumToFewerTotalParameters) {
  DeviceBudget budget = BudgetOn(Narrow(), 1000);
  budget.run.sequence_tokens = 8192;
  const DevicePlan without = PlanOn(Joint(), budget).best;
  EXPECT_EQ(without.configuration.expansion_rate, 32);
  double total_params = without.configuration.total_params;
  DevicePlan with = without;
  for (const double tokens : {3e8, 1e9, 1e10}) {
    budget.serving = Answers(tokens);
    with = PlanOn(Joint(), budget).best;
    ExpectSame(with, BruteForce(Joint(), budget));
    std::printf("%g tokens: E = %g, N_total = %g, %.0f of %.0f h serve\n",
                tokens, with.configuration.expansion_rate,
                with.configuration.total_params, with.serving_device_hours,
                with.device_hours.value);
    EXPECT_LT(with.configuration.total_params, 0.5 * total_params);
    total_params = with.configuration.total_params;
  }
  EXPECT_EQ(with.configuration.expansion_rate, 1);
  // A decode step is bound by its bytes: eight sequences take little longer
  // than one, though eight times the FLOPs.
  const auto step = [&](int64_t sequences) {
    return ServingStepTime(Narrow(), with.shape, sequences, 1, 256)->seconds;
  };
  EXPECT_LT(step(8), 2 * step(1));
  OptimalConfigProblem priced = Joint();
  priced.compute_budget_flops = without.configuration.flops.train_flops;
  priced.served_tokens = 1e10;
  const auto by_flops = OptimalConfig(priced);
  ASSERT_TRUE(by_flops.ok()) << by_flops.status();
  EXPECT_EQ(std::get<Plan>(by_flops->outcome).configuration.expansion_rate, 32);
}

TEST(DeviceServingTest, ALatencyTargetHolds) {
  DeviceBudget budget = BudgetOn(Narrow(), 100);
  budget.serving = Answers(1e7);
  const double free =
      PlanOn(Joint(), budget).best.cost.serving->seconds_per_output_token;
  budget.serving->most_seconds_per_output_token = 0.8 * free;
  const DevicePlan plan = PlanOn(Joint(), budget).best;
  EXPECT_LE(plan.cost.serving->seconds_per_output_token, 0.8 * free);
  ExpectSame(plan, BruteForce(Joint(), budget));
}

TEST(DeviceServingTest, WhatCannotBeServedSaysHowMuchWouldDo) {
  DeviceBudget budget = BudgetOn(Tiled(), 10);
  budget.serving = Answers(1e30);
  const auto none = [&] {
    const auto answer = PlanForDevice(Joint(), budget);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return std::get<NoDevicePlan>(*answer);
  };
  // Far too many tokens: the wall time that would do, with one token left to
  // train on.
  const NoDevicePlan late = none();
  ASSERT_TRUE(late.least_wall_seconds.has_value());
  budget.wall_seconds = *late.least_wall_seconds * (1 + 1e-9);
  EXPECT_GE(PlanOn(Joint(), budget).best.configuration.training_tokens, 1);
  // A device of a kilobyte; one that answers at once.
  budget.serving = Answers(1);
  budget.serving->device_bytes = 1000;
  const NoDevicePlan small = none();
  EXPECT_FALSE(small.least_wall_seconds.has_value());
  ASSERT_TRUE(small.least_device_bytes.has_value());
  budget.serving->device_bytes = *small.least_device_bytes;
  EXPECT_EQ(PlanOn(Joint(), budget).best.configuration.block_count, 1);
  budget.serving = Answers(1);
  budget.serving->most_seconds_per_output_token = 1e-9;
  const NoDevicePlan slow = none();
  ASSERT_TRUE(slow.least_seconds_per_output_token.has_value());
  budget.serving->most_seconds_per_output_token =
      *slow.least_seconds_per_output_token;
  EXPECT_EQ(PlanOn(Joint(), budget).best.cost.serving->decode_sequences, 1);
}

}  // namespace
}  // namespace moeplan
