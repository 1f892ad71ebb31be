#include "worker/bench/runner.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"
#include "worker/bench/measure_case.h"
#include "worker/bench/suite.h"

namespace moeplan::worker {
namespace {

constexpr double kMostCeilingDrift = 0.02;

// Ceilings, and then the others, each in their order.
std::vector<const Case*> InOrder(const std::vector<Case>& cases) {
  std::vector<const Case*> order;
  for (const Case& one : cases) order.push_back(&one);
  std::stable_partition(order.begin(), order.end(),
                        [](const Case* one) { return one->is_ceiling; });
  return order;
}

// Median seconds of a case in its two quickest rounds.
struct Shortest {
  double first = std::numeric_limits<double>::infinity();
  double second = std::numeric_limits<double>::infinity();
};

// Measures the cases of one run and keeps its clock.
class Run {
 public:
  Run(Device& device, const RunnerOptions& options, const RunHandlers& handlers)
      : device_(device),
        options_(options),
        handlers_(handlers),
        start_seconds_(device.NowSeconds()) {}

  void SkipFinished(const std::vector<Measurement>& finished) {
    for (const Measurement& one : finished) {
      finished_.insert(one.case_name);
      Keep(one);
    }
  }

  absl::Status MeasureAll(const std::vector<const Case*>& order) {
    for (const Case* one : order) {
      Expect(*one, finished_.contains(NameOf(*one)) ? 0 : 1);
      if (options_.most_rounds > 1) Expect(*one, 1);
    }
    for (const Case* one : order) {
      ShowProgress(*one);
      MOEPLAN_RETURN_IF_ERROR(MeasureOne(*one));
      ++progress_.done;
    }
    std::vector<const Case*> round = order;
    for (int i = 1; i < options_.most_rounds && cut_short_.empty(); ++i) {
      if (i > 1) {
        LeaveDisagreeing(round);
        for (const Case* one : round) Expect(*one, 1);
      }
      MOEPLAN_RETURN_IF_ERROR(MeasureAgain(round));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<RunSummary> Summary(const std::vector<const Case*>& order) {
    RunSummary summary;
    if (!cut_short_.empty()) summary.remarks.push_back(cut_short_);
    for (const Case* one : order) {
      const auto before = shortest_.find(NameOf(*one));
      if (!one->is_ceiling || before == shortest_.end()) continue;
      if (IsInterrupted(options_.interrupter)) return Interrupted();
      const Measurement again = MeasureCase(device_, *one, options_);
      if (!again.timing.has_value()) {
        summary.remarks.push_back(
            absl::StrCat("ceiling ", again.case_name,
                         " could not be repeated: ", again.disposition_reason));
        continue;
      }
      const double ratio = again.timing->median_seconds / before->second.first;
      if (std::abs(ratio - 1) > std::abs(summary.ceiling_ratio - 1)) {
        summary.ceiling_ratio = ratio;
      }
      if (std::abs(ratio - 1) > kMostCeilingDrift) {
        summary.remarks.push_back(absl::StrFormat(
            "drifted: ceiling %s took %.1f %% %s time at the end than before",
            again.case_name, 100 * std::abs(ratio - 1),
            ratio > 1 ? "more" : "less"));
      }
    }
    return summary;
  }

 private:
  static absl::Status Interrupted() {
    return absl::CancelledError("the run was interrupted");
  }

  // Whether it is the shortest time of its case so far, which it then is.
  bool Keep(const Measurement& one) {
    if (!one.timing.has_value()) return false;
    const double seconds = one.timing->median_seconds;
    Shortest& times = shortest_[one.case_name];
    if (seconds >= times.first) {
      times.second = std::min(times.second, seconds);
      return false;
    }
    times = {.first = seconds, .second = times.first};
    return true;
  }

  // How far its two shortest times are apart; 0 where it has none, so that
  // another round can do nothing for it.
  double Disagreement(const Case& one) const {
    const auto times = shortest_.find(NameOf(one));
    if (times == shortest_.end()) return 0;
    return times->second.second / times->second.first - 1;
  }

  // Those that another round is for, the worst first, for the time may not
  // suffice for all.
  void LeaveDisagreeing(std::vector<const Case*>& round) const {
    std::erase_if(round, [this](const Case* one) {
      return Disagreement(*one) <= options_.round_agreement;
    });
    std::stable_sort(round.begin(), round.end(),
                     [this](const Case* a, const Case* b) {
                       return Disagreement(*a) > Disagreement(*b);
                     });
  }

  bool TimeIsUp() {
    return device_.NowSeconds() - start_seconds_ > options_.most_total_seconds;
  }

  absl::Status MeasureOne(const Case& one) {
    if (finished_.contains(NameOf(one))) return absl::OkStatus();
    if (IsInterrupted(options_.interrupter)) return Interrupted();
    CountExpected(one);
    RunnerOptions options = options_;
    // The machine is soaked once, by what it does at most.
    if (one.is_ceiling && shortest_.empty()) {
      options.warm_up_seconds =
          std::max(options.warm_up_seconds, options.soak_seconds);
    }
    absl::Status lost;
    Measurement measurement = Named(one);
    if (TimeIsUp()) {
      measurement.disposition = Disposition::kSkipped;
      measurement.disposition_reason = absl::StrFormat(
          "the run's %.0f s were used up", options_.most_total_seconds);
    } else {
      measurement = MeasureCase(device_, one, options, &lost);
      // An error of this case may have taken the device from all others.
      if (lost.ok()) lost = device_.Usable();
    }
    if (IsInterrupted(options_.interrupter)) return Interrupted();
    Keep(measurement);
    MOEPLAN_RETURN_IF_ERROR(handlers_.on_measured(measurement));
    return lost;
  }

  absl::Status MeasureAgain(const std::vector<const Case*>& round) {
    for (const Case* one : round) {
      if (IsInterrupted(options_.interrupter)) return Interrupted();
      ShowProgress(*one);
      CountExpected(*one);
      ++progress_.done;
      if (!shortest_.contains(NameOf(*one))) continue;
      if (TimeIsUp()) {
        cut_short_ = absl::StrFormat(
            "the run's %.0f s were used up: cases whose times do not agree "
            "were "
            "not measured again",
            options_.most_total_seconds);
        return absl::OkStatus();
      }
      absl::Status lost;
      const Measurement again = MeasureCase(device_, *one, options_, &lost);
      if (IsInterrupted(options_.interrupter)) return Interrupted();
      if (Keep(again)) MOEPLAN_RETURN_IF_ERROR(handlers_.on_measured(again));
      MOEPLAN_RETURN_IF_ERROR(lost);
      MOEPLAN_RETURN_IF_ERROR(device_.Usable());
    }
    return absl::OkStatus();
  }

  // `times` more measurements of the case are to come.
  void Expect(const Case& one, int times) {
    progress_.total += 1;
    expected_left_ += times * ExpectedSeconds(one, options_);
  }

  void CountExpected(const Case& one) {
    expected_left_ -= ExpectedSeconds(one, options_);
    expected_done_ += ExpectedSeconds(one, options_);
  }

  void ShowProgress(const Case& one) {
    progress_.case_name = NameOf(one);
    progress_.seconds_left = SecondsLeft();
    if (handlers_.on_progress) handlers_.on_progress(progress_);
  }

  double SecondsLeft() {
    const double spent = device_.NowSeconds() - start_seconds_;
    // What was expected is corrected by how long it really took.
    const double pace = expected_done_ > 0 ? spent / expected_done_ : 1;
    const double left = expected_left_ * pace;
    return std::min(left, std::max(options_.most_total_seconds - spent, 0.0));
  }

  Device& device_;
  const RunnerOptions& options_;
  const RunHandlers& handlers_;
  const double start_seconds_;
  double expected_left_ = 0;
  double expected_done_ = 0;
  RunProgress progress_;
  std::set<std::string> finished_;
  std::map<std::string, Shortest> shortest_;  // by case name
  std::string cut_short_;
};

}  // namespace

absl::StatusOr<RunSummary> RunCases(Device& device,
                                    const std::vector<Case>& cases,
                                    const std::vector<Measurement>& finished,
                                    const RunnerOptions& options,
                                    const RunHandlers& handlers) {
  Run run(device, options, handlers);
  run.SkipFinished(finished);
  const std::vector<const Case*> order = InOrder(cases);
  MOEPLAN_RETURN_IF_ERROR(run.MeasureAll(order));
  return run.Summary(order);
}

}  // namespace moeplan::worker
