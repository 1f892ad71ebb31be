#include "core/plan/device_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>

#include "tests/unit/core/plan/device_problem.h"

namespace moeplan {
namespace {

using ::testing::HasSubstr;

// Loops over all shapes with nothing left out.
Configuration BruteForce(const OptimalConfigProblem& problem,
                         const DeviceBudget& budget,
                         const std::vector<int64_t>& rates,
                         const std::vector<int64_t>& granularities) {
  Configuration best;
  best.loss = std::numeric_limits<double>::infinity();
  for (int64_t blocks = 1; blocks <= 60; ++blocks) {
    for (const int64_t e : rates) {
      for (const int64_t g : granularities) {
        const auto shape = problem.set->ReferenceShape(64 * blocks, e, g);
        if (!shape.ok() || !CanSplit(*shape, budget.run)) continue;
        const auto step =
            TrainingStepTime(*budget.time_model, *shape, budget.run);
        EXPECT_TRUE(step.ok()) << step.status();
        const double tokens = budget.wall_seconds / step->SecondsPerToken();
        const auto model = problem.set->Scale(
            64.0 * static_cast<double>(blocks), static_cast<double>(e),
            static_cast<double>(g), {});
        const double loss =
            problem.set->Loss({model.law_params, tokens, static_cast<double>(e),
                               static_cast<double>(g)});
        if (loss < best.loss) {
          best.loss = loss;
          best.block_count = static_cast<double>(blocks);
          best.expansion_rate = static_cast<double>(e);
          best.granularity = static_cast<double>(g);
          best.training_tokens = tokens;
        }
      }
    }
  }
  return best;
}

void ExpectSame(const DevicePlan& plan, const Configuration& brute) {
  EXPECT_EQ(plan.configuration.block_count, brute.block_count);
  EXPECT_EQ(plan.configuration.expansion_rate, brute.expansion_rate);
  EXPECT_EQ(plan.configuration.granularity, brute.granularity);
  EXPECT_NEAR(plan.configuration.loss, brute.loss, 1e-12);
  EXPECT_NEAR(plan.configuration.training_tokens / brute.training_tokens, 1,
              1e-12);
}

TEST(DevicePlanTest, IsTheBestOfAllShapes) {
  OptimalConfigProblem joint = testing::LeastLossProblem("joint-2025", 0);
  joint.compute_budget_flops.reset();
  for (const double hours : {0.1, 10.0}) {
    ExpectSame(
        PlanOn(joint, BudgetOn(Tiled(), hours)).best,
        BruteForce(joint, BudgetOn(Tiled(), hours), {1, 2, 4, 8, 16, 32}, {1}));
    ExpectSame(PlanOn(FineGrained(), BudgetOn(Slow(), hours)).best,
               BruteForce(FineGrained(), BudgetOn(Slow(), hours), {64},
                          {1, 2, 4, 8, 16, 32, 64, 128, 256}));
  }
}

// The direction in which a device whose small experts are slow has to differ
// from one utilisation for all shapes: fewer experts. Brute force agrees above.
TEST(DevicePlanTest, SlowSmallExpertsLoseToFewerOnes) {
  const DevicePlan calibrated =
      PlanOn(FineGrained(), BudgetOn(Slow(), 10)).best;
  // The same FLOPs at one utilisation: the plan of the papers.
  OptimalConfigProblem fixed = FineGrained();
  fixed.compute_budget_flops = calibrated.configuration.flops.train_flops;
  const auto by_flops = OptimalConfig(fixed);
  ASSERT_TRUE(by_flops.ok()) << by_flops.status();
  const Configuration& ideal = std::get<Plan>(by_flops->outcome).configuration;
  std::printf("by FLOPs: G = %g; by hours: G = %g\n", ideal.granularity,
              calibrated.configuration.granularity);
  EXPECT_LT(calibrated.configuration.granularity, ideal.granularity);
  // And what is best by FLOPs takes longer than the hours there are.
  const auto shape = fixed.set->ReferenceShape(
      64 * std::max(1L, std::lround(ideal.block_count)), 64,
      static_cast<int64_t>(ideal.granularity));
  ASSERT_TRUE(shape.ok()) << shape.status();
  const auto step = TrainingStepTime(Slow(), *shape, BudgetOn(Slow(), 10).run);
  ASSERT_TRUE(step.ok());
  EXPECT_GT(step->SecondsPerToken() * ideal.training_tokens, 10 * kHour);
}

TEST(DevicePlanTest, SpendsItsHoursUnlessTokensRunOut) {
  DeviceBudget budget = BudgetOn(Tiled(), 10);
  budget.price_per_hour = 2.5;
  OptimalConfigProblem problem = FineGrained();
  const DevicePlan plan = PlanOn(problem, budget).best;
  EXPECT_NEAR(plan.device_hours.value, 10, 1e-9);
  EXPECT_NEAR(*plan.price, 25, 1e-9);
  EXPECT_FALSE(plan.at_available_tokens);
  // Few tokens alone make the model larger; with a limit they are left over.
  problem.available_training_tokens = 1e5;
  problem.memory_limit = MemoryLimit{
      .kind = MemoryLimitKind::kBytes, .value = 1e8, .dense_shape = {}};
  const DevicePlan short_of_tokens = PlanOn(problem, budget).best;
  EXPECT_EQ(short_of_tokens.configuration.training_tokens, 1e5);
  EXPECT_TRUE(short_of_tokens.at_available_tokens);
  EXPECT_LT(short_of_tokens.device_hours.value, 10);
}

TEST(DevicePlanTest, MemoryAndSmallestShapeHold) {
  OptimalConfigProblem problem = FineGrained();
  problem.memory_limit = MemoryLimit{
      .kind = MemoryLimitKind::kBytes, .value = 1e9, .dense_shape = {}};
  const DevicePlan plan = PlanOn(problem, BudgetOn(Tiled(), 1000)).best;
  EXPECT_LE(plan.configuration.memory.total_bytes(), 1e9);
  problem.space.smallest_shape = SmallestShape{.d_model = 2000};
  const auto none = PlanForDevice(problem, BudgetOn(Tiled(), 1));
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_FALSE(std::get<NoDevicePlan>(*none).least_wall_seconds.has_value());
}

TEST(DevicePlanTest, TooLittleTimeSaysHowMuchWouldDo) {
  DeviceBudget budget = BudgetOn(Tiled(), 1e-12);
  const auto none = PlanForDevice(FineGrained(), budget);
  ASSERT_TRUE(none.ok()) << none.status();
  const std::optional<double> least =
      std::get<NoDevicePlan>(*none).least_wall_seconds;
  ASSERT_TRUE(least.has_value());
  budget.wall_seconds = *least * (1 + 1e-9);
  EXPECT_NEAR(PlanOn(FineGrained(), budget).best.configuration.training_tokens,
              1, 1e-6);
}

TEST(DevicePlanTest, MoreHoursAndMoreDevicesMeanLessLoss) {
  const DevicePlan ten = PlanOn(FineGrained(), BudgetOn(Tiled(), 10)).best;
  EXPECT_LT(
      PlanOn(FineGrained(), BudgetOn(Tiled(), 100)).best.configuration.loss,
      ten.configuration.loss);
  DeviceBudget eight = BudgetOn(Tiled(), 10);
  eight.run.device_count = 8;
  const DevicePlan wide = PlanOn(FineGrained(), eight).best;
  EXPECT_LT(wide.configuration.loss, ten.configuration.loss);
  EXPECT_NEAR(wide.device_hours.value, 80, 1e-9);
}

TEST(DevicePlanTest, LeavesOutOnlyWhatCannotWin) {
  const auto start = std::chrono::steady_clock::now();
  const DevicePlans answer = PlanOn(FineGrained(), BudgetOn(Tiled(), 1e6));
  const std::chrono::duration<double, std::milli> took =
      std::chrono::steady_clock::now() - start;
  std::printf("%ld shapes, %ld timed, %.0f ms\n", answer.shapes_searched,
              answer.shapes_timed, took.count());
  EXPECT_LT(answer.shapes_timed, answer.shapes_searched);
  EXPECT_EQ(answer.alternatives.size(), 3u);
  for (const DevicePlan& other : answer.alternatives) {
    EXPECT_GE(other.configuration.loss, answer.best.configuration.loss);
  }
}

// Exchange makes a step longer, more so for more parameters and experts, and
// the plan is still the best of all shapes.
TEST(DevicePlanTest, ExchangeIsPartOfTheTime) {
  OptimalConfigProblem joint = testing::LeastLossProblem("joint-2025", 0);
  joint.compute_budget_flops.reset();
  DeviceBudget budget = BudgetOn(Tiled(), 2);
  budget.run.device_count = 8;
  budget.run.expert_parallel = 4;
  budget.run.pipeline_parallel = 2;
  budget.run.global_batch_tokens = 64 * 1024;
  const DevicePlan free = PlanOn(joint, budget).best;
  Interconnect network;
  network.devices_per_node = {4};
  network.intra_node_bytes_per_second = {2e10};
  network.inter_node_bytes_per_second = {2e9};
  budget.run.interconnect = network;
  const DevicePlan plan = PlanOn(joint, budget).best;
  ExpectSame(plan, BruteForce(joint, budget, {1, 2, 4, 8, 16, 32}, {1}));
  EXPECT_GT(plan.configuration.loss, free.configuration.loss);
  EXPECT_NEAR(plan.device_hours.value, 16, 1e-9);
}

TEST(DevicePlanTest, CellsAreInTheOrderOfTheSearchSpace) {
  const DevicePlans answer = PlanOn(FineGrained(), BudgetOn(Tiled(), 10));
  ASSERT_EQ(answer.best_per_cell.size(), 9u);
  double least = std::numeric_limits<double>::infinity();
  double granularity = 1;
  for (const DevicePlan& plan : answer.best_per_cell) {
    EXPECT_EQ(plan.configuration.granularity, granularity);
    granularity *= 2;
    least = std::min(least, plan.configuration.loss);
  }
  EXPECT_EQ(least, answer.best.configuration.loss);
}

TEST(DevicePlanTest, StrictRefusesAPlanOutsideTheBox) {
  OptimalConfigProblem problem = FineGrained();
  ASSERT_FALSE(PlanOn(problem, BudgetOn(Tiled(), 0.01))
                   .best.configuration.extrapolations.empty());
  problem.strict = true;
  EXPECT_TRUE(absl::IsOutOfRange(
      PlanForDevice(problem, BudgetOn(Tiled(), 0.01)).status()));
}

TEST(DevicePlanTest, BadBudgetsAreNamed) {
  DeviceBudget budget = BudgetOn(Tiled(), 0);
  budget.goodput = 2;
  budget.price_per_hour = -1;
  EXPECT_THAT(
      std::string(PlanForDevice(FineGrained(), budget).status().message()),
      ::testing::AllOf(HasSubstr("wall_seconds"), HasSubstr("goodput"),
                       HasSubstr("price_per_hour")));
}

}  // namespace
}  // namespace moeplan
