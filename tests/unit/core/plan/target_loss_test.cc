// Target-loss objectives and infeasibility of OptimalConfig.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "core/base/rng.h"
#include "core/plan/cell.h"
#include "tests/golden/plan/plan_question.h"
#include "tests/testing/steps.h"
#include "tests/testing/two_minima_law.h"

namespace moeplan {
namespace {

using testing::LeastLossProblem;
using testing::Limit;
using testing::PlanFor;

Infeasible InfeasibleFor(const OptimalConfigProblem& problem) {
  const auto answer = OptimalConfig(problem);
  EXPECT_TRUE(answer.ok()) << answer.status();
  if (!answer.ok()) return {};
  const Infeasible* infeasible = std::get_if<Infeasible>(&answer->outcome);
  EXPECT_NE(infeasible, nullptr) << "a plan was found";
  return infeasible == nullptr ? Infeasible() : *infeasible;
}

std::optional<Relaxation> Find(const Infeasible& infeasible,
                               Constraint constraint) {
  for (const Relaxation& one : infeasible.relaxations) {
    if (one.constraint == constraint) return one;
  }
  return std::nullopt;
}

bool IsFeasible(const OptimalConfigProblem& problem) {
  const auto answer = OptimalConfig(problem);
  EXPECT_TRUE(answer.ok()) << answer.status();
  return answer.ok() && std::holds_alternative<Plan>(answer->outcome);
}

// The same problem with one number of a constraint moved.
OptimalConfigProblem Moved(OptimalConfigProblem problem, Constraint constraint,
                           double value) {
  switch (constraint) {
    case Constraint::kComputeBudget:
      problem.compute_budget_flops = value;
      break;
    case Constraint::kMemory:
      problem.memory_limit->value = value;
      break;
    case Constraint::kTrainingTokens:
      problem.available_training_tokens = value;
      break;
    case Constraint::kServedTokens:
      problem.served_tokens = value;
      break;
    case Constraint::kTargetLoss:
      problem.target_loss = value;
      break;
    case Constraint::kSmallestShape:
      problem.space.smallest_shape->block_count *=
          value / problem.space.smallest_shape->d_model;
      problem.space.smallest_shape->d_model = value;
      break;
  }
  return problem;
}

// Each value does, and hardly less does not.
void ExpectTight(const OptimalConfigProblem& problem,
                 const Infeasible& infeasible) {
  EXPECT_FALSE(infeasible.relaxations.empty());
  for (const Relaxation& one : infeasible.relaxations) {
    SCOPED_TRACE(std::string(ConstraintName(one.constraint)));
    if (!one.value.has_value() || one.is_unattained_limit) continue;
    const bool is_largest = one.constraint == Constraint::kServedTokens ||
                            one.constraint == Constraint::kSmallestShape;
    const double less = is_largest ? 1 + 1e-6 : 1 - 1e-6;
    EXPECT_TRUE(IsFeasible(Moved(problem, one.constraint, *one.value)));
    EXPECT_FALSE(IsFeasible(Moved(problem, one.constraint, *one.value * less)));
  }
}

TEST(TargetLoss, LeastComputeInvertsLeastLoss) {
  Rng rng(1);
  for (int i = 0; i < 200; ++i) {
    const double flops = std::exp(rng.Uniform(std::log(1e18), std::log(1e25)));
    OptimalConfigProblem forward = LeastLossProblem("joint-2025", flops);
    if (i % 2 == 0) {
      forward.memory_limit = Limit(MemoryLimitKind::kBytes,
                                   std::exp(rng.Uniform(std::log(1e10), 28)));
    }
    if (i % 3 == 0) forward.served_tokens = 1e9;
    if (i % 5 == 0) forward.available_training_tokens = 1e14;
    const Plan least_loss = PlanFor(forward);
    if (least_loss.leftover_flops > 0) continue;
    OptimalConfigProblem backward = forward;
    backward.objective = PlanObjective::kLeastCompute;
    backward.compute_budget_flops.reset();
    backward.target_loss = least_loss.configuration.loss;
    const Plan least_compute = PlanFor(backward);
    const Configuration& made = least_compute.configuration;
    EXPECT_NEAR(made.flops.total_flops() / flops, 1, 1e-11);
    EXPECT_NEAR(made.active_params / least_loss.configuration.active_params, 1,
                1e-9);
    EXPECT_NEAR(made.loss, *backward.target_loss, 1e-12);
  }
}

// Section 2.4 the other way round: for each width the tokens that reach the
// target, by exhaustion over widths.
TEST(TargetLoss, LeastComputeAgreesWithAGridAlongTheIsoLossLine) {
  for (const double served_tokens : {0.0, 1e11}) {
    for (const double rate : {1.0, 8.0}) {
      OptimalConfigProblem problem = LeastLossProblem("joint-2025", 1, {rate});
      problem.objective = PlanObjective::kLeastCompute;
      problem.compute_budget_flops.reset();
      problem.target_loss = 2.3;
      problem.served_tokens = served_tokens;
      const Plan plan = PlanFor(problem);
      const Cell cell(*problem.set, rate, 1, AccountingOptions());
      double best = std::numeric_limits<double>::infinity();
      for (const double x : testing::EqualSteps(std::log(64), 11, 1e-4)) {
        double low = 0, high = 60;  // ln D
        if (cell.Loss(x, std::exp(high)) > 2.3) continue;
        for (int i = 0; i < 60; ++i) {
          const double middle = 0.5 * (low + high);
          (cell.Loss(x, std::exp(middle)) > 2.3 ? low : high) = middle;
        }
        best = std::min(best, cell.Flops(x, std::exp(high), served_tokens));
      }
      EXPECT_LE(plan.configuration.flops.total_flops(), best * (1 + 1e-10));
      EXPECT_GE(plan.configuration.flops.total_flops(), best * (1 - 1e-7));
    }
  }
}

TEST(TargetLoss, LeastServingMemoryIsTheNarrowestThatReachesTheTarget) {
  OptimalConfigProblem problem = LeastLossProblem("joint-2025", 1e22);
  problem.objective = PlanObjective::kLeastServingMemory;
  problem.target_loss = 2.14;
  problem.serving_memory.kv_cache_tokens = 16384;
  const Plan plan = PlanFor(problem);
  EXPECT_NEAR(plan.configuration.loss, 2.14, 1e-12);
  const double bytes = plan.configuration.memory.total_bytes();
  // Any less memory, and the least loss is above the target.
  OptimalConfigProblem check = LeastLossProblem("joint-2025", 1e22);
  check.serving_memory.kv_cache_tokens = 16384;
  check.memory_limit = Limit(MemoryLimitKind::kBytes, bytes * (1 + 1e-9));
  EXPECT_LE(PlanFor(check).configuration.loss, 2.14 + 1e-9);
  check.memory_limit->value = bytes * (1 - 1e-6);
  EXPECT_GT(PlanFor(check).configuration.loss, 2.14);
}

TEST(TargetLoss, TwoMinimaAreInvertedGlobally) {
  OptimalConfigProblem problem;
  problem.set = testing::TwoMinimaSet(0.15);
  // At 1e20 the narrow minimum wins, at 1e21 the wide one.
  for (const double flops : {1e20, 1e21}) {
    problem.objective = PlanObjective::kLeastLoss;
    problem.target_loss.reset();
    problem.compute_budget_flops = flops;
    const Plan forward = PlanFor(problem);
    problem.objective = PlanObjective::kLeastCompute;
    problem.compute_budget_flops.reset();
    problem.target_loss = forward.configuration.loss;
    const Plan backward = PlanFor(problem);
    EXPECT_NEAR(backward.configuration.flops.total_flops() / flops, 1, 1e-10);
    EXPECT_NEAR(backward.configuration.active_params /
                    forward.configuration.active_params,
                1, 1e-6);
  }
}

TEST(InfeasibleTest, MemoryBelowTheSmallestShape) {
  OptimalConfigProblem problem = LeastLossProblem("joint-2025", 1e20);
  problem.memory_limit = Limit(MemoryLimitKind::kParams, 1e6);
  const Infeasible infeasible = InfeasibleFor(problem);
  // d = 64, one block, E = 1: 2 * 64 * 50257 + 13 * 64^2.
  const auto memory = Find(infeasible, Constraint::kMemory);
  ASSERT_TRUE(memory.has_value() && memory->value.has_value());
  EXPECT_NEAR(*memory->value / (2.0 * 64 * 50257 + 13 * 64 * 64), 1, 1e-9);
  EXPECT_TRUE(Find(infeasible, Constraint::kSmallestShape).has_value());
  EXPECT_FALSE(Find(infeasible, Constraint::kComputeBudget).has_value());
  ExpectTight(problem, infeasible);
}

TEST(InfeasibleTest, ServingEatsTheBudget) {
  OptimalConfigProblem problem = LeastLossProblem("joint-2025", 1e18);
  problem.served_tokens = 1e12;
  const Infeasible infeasible = InfeasibleFor(problem);
  const double params = 2.0 * 64 * 50257 + 13 * 64 * 64;
  const auto budget = Find(infeasible, Constraint::kComputeBudget);
  ASSERT_TRUE(budget.has_value() && budget->value.has_value());
  EXPECT_NEAR(*budget->value / (2 * params * 1e12 + 6 * params), 1, 1e-9);
  const auto served = Find(infeasible, Constraint::kServedTokens);
  ASSERT_TRUE(served.has_value() && served->value.has_value());
  EXPECT_NEAR(*served->value / ((1e18 - 6 * params) / (2 * params)), 1, 1e-9);
  ExpectTight(problem, infeasible);
}

TEST(InfeasibleTest, TargetBelowTheFloorCannotBeFixedByAnythingElse) {
  OptimalConfigProblem problem = LeastLossProblem("joint-2025", 1e22);
  problem.objective = PlanObjective::kLeastCompute;
  problem.target_loss = 1.3;  // c = 1.3637
  const Infeasible infeasible = InfeasibleFor(problem);
  ASSERT_EQ(infeasible.relaxations.size(), 1u);
  EXPECT_EQ(infeasible.relaxations[0].constraint, Constraint::kTargetLoss);
  EXPECT_NEAR(*infeasible.relaxations[0].value, 2.069392241324, 1e-9);
}

TEST(InfeasibleTest, EachConstraintOfATargetHasItsOwnTightRelaxation) {
  OptimalConfigProblem problem = LeastLossProblem("joint-2025", 1e21, {1, 8});
  problem.objective = PlanObjective::kLeastCompute;
  problem.target_loss = 2.2;
  problem.memory_limit = Limit(MemoryLimitKind::kBytes, 80e9);
  problem.available_training_tokens = 1e13;
  const Infeasible infeasible = InfeasibleFor(problem);
  EXPECT_TRUE(Find(infeasible, Constraint::kComputeBudget)->value.has_value());
  EXPECT_TRUE(Find(infeasible, Constraint::kTargetLoss)->value.has_value());
  // The compute alone is too little: more memory or tokens would not help.
  EXPECT_FALSE(Find(infeasible, Constraint::kMemory).has_value());
  EXPECT_FALSE(Find(infeasible, Constraint::kTrainingTokens).has_value());
  ExpectTight(problem, infeasible);
}

TEST(InfeasibleTest, TwoReasonsAtOnceAreNotFixableAlone) {
  OptimalConfigProblem problem = LeastLossProblem("joint-2025", 1e19);
  problem.objective = PlanObjective::kLeastCompute;
  problem.target_loss = 2.1;
  problem.memory_limit = Limit(MemoryLimitKind::kBytes, 1e9);
  problem.available_training_tokens = 1e9;
  const Infeasible infeasible = InfeasibleFor(problem);
  for (const Constraint constraint :
       {Constraint::kComputeBudget, Constraint::kMemory,
        Constraint::kTrainingTokens}) {
    const auto one = Find(infeasible, constraint);
    ASSERT_TRUE(one.has_value()) << ConstraintName(constraint);
    EXPECT_FALSE(one->value.has_value()) << ConstraintName(constraint);
  }
  const auto target = Find(infeasible, Constraint::kTargetLoss);
  ASSERT_TRUE(target.has_value() && target->value.has_value());
  ExpectTight(problem, infeasible);
}

TEST(InfeasibleTest, MoreTokensAreAFixWhereTokensAreShort) {
  // 80 GB and plenty of compute, but 1e10 tokens.
  OptimalConfigProblem problem = LeastLossProblem("joint-2025", 1e24);
  problem.objective = PlanObjective::kLeastCompute;
  problem.target_loss = 2.15;
  problem.memory_limit = Limit(MemoryLimitKind::kBytes, 80e9);
  problem.available_training_tokens = 1e10;
  const Infeasible infeasible = InfeasibleFor(problem);
  const auto tokens = Find(infeasible, Constraint::kTrainingTokens);
  ASSERT_TRUE(tokens.has_value() && tokens->value.has_value());
  EXPECT_FALSE(tokens->is_unattained_limit);
  ExpectTight(problem, infeasible);
}

TEST(InfeasibleTest, ALimitThatNoModelAttainsSaysSo) {
  // No budget and no memory limit: fewer tokens want ever larger models.
  OptimalConfigProblem problem = LeastLossProblem("joint-2025", 1, {1});
  problem.objective = PlanObjective::kLeastCompute;
  problem.compute_budget_flops.reset();
  problem.target_loss = 2.0;
  problem.available_training_tokens = 1e9;
  const Infeasible infeasible = InfeasibleFor(problem);
  const auto tokens = Find(infeasible, Constraint::kTrainingTokens);
  ASSERT_TRUE(tokens.has_value() && tokens->value.has_value());
  EXPECT_TRUE(tokens->is_unattained_limit);
  EXPECT_TRUE(IsFeasible(
      Moved(problem, Constraint::kTrainingTokens, *tokens->value * 1.1)));
}

TEST(InfeasibleTest, RandomProblemsHaveTightRelaxations) {
  Rng rng(3);
  int seen = 0;
  for (int i = 0; i < 400 && seen < 60; ++i) {
    const auto log_uniform = [&rng](double low, double high) {
      return std::exp(rng.Uniform(std::log(low), std::log(high)));
    };
    OptimalConfigProblem problem =
        LeastLossProblem("joint-2025", log_uniform(1e18, 1e24), {1, 4, 16});
    problem.objective = i % 2 == 0 ? PlanObjective::kLeastCompute
                                   : PlanObjective::kLeastServingMemory;
    problem.target_loss = rng.Uniform(1.7, 2.6);
    problem.memory_limit =
        Limit(MemoryLimitKind::kElements, log_uniform(1e9, 1e12));
    problem.available_training_tokens = log_uniform(1e9, 1e13);
    if (i % 3 == 0) problem.served_tokens = log_uniform(1e8, 1e12);
    if (IsFeasible(problem)) continue;
    ++seen;
    SCOPED_TRACE(i);
    ExpectTight(problem, InfeasibleFor(problem));
  }
  EXPECT_GE(seen, 60);
}

}  // namespace
}  // namespace moeplan
