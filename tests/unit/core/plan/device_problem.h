#ifndef MOEPLAN_TESTS_UNIT_CORE_PLAN_DEVICE_PROBLEM_H_
#define MOEPLAN_TESTS_UNIT_CORE_PLAN_DEVICE_PROBLEM_H_

#include <gtest/gtest.h>

#include <utility>
#include <variant>

#include "core/plan/device_plan.h"
#include "tests/golden/plan/plan_question.h"
#include "tests/unit/core/calibration/tiled_device.h"

namespace moeplan {

inline constexpr double kHour = 3600;

// A device on which each expert that has rows costs a millisecond: many small
// experts are slow, whatever their FLOPs.
inline double SlowSmallExperts(const Operation& operation) {
  double seconds = TiledSeconds(operation);
  if (const auto* grouped = std::get_if<GroupedGemm>(&operation)) {
    for (const int64_t rows : grouped->rows_per_expert) {
      seconds += rows > 0 ? 1e-3 : 0;
    }
  }
  return seconds;
}

inline const TimeModel& Tiled() {
  static const TimeModel& model =
      *new TimeModel(Fit(CalibrationBy(TiledSeconds)));
  return model;
}
inline const TimeModel& Slow() {
  static const TimeModel& model =
      *new TimeModel(Fit(CalibrationBy(SlowSmallExperts)));
  return model;
}

inline OptimalConfigProblem FineGrained() {
  OptimalConfigProblem problem =
      testing::LeastLossProblem("fine-grained-2024-e64", 0);
  problem.compute_budget_flops.reset();
  return problem;
}

inline DeviceBudget BudgetOn(const TimeModel& model, double hours) {
  DeviceBudget budget;
  budget.time_model = &model;
  budget.wall_seconds = hours * kHour;
  budget.run.sequence_tokens = 1024;
  return budget;
}

inline DevicePlans PlanOn(const OptimalConfigProblem& problem,
                          const DeviceBudget& budget) {
  auto answer = PlanForDevice(problem, budget);
  EXPECT_TRUE(answer.ok()) << answer.status();
  return std::get<DevicePlans>(*std::move(answer));
}

}  // namespace moeplan

#endif  // MOEPLAN_TESTS_UNIT_CORE_PLAN_DEVICE_PROBLEM_H_
