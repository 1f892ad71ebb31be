#include "core/fit/fit_from_runs.h"

#include <chrono>
#include <limits>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/unit/core/fit/run_designs.h"

namespace moeplan::testing {
namespace {

// Leaving a fit ends its work within 100 ms. A sanitizer makes the same steps
// several times slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kCancelSeconds = 1.0;
#else
constexpr double kCancelSeconds = 0.1;
#endif

using ::testing::HasSubstr;

RunTable Table() {
  const auto law = PublishedSet("fine-grained-2024-e64");
  return MakeTable(WithNoise(FineGrainedDesignE64(*law), 0.003, 11),
                   law->spec().convention);
}

FitOptions SmallFit() {
  FitOptions options;
  options.families = {"fine_grained"};
  options.start_count = 6;
  options.bootstrap_draw_count = 24;
  options.seed = 42;
  return options;
}

std::vector<FitReport> FitOn(int threads, const FitOptions& options) {
  const FitContext context{.interrupter = nullptr,
                           .parallel_for = ThreadParallelFor(threads),
                           .on_progress = nullptr};
  auto reports = FitFromRuns(Table(), options, context);
  EXPECT_TRUE(reports.ok()) << reports.status();
  return *std::move(reports);
}

// Bitwise, so that a difference in the last place shows.
void ExpectSameBits(const FitReport& a, const FitReport& b) {
  EXPECT_EQ(a.objective, b.objective);
  EXPECT_EQ(a.starts_at_best, b.starts_at_best);
  EXPECT_EQ(a.condition_number, b.condition_number);
  EXPECT_EQ(a.correlation, b.correlation);
  EXPECT_EQ(a.fitted_losses, b.fitted_losses);
  ASSERT_EQ(a.coefficients.size(), b.coefficients.size());
  for (size_t j = 0; j < a.coefficients.size(); ++j) {
    EXPECT_EQ(a.coefficients[j].value, b.coefficients[j].value);
    EXPECT_EQ(a.coefficients[j].lower, b.coefficients[j].lower);
    EXPECT_EQ(a.coefficients[j].upper, b.coefficients[j].upper);
  }
  EXPECT_EQ(a.coefficient_set->draws, b.coefficient_set->draws);
}

TEST(FitFromRuns, SameBitsOnAnyNumberOfThreads) {
  const FitReport serial = FitOn(1, SmallFit())[0];
  ASSERT_TRUE(serial.coefficient_set.has_value());
  ASSERT_EQ(serial.coefficient_set->draws.size(), 24u);
  for (const int threads : {2, 3, 8}) {
    SCOPED_TRACE(threads);
    ExpectSameBits(serial, FitOn(threads, SmallFit())[0]);
  }
}

TEST(FitFromRuns, AnotherSeedDrawsAnotherBootstrapOfTheSameOptimum) {
  FitOptions options = SmallFit();
  const FitReport one = FitOn(2, options)[0];
  options.seed = 43;
  const FitReport other = FitOn(2, options)[0];
  EXPECT_NE(one.coefficient_set->draws, other.coefficient_set->draws);
  EXPECT_NEAR(one.objective, other.objective, 1e-9 * one.objective);
}

TEST(FitFromRuns, ProgressCountsEveryStartAndDraw) {
  std::vector<FitProgress> seen;
  const FitContext context{
      .interrupter = nullptr,
      .parallel_for = ThreadParallelFor(3),
      .on_progress = [&](const FitProgress& p) { seen.push_back(p); }};
  FitOptions options = SmallFit();
  options.families = {"fine_grained", "joint"};  // the second one is refused
  const auto reports = FitFromRuns(Table(), options, context);
  ASSERT_TRUE(reports.ok()) << reports.status();
  ASSERT_EQ(reports->size(), 2u);
  EXPECT_TRUE(reports->at(1).refusal.has_value());
  // The refused one begins, and no more.
  EXPECT_EQ(seen.back().family, "joint");
  EXPECT_EQ(seen.back().starts_done, 0);
  seen.pop_back();
  ASSERT_EQ(seen.size(), 31u);
  for (size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i].starts_done + seen[i].bootstrap_done,
              static_cast<int>(i));
    EXPECT_EQ(seen[i].starts_total, 6);
    EXPECT_EQ(seen[i].bootstrap_total, 24);
  }
  EXPECT_EQ(seen.back().starts_done, 6);
  EXPECT_EQ(seen.back().bootstrap_done, 24);
}

