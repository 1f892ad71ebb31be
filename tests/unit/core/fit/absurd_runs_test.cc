#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/fit/fit_from_runs.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/core/fit/run_designs.h"

namespace moeplan::testing {
namespace {

using ::testing::HasSubstr;

// Runs of L = 1.8 + 480 N^-alpha + 2100 D^-0.37, six sizes by three lengths.
std::vector<TrainingRun> DenseGrid(double alpha) {
  std::vector<TrainingRun> runs;
  for (const double params : {1e8, 2e8, 4e8, 8e8, 1.6e9, 3.2e9}) {
    for (const double tokens : {2e9, 8e9, 3.2e10}) {
      TrainingRun run;
      run.active_params = params;
      run.training_tokens = tokens;
      run.loss =
          1.8 + 480 * std::pow(params, -alpha) + 2100 * std::pow(tokens, -0.37);
      run.group = absl::StrCat(params);
      runs.push_back(std::move(run));
    }
  }
  return runs;
}

// Beside a run of a tenth of a parameter no other size tells anything: the
// Jacobian is singular to the last digit. The server sends no infinity.
TEST(AbsurdRunsTest, ASingularFitHasAFiniteConditionNumberAndAWarning) {
  std::vector<TrainingRun> runs = DenseGrid(0.35);
  runs.back().active_params = 0.0960994;
  FitOptions options;
  options.start_count = 1;
  options.hold_out.kind = HoldOutKind::kGroups;
  options.hold_out.groups = {"1e+08", "8e+08"};
  const FitReport report = FitOne(MakeTable(runs), "dense", options);
  ASSERT_FALSE(report.refusal.has_value()) << report.refusal->message;
  EXPECT_EQ(report.condition_number, 1e13);
  EXPECT_TRUE(report.correlation.empty());
  EXPECT_THAT(
      report.warnings,
      ::testing::Contains(HasSubstr("hardly tell some coefficients apart")));
}

TEST(AbsurdRunsTest, ARunOfWhichTheLawHasNoFiniteLossIsARefusalThatNamesIt) {
  std::vector<TrainingRun> runs = DenseGrid(0.9);
  runs[5].active_params = 1e-300;
  runs[5].group = "absurd";
  FitOptions options;
  options.start_count = 4;
  options.hold_out.kind = HoldOutKind::kGroups;
  options.hold_out.groups = {"absurd"};
  const FitReport report = FitOne(MakeTable(runs), "dense", options);
  ASSERT_TRUE(report.refusal.has_value());
  EXPECT_THAT(report.refusal->message,
              HasSubstr("run 5 (active_params = 1e-300"));
}

}  // namespace
}  // namespace moeplan::testing
