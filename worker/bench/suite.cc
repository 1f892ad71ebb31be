#include "worker/bench/suite.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "worker/bench/suite_cases.h"

namespace moeplan::worker {
namespace {

constexpr double kAssumedFlopsPerSecond = 30e9;
constexpr double kAssumedBytesPerSecond = 6e9;
// Filling operands, the reference and creating kernels.
constexpr double kPrepareSeconds = 0.06;
// Samples until the interval of the median is narrow, typically.
constexpr double kTypicalSamples = 100;

}  // namespace

RunnerOptions OptionsOf(absl::string_view suite_name) {
  RunnerOptions options;
  if (suite_name == "full") {
    options.rule.least_seconds = 0.5;
    options.rule.most_seconds = 5;
  } else if (suite_name == "standard") {
    options.rule.least_seconds = 0.2;
    options.rule.most_seconds = 1;
    options.warm_up_seconds = 0.1;
  } else {
    options.rule.least_seconds = 0.05;
    options.rule.most_seconds = 0.2;
    options.warm_up_seconds = 0.02;
    options.soak_seconds = 1;
  }
  // What follows is the last case and the second look at the ceilings.
  if (suite_name == "smoke") options.most_total_seconds = 55;
  return options;
}

std::vector<Case> WithoutRepeats(std::vector<Case> cases) {
  std::set<std::string> names;
  std::erase_if(cases, [&names](const Case& one) {
    return !names.insert(NameOf(one)).second;
  });
  return cases;
}

absl::StatusOr<Suite> MakeSuite(const SuiteQuestion& question) {
  SuiteScope scope;
  if (question.name == "smoke") {
    scope = SuiteScope::kSmoke;
  } else if (question.name == "standard") {
    scope = SuiteScope::kStandard;
  } else if (question.name == "full") {
    scope = SuiteScope::kFull;
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", question.name,
                     "\" is no suite: smoke, standard, full or a file"));
  }
  if (question.kind == DeviceKind::kCuda) {
    return absl::UnimplementedError(
        "no suite has sizes for a CUDA device yet: give the cases in a file");
  }
  Suite suite;
  suite.name = question.name;
  suite.options = OptionsOf(question.name);
  for (const std::string& dtype : question.dtypes) {
    std::vector<Case> cases = CasesOf(scope, dtype, question.seed);
    std::move(cases.begin(), cases.end(), std::back_inserter(suite.cases));
  }
  suite.cases = WithoutRepeats(std::move(suite.cases));
  return suite;
}

double ExpectedSeconds(const Case& one, const RunnerOptions& options) {
  const OperationCost cost = CostOf(one.operation, ElementBytes(one.dtype));
  const double run = cost.flops / kAssumedFlopsPerSecond +
                     cost.bytes / kAssumedBytesPerSecond + 1e-6;
  const double samples =
      std::clamp(kTypicalSamples * run, options.rule.least_seconds,
                 options.rule.most_seconds);
  return kPrepareSeconds + options.warm_up_seconds + samples + 3 * run;
}

}  // namespace moeplan::worker