TEST(FitFromRuns, InterruptedWorkStopsWithin100Milliseconds) {
  using Clock = std::chrono::steady_clock;
  Interrupter interrupter;
  Clock::time_point interrupted_at;
  FitOptions options = SmallFit();
  options.start_count = 100000;
  const FitContext context{.interrupter = &interrupter,
                           .parallel_for = ThreadParallelFor(2),
                           .on_progress = [&](const FitProgress& progress) {
                             if (progress.starts_done != 40) return;
                             interrupted_at = Clock::now();
                             interrupter.Interrupt();
                           }};
  const auto reports = FitFromRuns(Table(), options, context);
  const std::chrono::duration<double> late = Clock::now() - interrupted_at;
  EXPECT_EQ(reports.status().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(interrupter.IsInterrupted());
  EXPECT_LT(late.count(), kCancelSeconds);
}

TEST(FitFromRuns, LargeTablesStopAsSoon) {
  using Clock = std::chrono::steady_clock;
  const auto law = PublishedSet("joint-2025");
  const std::vector<TrainingRun> design = JointDesign(*law);
  std::vector<TrainingRun> runs;
  while (runs.size() < 45000) {
    runs.insert(runs.end(), design.begin(), design.end());
  }
  const RunTable table = MakeTable(WithNoise(runs, 0.004, 1));
  FitOptions options;
  options.families = {"joint"};
  Interrupter interrupter;
  Clock::time_point interrupted_at;
  const FitContext context{.interrupter = &interrupter,
                           .parallel_for = ThreadParallelFor(2),
                           .on_progress = nullptr};
  // At an arbitrary moment of work that takes minutes.
  std::jthread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    interrupted_at = Clock::now();
    interrupter.Interrupt();
  });
  const auto reports = FitFromRuns(table, options, context);
  const Clock::time_point end = Clock::now();
  canceller.join();
  EXPECT_EQ(reports.status().code(), absl::StatusCode::kCancelled);
  EXPECT_LT(std::chrono::duration<double>(end - interrupted_at).count(),
            kCancelSeconds);
}

TEST(FitFromRuns, AnInterrupterThatIsSetBeforehandLeavesNoWork) {
  Interrupter interrupter;
  interrupter.Interrupt();
  const FitContext context{.interrupter = &interrupter,
                           .parallel_for = nullptr,
                           .on_progress = nullptr};
  EXPECT_EQ(FitFromRuns(Table(), SmallFit(), context).status().code(),
            absl::StatusCode::kCancelled);
}

TEST(FitFromRuns, BootstrapIntervalsCoverTheTruthOfWellKnownCoefficients) {
  FitOptions options = SmallFit();
  options.bootstrap_draw_count = 60;
  options.bootstrap_by_group = false;
  const FitReport report = FitOn(2, options)[0];
  EXPECT_EQ(report.bootstrap_draw_count, 60);
  const std::map<std::string, double> truth = {
      {"a", 18.1}, {"alpha", 0.115}, {"b", 30.8}, {"beta", 0.147},
      {"g", 2.1},  {"gamma", 0.58},  {"c", 0.47}};
  for (const FittedCoefficient& each : report.coefficients) {
    if (each.state != CoefficientState::kFitted) continue;
    EXPECT_EQ(each.interval_basis, CoefficientIntervalBasis::kBootstrap);
    EXPECT_LT(each.lower, each.upper);
    const double width = each.upper - each.lower;
    EXPECT_GT(truth.at(each.name), each.lower - width) << each.name;
    EXPECT_LT(truth.at(each.name), each.upper + width) << each.name;
  }
}

TEST(FitFromRuns, BootstrapByGroupMovesWholeArchitectures) {
  FitOptions options = SmallFit();
  options.bootstrap_by_group = true;
  const FitReport grouped = FitOn(2, options)[0];
  options.bootstrap_by_group = false;
  const FitReport single = FitOn(2, options)[0];
  EXPECT_NE(grouped.coefficient_set->draws, single.coefficient_set->draws);
}

TEST(FitFromRuns, IntervalsWithoutBootstrapAreGaussNewton) {
  FitOptions options = SmallFit();
  options.bootstrap_draw_count = 0;
  options.huber_delta = std::numeric_limits<double>::infinity();
  const FitReport report = FitOn(1, options)[0];
  const size_t free_count = report.correlation_names.size();
  ASSERT_EQ(report.correlation.size(), free_count * free_count);
  for (const FittedCoefficient& each : report.coefficients) {
    if (each.state != CoefficientState::kFitted) continue;
    EXPECT_EQ(each.interval_basis, CoefficientIntervalBasis::kGaussNewton);
    EXPECT_LE(each.lower, each.value);
    EXPECT_GE(each.upper, each.value);
    EXPECT_GT(each.standard_error.value_or(0), 0);
  }
}

TEST(FitFromRuns, FixedCoefficientsStayWhereTheyAre) {
  FitOptions options = SmallFit();
  options.fixed_coefficients = {{.family = "", .name = "c", .value = 0.47}};
  const FitReport report = FitOn(2, options)[0];
  EXPECT_EQ(ValueOf(report, "c"), 0.47);
  EXPECT_EQ(StateOf(report, "c"), CoefficientState::kFixed);
}

TEST(FitFromRuns, AllCoefficientsFixedIsAnEvaluation) {
  FitOptions options = SmallFit();
  options.bootstrap_draw_count = 5;
  for (const Coefficient& each :
       PublishedSet("fine-grained-2024-e64")->spec().coefficients) {
    options.fixed_coefficients.push_back(
        {.family = "", .name = each.name, .value = each.value});
  }
  const FitReport report = FitOn(1, options)[0];
  ASSERT_FALSE(report.refusal.has_value());
  EXPECT_NEAR(report.train_error.log_loss_rmse, 0.003, 0.0006);
  EXPECT_TRUE(report.coefficient_set.has_value());
}

