#include "worker/bench/suite.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "worker/bench/cuda_suite_cases.h"
#include "worker/bench/suite_cases.h"

namespace moeplan::worker {
namespace {

// What an H200 was seen to deliver at most.
constexpr AssumedMachine kAssumedCuda = {.flops_per_second = 785e12,
                                         .f32_flops_per_second = 50e12,
                                         .bytes_per_second = 4.3e12,
                                         .prepare_seconds = 0.25};
// Samples until the interval of the median is narrow, typically.
constexpr double kTypicalSamples = 100;

}  // namespace

RunnerOptions OptionsOf(absl::string_view suite_name, DeviceKind kind) {
  RunnerOptions options;
  const bool is_cuda = kind == DeviceKind::kCuda;
  if (is_cuda) {
    options.assumed = kAssumedCuda;
    // Between samples a GPU waits for the host, some 0.1 ms: at its power limit
    // it runs only if they are much longer.
    options.least_sample_seconds = 1e-3;
  }
  if (suite_name == "full") {
    options.rule.least_seconds = is_cuda ? 0.3 : 0.5;
    options.rule.most_seconds = is_cuda ? 2 : 5;
  } else if (suite_name == "standard") {
    options.rule.least_seconds = 0.2;
    options.rule.most_seconds = 1;
    if (!is_cuda) options.warm_up_seconds = 0.1;
  } else {
    options.rule.least_seconds = 0.05;
    options.rule.most_seconds = 0.2;
    options.warm_up_seconds = 0.02;
    options.soak_seconds = 1;
  }
  if (kind == DeviceKind::kCpu) {
    // A core is shared with others, unlike a GPU.
    options.most_rounds = 6;
    options.rule.least_seconds /= 2;
    options.rule.most_seconds /= 2;
  }
  // What follows is the last case and the second look at the ceilings.
  if (suite_name == "smoke") options.most_total_seconds = 55;
  if (is_cuda && suite_name == "standard") options.most_total_seconds = 290;
  if (is_cuda && suite_name == "full") options.most_total_seconds = 585;
  return options;
}

void MakeBurst(Suite& suite) {
  std::erase_if(suite.cases, [](const Case& one) { return !one.is_ceiling; });
  RunnerOptions& options = suite.options;
  options.idle_seconds = 1;
  options.warm_up_seconds = 0;
  options.soak_seconds = 0;
  options.most_rounds = 1;
  options.rule.least_seconds = 0;
  options.rule.most_seconds = 15;
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
  Suite suite;
  suite.name = question.name;
  suite.options = OptionsOf(question.name, question.kind);
  const auto cases_of =
      question.kind == DeviceKind::kCuda ? CudaCasesOf : CpuCasesOf;
  for (const std::string& dtype : question.dtypes) {
    std::vector<Case> cases = cases_of(scope, dtype, question.seed);
    std::move(cases.begin(), cases.end(), std::back_inserter(suite.cases));
  }
  suite.cases = WithoutRepeats(std::move(suite.cases));
  return suite;
}

double ExpectedSeconds(const Case& one, const RunnerOptions& options) {
  const OperationCost cost = CostOf(one.operation, ElementBytes(one.dtype));
  const AssumedMachine& machine = options.assumed;
  const double run =
      cost.flops / (one.dtype == "f32" ? machine.f32_flops_per_second
                                       : machine.flops_per_second) +
      cost.bytes / machine.bytes_per_second + 1e-6;
  const double samples =
      options.idle_seconds > 0
          ? static_cast<double>(options.rule.least_samples) *
                (options.idle_seconds + run)
          : std::clamp(kTypicalSamples * run, options.rule.least_seconds,
                       options.rule.most_seconds);
  return machine.prepare_seconds + options.warm_up_seconds + samples + 3 * run;
}

}  // namespace moeplan::worker
