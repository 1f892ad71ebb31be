#include <cstdint>
#include <vector>

#include "core/fit/fit_data.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/core/fit/run_designs.h"

namespace moeplan::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Losses 3.0, 2.9, ... 2.1 of sizes 1e8, 1e8, 2e8, 2e8, ...; the last run has
// no weight.
RunTable TenRuns() {
  std::vector<TrainingRun> runs;
  for (int i = 0; i < 10; ++i) {
    TrainingRun run;
    const int pair = i / 2;
    run.active_params = 1e8 * (1 + pair);
    run.training_tokens = 1e9 * (10 - i);
    run.loss = 3.0 - 0.1 * i;
    run.weight = i == 9 ? 0 : 1;
    run.group = i % 2 == 0 ? "even" : "odd";
    runs.push_back(run);
  }
  return MakeTable(runs);
}

TEST(HoldOut, NoneHoldsNothingOut) {
  EXPECT_THAT(HeldOutRuns(TenRuns(), {}, 0), IsEmpty());
}

TEST(HoldOut, LowestLossesAmongThoseWithWeight) {
  HoldOutRule rule;
  rule.kind = HoldOutKind::kLowestLossCount;
  rule.count = 3;
  EXPECT_THAT(HeldOutRuns(TenRuns(), rule, 0), ElementsAre(6, 7, 8));
}

TEST(HoldOut, FractionIsRoundedDown) {
  HoldOutRule rule;
  rule.kind = HoldOutKind::kLowestLossFraction;
  rule.fraction = 0.3;  // 2.7 of 9
  EXPECT_THAT(HeldOutRuns(TenRuns(), rule, 0), ElementsAre(7, 8));
}

TEST(HoldOut, RandomRunsDependOnTheSeedOnly) {
  HoldOutRule rule;
  rule.kind = HoldOutKind::kRandomFraction;
  rule.fraction = 0.5;
  const std::vector<int64_t> one = HeldOutRuns(TenRuns(), rule, 1);
  EXPECT_EQ(one.size(), 4u);
  EXPECT_EQ(HeldOutRuns(TenRuns(), rule, 1), one);
  bool differs = false;
  for (uint64_t seed = 2; seed < 10; ++seed) {
    differs |= HeldOutRuns(TenRuns(), rule, seed) != one;
  }
  EXPECT_TRUE(differs);
}

TEST(HoldOut, WholeGroups) {
  HoldOutRule rule;
  rule.kind = HoldOutKind::kGroups;
  rule.groups = {"odd"};
  EXPECT_THAT(HeldOutRuns(TenRuns(), rule, 0), ElementsAre(1, 3, 5, 7));
}

TEST(HoldOut, LargeValuesOfAVariable) {
  HoldOutRule rule;
  rule.kind = HoldOutKind::kAtLeast;
  rule.variable = LawVariable::kTrainingTokens;
  rule.threshold = 8e9;
  EXPECT_THAT(HeldOutRuns(TenRuns(), rule, 0), ElementsAre(0, 1, 2));
  rule.kind = HoldOutKind::kLargestValues;
  rule.variable = LawVariable::kParams;
  rule.count = 2;
  EXPECT_THAT(HeldOutRuns(TenRuns(), rule, 0), ElementsAre(6, 7, 8));
}

}  // namespace
}  // namespace moeplan::testing