TEST(FitFromRuns, ReportCarriesTheEvidenceOfItsSet) {
  FitOptions options = SmallFit();
  options.hold_out.kind = HoldOutKind::kLowestLossCount;
  options.hold_out.count = 10;
  const RunTable table = Table();
  const FitReport report = FitOn(2, options)[0];
  EXPECT_EQ(report.train_run_count, 68);
  EXPECT_EQ(report.held_out_run_count, 10);
  ASSERT_TRUE(report.coefficient_set.has_value());
  const CoefficientSetSpec& spec = *report.coefficient_set;
  EXPECT_THAT(spec.source, HasSubstr(table.hash()));
  EXPECT_FALSE(spec.published);
  ASSERT_TRUE(spec.residual_error.has_value());
  EXPECT_EQ(spec.residual_error->held_out_rmse,
            report.held_out_error->loss_rmse);
  ASSERT_EQ(spec.domain.size(), 1u);
  EXPECT_EQ(spec.convention, table.convention());
  EXPECT_FALSE(report.suggested_runs.empty());
  // Five or six sizes in training, fewer among those held out.
  int64_t grouped = 0;
  for (const GroupFitError& each : report.group_errors) {
    grouped += each.error.run_count;
  }
  EXPECT_EQ(grouped, 78);
  const auto set = CoefficientSet::Create(spec);
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ((*set)->FixedValue(LawVariable::kExpansionRate), 64);
}

struct BadOption {
  const char* field;
  void (*spoil)(FitOptions&);
};

const BadOption kBadOptions[] = {
    {"families", [](FitOptions& o) { o.families.clear(); }},
    {"families[1]",
     [](FitOptions& o) {
       o.families = {"joint", "no such law"};
     }},
    {"families[1]",
     [](FitOptions& o) {
       o.families = {"joint", "joint"};
     }},
    {"fixed_coefficients[0].name",
     [](FitOptions& o) {
       o.fixed_coefficients = {{"", "epsilon", 1}};
     }},
    {"fixed_coefficients[1].name",
     [](FitOptions& o) {
       o.fixed_coefficients = {{"", "c", 1}, {"", "c", 2}};
     }},
    {"fixed_coefficients[0].value",
     [](FitOptions& o) {
       o.fixed_coefficients = {{"", "c", std::nan("")}};
     }},
    {"fixed_coefficients[0].value",
     [](FitOptions& o) {
       o.fixed_coefficients = {{"", "c", -1}};
     }},
    {"huber_delta", [](FitOptions& o) { o.huber_delta = 0; }},
    {"huber_delta", [](FitOptions& o) { o.huber_delta = std::nan(""); }},
    {"start_count", [](FitOptions& o) { o.start_count = 0; }},
    {"start_count", [](FitOptions& o) { o.start_count = 1000000; }},
    {"bootstrap_draw_count",
     [](FitOptions& o) { o.bootstrap_draw_count = -1; }},
    {"confidence", [](FitOptions& o) { o.confidence = 1; }},
    {"confidence", [](FitOptions& o) { o.confidence = std::nan(""); }},
    {"hold_out.count",
     [](FitOptions& o) { o.hold_out.kind = HoldOutKind::kLowestLossCount; }},
    {"hold_out.count",
     [](FitOptions& o) {
       o.hold_out.kind = HoldOutKind::kLowestLossCount;
       o.hold_out.count = 78;
     }},
    {"hold_out.fraction",
     [](FitOptions& o) {
       o.hold_out.kind = HoldOutKind::kLowestLossFraction;
       o.hold_out.fraction = std::nan("");
     }},
    {"hold_out.groups",
     [](FitOptions& o) { o.hold_out.kind = HoldOutKind::kGroups; }},
    {"hold_out.groups[0]",
     [](FitOptions& o) {
       o.hold_out.kind = HoldOutKind::kGroups;
       o.hold_out.groups = {"d99"};
     }},
    {"hold_out.threshold",
     [](FitOptions& o) { o.hold_out.kind = HoldOutKind::kAtLeast; }},
    {"initial_coefficients",
     [](FitOptions& o) {
       o.initial_coefficients = {1, 2, 3};
     }},
    {"initial_coefficients[6]",
     [](FitOptions& o) {
       o.initial_coefficients = {18, 0.1, 30, 0.1, 2, 0.5, -1};
     }},
};

TEST(FitFromRuns, BadOptionsAreNamed) {
  const RunTable table = Table();
  for (const BadOption& bad : kBadOptions) {
    SCOPED_TRACE(bad.field);
    FitOptions options = SmallFit();
    bad.spoil(options);
    Violations violations;
    CheckFitOptions(options, table, FieldPath(), violations);
    ASSERT_EQ(violations.count(), 1) << violations.ToStatus();
    EXPECT_EQ(violations.kept()[0].field, bad.field);
    EXPECT_EQ(FitFromRuns(table, options, {}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  Violations none;
  CheckFitOptions(SmallFit(), table, FieldPath(), none);
  EXPECT_TRUE(none.empty());
}

}  // namespace
}  // namespace moeplan::testing
