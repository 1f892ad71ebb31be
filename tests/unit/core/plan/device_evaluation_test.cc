#include "core/plan/device_evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "tests/unit/core/plan/device_problem.h"

namespace moeplan {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

// 100 device-hours of the tiled device; the fine-grained law.
DeviceBudget Budget() {
  DeviceBudget budget = BudgetOn(Tiled(), 100);
  budget.goodput = 0.9;
  return budget;
}

OptimalConfigProblem With(const ModelShape& shape, double tokens) {
  OptimalConfigProblem problem = FineGrained();
  problem.candidate = Candidate{.model = shape, .training_tokens = tokens};
  problem.max_extrapolation_decades = 10;
  return problem;
}

DeviceEvaluation Evaluate(const OptimalConfigProblem& problem,
                          const DeviceBudget& budget = Budget()) {
  auto evaluation = EvaluateOnDevice(problem, budget);
  EXPECT_TRUE(evaluation.ok()) << evaluation.status();
  return *std::move(evaluation);
}

ModelShape ShapeOf(int64_t blocks, int64_t granularity) {
  return *FineGrained().set->ReferenceShape(64 * blocks, 64, granularity);
}

TEST(DeviceEvaluationTest, TheOptimumItselfIsNearOptimal) {
  const DevicePlan best = PlanOn(FineGrained(), Budget()).best;
  const DeviceEvaluation evaluation =
      Evaluate(With(best.shape, best.configuration.training_tokens));
  EXPECT_EQ(evaluation.figures.verdict, Verdict::kNearOptimal);
  EXPECT_NEAR(*evaluation.figures.loss_gap, 0, 1e-9);
  EXPECT_NEAR(*evaluation.figures.compute_to_same_loss_ratio, 1, 1e-6);
  EXPECT_NEAR(*evaluation.wasted_device_hours, 0, 1e-4);
  EXPECT_NEAR(evaluation.device_hours.value, 100, 1e-9);
  EXPECT_NEAR(evaluation.affordable_training_tokens /
                  best.configuration.training_tokens,
              1, 1e-9);
  EXPECT_FALSE(evaluation.breaks_wall_duration);
}

// Every figure from the times of shapes, with a loop for the least hours.
TEST(DeviceEvaluationTest, FiguresAreThoseOfALoopOverAllShapes) {
  const ModelShape shape = ShapeOf(4, 16);
  const OptimalConfigProblem problem = With(shape, 2e8);
  const DeviceEvaluation evaluation = Evaluate(problem);
  const auto step = TrainingStepTime(Tiled(), shape, Budget().run);
  ASSERT_TRUE(step.ok());
  const double hours = 2e8 * step->SecondsPerToken() / 0.9 / kHour;
  EXPECT_NEAR(evaluation.device_hours.value / hours, 1, 1e-12);
  EXPECT_NEAR(evaluation.affordable_training_tokens / (2e8 * 100 / hours), 1,
              1e-12);
  const auto at = problem.set->PointFromShape(shape, 2e8, {});
  ASSERT_TRUE(at.ok());
  const double loss = problem.set->Loss(at->point);
  EXPECT_NEAR(evaluation.figures.prediction.loss, loss, 1e-12);

  double least_hours = std::numeric_limits<double>::infinity();
  double least_loss = std::numeric_limits<double>::infinity();
  for (int64_t blocks = 1; blocks <= 40; ++blocks) {
    for (const int64_t g : {1, 2, 4, 8, 16, 32, 64, 128, 256}) {
      const auto other = problem.set->ReferenceShape(64 * blocks, 64, g);
      if (!other.ok()) continue;
      const auto its_step = TrainingStepTime(Tiled(), *other, Budget().run);
      ASSERT_TRUE(its_step.ok());
      const auto model = problem.set->Scale(64.0 * static_cast<double>(blocks),
                                            64, static_cast<double>(g), {});
      const auto loss_of = [&](double tokens) {
        return problem.set->Loss(
            {model.law_params, tokens, 64, static_cast<double>(g)});
      };
      const double seconds = its_step->SecondsPerToken() / 0.9;
      least_loss = std::min(least_loss, loss_of(hours * kHour / seconds));
      // By halving, not by the planner's root.
      double low = 1;
      double high = 1e20;
      if (loss_of(high) > loss) continue;
      for (int i = 0; i < 200; ++i) {
        const double middle = std::sqrt(low * high);
        (loss_of(middle) > loss ? low : high) = middle;
      }
      least_hours = std::min(least_hours, high * seconds / kHour);
    }
  }
  EXPECT_NEAR(*evaluation.figures.loss_gap, loss - least_loss, 1e-12);
  EXPECT_NEAR(*evaluation.figures.compute_to_same_loss_ratio,
              hours / least_hours, 1e-9);
  EXPECT_NEAR(*evaluation.wasted_device_hours, hours - least_hours,
              1e-9 * hours);
  EXPECT_GT(*evaluation.wasted_device_hours, 0);
  EXPECT_THAT(evaluation.figures.reason, HasSubstr("same device-hours"));
}

TEST(DeviceEvaluationTest, WithoutTokensItTakesWhatTheTimeBuys) {
  OptimalConfigProblem problem = With(ShapeOf(4, 16), 0);
  const DeviceEvaluation evaluation = Evaluate(problem);
  EXPECT_NEAR(evaluation.device_hours.value, 100, 1e-9);
  EXPECT_EQ(evaluation.figures.prediction.point.training_tokens,
            evaluation.affordable_training_tokens);
  problem.available_training_tokens = 1000;
  EXPECT_EQ(Evaluate(problem).figures.prediction.point.training_tokens, 1000);
  DeviceBudget moment = Budget();
  moment.wall_seconds = 1e-9;
  EXPECT_TRUE(
      absl::IsFailedPrecondition(EvaluateOnDevice(problem, moment).status()));
}

TEST(DeviceEvaluationTest, MoreThanTheBudgetIsSaid) {
  const double affordable =
      Evaluate(With(ShapeOf(4, 16), 1)).affordable_training_tokens;
  const DeviceEvaluation evaluation =
      Evaluate(With(ShapeOf(4, 16), 2 * affordable));
  EXPECT_TRUE(evaluation.breaks_wall_duration);
  EXPECT_NEAR(evaluation.device_hours.value, 200, 1e-6);
}

TEST(DeviceEvaluationTest, ALawsPointIsTheNearestShape) {
  OptimalConfigProblem problem = With(ShapeOf(4, 16), 1e9);
  const double fifth = problem.set->Scale(320.0, 64, 16, {}).active_params;
  problem.candidate->model = LawCandidate{
      .active_params = 1.1 * fifth, .expansion_rate = 64, .granularity = 16};
  const DeviceEvaluation evaluation = Evaluate(problem);
  EXPECT_EQ(evaluation.shape->d_model(), 320);
  EXPECT_NEAR(evaluation.figures.active_params / fifth, 1, 1e-9);
  EXPECT_THAT(evaluation.figures.caveats, Contains(HasSubstr("d_model 320")));
  problem.candidate->model = LawCandidate{
      .active_params = fifth, .expansion_rate = 64, .granularity = 16.5};
  EXPECT_TRUE(
      absl::IsUnimplemented(EvaluateOnDevice(problem, Budget()).status()));
}

TEST(DeviceEvaluationTest, ServingIsPartOfItsHours) {
  const OptimalConfigProblem problem = With(ShapeOf(4, 16), 2e8);
  const DeviceEvaluation alone = Evaluate(problem);
  DeviceBudget budget = Budget();
  budget.serving = ServingDemand{
      .decode_tokens = 1e7, .context_tokens = 512, .device_bytes = 1e10};
  const DeviceEvaluation served = Evaluate(problem, budget);
  EXPECT_GT(served.serving_device_hours, 0);
  EXPECT_NEAR(served.device_hours.value,
              alone.device_hours.value + served.serving_device_hours, 1e-9);
  EXPECT_LT(served.affordable_training_tokens,
            alone.affordable_training_tokens);
  budget.serving->device_bytes = 1000;
  const DeviceEvaluation unserved = Evaluate(problem, budget);
  ASSERT_TRUE(unserved.shortfall.has_value());
  EXPECT_EQ(unserved.figures.verdict, Verdict::kUnknown);
  EXPECT_THAT(unserved.figures.reason, HasSubstr("does not hold it"));
}

}  // namespace
}  // namespace moeplan
