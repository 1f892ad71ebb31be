// Properties that hold for every problem: reference, section 6 (P1 is in the
// law conformance suite, P10 in tests/golden/plan).

#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "core/base/rng.h"
#include "tests/golden/plan/plan_question.h"
#include "tests/testing/steps.h"

namespace moeplan {
namespace {

using testing::LeastLossProblem;
using testing::Limit;
using testing::PlanFor;

constexpr double kRates[] = {1, 2, 4, 8, 16, 32};

OptimalConfigProblem Pure(const char* set_id, double flops,
                          std::vector<double> rates = {}) {
  OptimalConfigProblem problem =
      LeastLossProblem(set_id, flops, std::move(rates));
  problem.space.smallest_shape.reset();
  return problem;
}

TEST(PlanProperties, P2MoreComputeMeansLessLossLargerAndLonger) {
  for (const auto& set : PublishedSets()) {
    for (const double granularity : {1.0, 16.0}) {
      if (granularity > 1 && set->law().name != "fine_grained") continue;
      Configuration previous;
      for (const double flops : testing::FactorSteps(1e15, 1e27, 3)) {
        OptimalConfigProblem problem = Pure(set->id().c_str(), flops);
        if (set->law().name == "joint") problem.space.expansion_rates = {8};
        problem.space.granularities = {granularity};
        const Configuration made = PlanFor(problem).configuration;
        if (previous.loss > 0) {
          EXPECT_LT(made.loss, previous.loss) << set->id() << flops;
          EXPECT_GT(made.active_params, previous.active_params);
          EXPECT_GT(made.training_tokens, previous.training_tokens);
        }
        previous = made;
      }
    }
  }
}

TEST(PlanProperties, P3P4MoreExpertsMeanLessLossSmallerAndLonger) {
  for (const double flops :
       testing::FactorSteps(1e16, std::nextafter(2e23, 1e300), 2)) {
    Configuration previous;
    for (const double rate : kRates) {
      const Configuration made =
          PlanFor(Pure("joint-2025", flops, {rate})).configuration;
      if (previous.loss > 0) {
        EXPECT_LT(made.loss, previous.loss) << flops << " " << rate;
        EXPECT_LT(made.active_params, previous.active_params);
        EXPECT_GT(made.training_tokens, previous.training_tokens);
      }
      previous = made;
    }
  }
}

TEST(PlanProperties, P5LimitsNeverHelp) {
  Rng rng(5);
  for (int i = 0; i < 300; ++i) {
    const double flops = std::exp(rng.Uniform(std::log(1e18), std::log(1e25)));
    OptimalConfigProblem problem = LeastLossProblem("joint-2025", flops);
    const double free = PlanFor(problem).configuration.loss;
    problem.memory_limit = Limit(MemoryLimitKind::kBytes,
                                 std::exp(rng.Uniform(std::log(1e9), 28)));
    const double limited = PlanFor(problem).configuration.loss;
    EXPECT_GE(limited, free - 1e-14);
    problem.served_tokens = std::exp(rng.Uniform(std::log(1e7), std::log(1e8)));
    const double serving = PlanFor(problem).configuration.loss;
    EXPECT_GE(serving, limited - 1e-14);
    problem.memory_limit->value *= 2;
    EXPECT_LE(PlanFor(problem).configuration.loss, serving + 1e-14);
  }
}

TEST(PlanProperties, P6VanishingLimitsGiveTheComputeOptimum) {
  for (const double rate : kRates) {
    OptimalConfigProblem problem = Pure("joint-2025", 1e22, {rate});
    const Configuration free = PlanFor(problem).configuration;
    problem.memory_limit = Limit(MemoryLimitKind::kBytes, 1e30);
    problem.served_tokens = 1e-3;
    problem.available_training_tokens = 1e25;
    const Configuration loose = PlanFor(problem).configuration;
    EXPECT_NEAR(loose.loss / free.loss, 1, 1e-9);
    EXPECT_NEAR(loose.active_params / free.active_params, 1, 1e-9);
    EXPECT_NEAR(loose.training_tokens / free.training_tokens, 1, 1e-9);
  }
}

TEST(PlanProperties, P7TheBudgetIsSpentUnlessSizeAndTokensBothBind) {
  Rng rng(7);
  int left_over = 0;
  for (int i = 0; i < 600; ++i) {
    const bool is_joint = i % 2 == 0;
    const double flops = std::exp(rng.Uniform(std::log(1e19), std::log(1e25)));
    OptimalConfigProblem problem = LeastLossProblem(
        is_joint ? "joint-2025" : "fine-grained-2024-e64", flops);
    if (i % 3 != 0) {
      problem.memory_limit = Limit(MemoryLimitKind::kBytes,
                                   std::exp(rng.Uniform(std::log(1e10), 28)));
    }
    if (i % 5 != 0) {
      problem.available_training_tokens =
          std::exp(rng.Uniform(std::log(1e9), std::log(1e13)));
    }
    if (i % 7 == 0) problem.served_tokens = 1e8;
    const Plan plan = PlanFor(problem);
    bool by_budget = false, by_memory = false, by_tokens = false;
    for (const BindingConstraint& one : plan.binding_constraints) {
      by_budget |= one.constraint == Constraint::kComputeBudget;
      by_memory |= one.constraint == Constraint::kMemory;
      by_tokens |= one.constraint == Constraint::kTrainingTokens;
      ASSERT_TRUE(one.loss_per_ln_limit.has_value());
      EXPECT_LE(*one.loss_per_ln_limit, 0);
    }
    const double spent = plan.configuration.flops.total_flops();
    if (by_budget) {
      EXPECT_NEAR(spent / flops, 1, 1e-12);
      EXPECT_EQ(plan.leftover_flops, 0);
    } else {
      EXPECT_TRUE(by_memory && by_tokens);
      EXPECT_NEAR(plan.leftover_flops, flops - spent, 1e-12 * flops);
      EXPECT_GT(plan.leftover_flops, 0);
      ++left_over;
    }
  }
  EXPECT_GT(left_over, 20);
}

TEST(PlanProperties, P8P9FineGrainedNeverCoarseAndGapWidens) {
  double previous = 0;
  for (const double flops : testing::FactorSteps(1e17, 2e26, 10)) {
    const Plan plan = PlanFor(LeastLossProblem("fine-grained-2024-e64", flops));
    EXPECT_GT(plan.configuration.granularity, 1);
    if (flops < 0.9e18) continue;
    ASSERT_TRUE(plan.saving.has_value());
    const double ratio = plan.saving->dense_to_plan_flops_ratio.value_or(0);
    EXPECT_GT(ratio, previous);
    previous = ratio;
  }
}

TEST(PlanProperties, P11TheUnitOfFlopsDoesNotMatter) {
  for (const char* id :
       {"joint-2025", "fine-grained-2024-dense", "chinchilla-2024-besiroglu"}) {
    OptimalConfigProblem problem = LeastLossProblem(id, 1e22);
    problem.served_tokens = 1e10;
    const Configuration made = PlanFor(problem).configuration;
    problem.compute_budget_flops = 3e22;
    problem.accounting.train_flops_per_active_param *= 3;
    problem.accounting.serve_flops_per_active_param *= 3;
    const Configuration other = PlanFor(problem).configuration;
    EXPECT_NEAR(other.active_params / made.active_params, 1, 1e-12);
    EXPECT_NEAR(other.training_tokens / made.training_tokens, 1, 1e-12);
    EXPECT_NEAR(other.loss, made.loss, 1e-13);
  }
}

}  // namespace
}  // namespace moeplan
