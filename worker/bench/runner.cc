#include "worker/bench/runner.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"
#include "worker/bench/suite.h"

namespace moeplan::worker {
namespace {

constexpr double kMostCeilingDrift = 0.02;
// A sample of more runs than this would hide what single runs do.
constexpr int64_t kMostRunsPerSample = 4096;

Measurement Named(const Case& one) {
  Measurement measurement;
  measurement.case_name = NameOf(one);
  measurement.operation = one.operation;
  measurement.dtype = one.dtype;
  measurement.backend = one.backend;
  return measurement;
}

void Fail(const absl::Status& status, Measurement& measurement,
          absl::Status* lost) {
  if (lost != nullptr && absl::IsUnavailable(status)) *lost = status;
  measurement.disposition = status.code() == absl::StatusCode::kUnimplemented
                                ? Disposition::kUnsupported
                                : Disposition::kFailed;
  measurement.disposition_reason = std::string(status.message());
  if (status.code() == absl::StatusCode::kResourceExhausted) {
    measurement.disposition_reason =
        absl::StrCat("out of memory: ", status.message());
  } else if (status.code() == absl::StatusCode::kDataLoss) {
    measurement.disposition_reason =
        absl::StrCat("uncorrected memory error: ", status.message());
  }
}

// The numerics gate; whether it let the case pass.
bool PassesNumerics(PreparedCase& prepared, Measurement& measurement,
                    absl::Status* lost) {
  const auto check = prepared.CheckNumerics();
  if (!check.ok()) {
    Fail(check.status(), measurement, lost);
    return false;
  }
  if (check->passed()) return true;
  measurement.disposition = Disposition::kIncorrect;
  measurement.disposition_reason = absl::StrFormat(
      "%s differs from the reference by %.2g of its norm; %.2g is allowed",
      check->output, check->relative_error, check->most_allowed);
  return false;
}

// Runs without counting for `seconds`; returns how long one run takes.
absl::StatusOr<double> WarmUp(Device& device, PreparedCase& prepared,
                              double seconds) {
  const double start = device.NowSeconds();
  double shortest = std::numeric_limits<double>::infinity();
  int64_t runs = 1;
  do {
    MOEPLAN_ASSIGN_OR_RETURN(const Sample sample, prepared.Time(runs));
    shortest = std::min(shortest, sample.seconds);
    // Few clock readings where a run takes no time.
    if (sample.seconds * static_cast<double>(runs) < 1e-4) {
      runs = std::min(2 * runs, kMostRunsPerSample);
    }
  } while (device.NowSeconds() - start < seconds);
  return shortest;
}

struct Samples {
  std::vector<double> seconds;
  int64_t contended = 0;
  int64_t slowed = 0;
};

absl::StatusOr<Samples> Take(Device& device, PreparedCase& prepared,
                             double run_seconds, const RunnerOptions& options) {
  const int64_t runs = static_cast<int64_t>(std::clamp(
      std::ceil(options.least_sample_seconds / std::max(run_seconds, 1e-12)),
      1.0, static_cast<double>(kMostRunsPerSample)));
  Samples samples;
  // Intervals are looked at when an eighth more samples are there: sorting
  // after each one would take longer than a short operation.
  size_t next_look = 0;
  const double start = device.NowSeconds();
  while (!IsInterrupted(options.interrupter)) {
    MOEPLAN_ASSIGN_OR_RETURN(const Sample sample, prepared.Time(runs));
    switch (sample.fault) {
      case SampleFault::kNone:
        samples.seconds.push_back(sample.seconds);
        break;
      case SampleFault::kContended:
        ++samples.contended;
        break;
      case SampleFault::kSlowdown:
        ++samples.slowed;
        break;
    }
    const double spent = device.NowSeconds() - start;
    if (samples.seconds.size() < next_look &&
        spent < options.rule.most_seconds) {
      continue;
    }
    // A sample takes `runs` runs, of which each adds to what was measured.
    StoppingRule rule = options.rule;
    rule.least_seconds /= static_cast<double>(runs);
    if (ShouldStop(rule, samples.seconds, spent) != StopReason::kNone) break;
    next_look = samples.seconds.size() + samples.seconds.size() / 8 + 1;
  }
  return samples;
}

// Takes the place of a timing where too few samples are left.
void RefuseSamples(const Samples& samples, Measurement& measurement) {
  const bool contended = samples.contended > samples.slowed;
  measurement.disposition =
      contended ? Disposition::kContended : Disposition::kNoSamples;
  measurement.disposition_reason =
      absl::StrCat(samples.seconds.size(), " samples were accepted, ",
                   kLeastSamples, " are needed; ", samples.contended,
                   " were lost to others on the device, ", samples.slowed,
                   " to thermal or power slowdown");
}

void CheckPeak(Device& device, Measurement& measurement) {
  for (const ClockTruePeak& peak : device.ClockTruePeaks()) {
    if (peak.dtype != measurement.dtype) continue;
    const double rate =
        CostOf(measurement.operation, ElementBytes(measurement.dtype)).flops /
        measurement.timing->median_seconds;
    if (rate <= peak.flops_per_second * (1 + kPeakTolerance)) continue;
    measurement.disposition = Disposition::kAbovePeak;
    measurement.disposition_reason = absl::StrFormat(
        "%.4g FLOP/s are above the clock-true peak of %.4g: the count or the "
        "timer is wrong",
        rate, peak.flops_per_second);
    measurement.timing.reset();
    return;
  }
}

// Ceilings, and then the others, each in their order.
std::vector<const Case*> InOrder(const std::vector<Case>& cases) {
  std::vector<const Case*> order;
  for (const Case& one : cases) order.push_back(&one);
  std::stable_partition(order.begin(), order.end(),
                        [](const Case* one) { return one->is_ceiling; });
  return order;
}

// Measures the cases of one run and keeps its clock.
class Run {
 public:
  Run(Device& device, const RunnerOptions& options, const RunHandlers& handlers)
      : device_(device),
        options_(options),
        handlers_(handlers),
        start_seconds_(device.NowSeconds()) {}

  void SkipFinished(const std::vector<Measurement>& finished) {
    for (const Measurement& one : finished) finished_[one.case_name] = &one;
  }

  absl::Status MeasureAll(const std::vector<const Case*>& order) {
    RunProgress progress;
    progress.total = static_cast<int64_t>(order.size());
    for (const Case* one : order) {
      if (!finished_.contains(NameOf(*one))) {
        expected_left_ += ExpectedSeconds(*one, options_);
      }
    }
    for (const Case* one : order) {
      progress.case_name = NameOf(*one);
      progress.seconds_left = SecondsLeft();
      if (handlers_.on_progress) handlers_.on_progress(progress);
      MOEPLAN_RETURN_IF_ERROR(MeasureOne(*one));
      ++progress.done;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<RunSummary> Summary(const std::vector<const Case*>& order) {
    RunSummary summary;
    for (const Case* one : order) {
      const auto first = first_ceilings_.find(NameOf(*one));
      if (!one->is_ceiling || first == first_ceilings_.end()) continue;
      if (IsInterrupted(options_.interrupter)) return Interrupted();
      const Measurement again = MeasureCase(device_, *one, options_);
      if (!again.timing.has_value()) {
        summary.remarks.push_back(
            absl::StrCat("ceiling ", again.case_name,
                         " could not be repeated: ", again.disposition_reason));
        continue;
      }
      const double ratio = again.timing->median_seconds / first->second;
      if (std::abs(ratio - 1) > std::abs(summary.ceiling_ratio - 1)) {
        summary.ceiling_ratio = ratio;
      }
      if (std::abs(ratio - 1) > kMostCeilingDrift) {
        summary.remarks.push_back(absl::StrFormat(
            "drifted: ceiling %s took %.1f %% %s time at the end than at the "
            "start",
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

  absl::Status MeasureOne(const Case& one) {
    const auto earlier = finished_.find(NameOf(one));
    if (earlier != finished_.end()) {
      if (one.is_ceiling && earlier->second->timing.has_value()) {
        first_ceilings_[NameOf(one)] = earlier->second->timing->median_seconds;
      }
      return absl::OkStatus();
    }
    if (IsInterrupted(options_.interrupter)) return Interrupted();
    expected_left_ -= ExpectedSeconds(one, options_);
    expected_done_ += ExpectedSeconds(one, options_);
    RunnerOptions options = options_;
    // The machine is soaked once, by what it does at most.
    if (one.is_ceiling && first_ceilings_.empty()) {
      options.warm_up_seconds =
          std::max(options.warm_up_seconds, options.soak_seconds);
    }
    absl::Status lost;
    Measurement measurement = Named(one);
    if (device_.NowSeconds() - start_seconds_ > options_.most_total_seconds) {
      measurement.disposition = Disposition::kSkipped;
      measurement.disposition_reason = absl::StrFormat(
          "the run's %.0f s were used up", options_.most_total_seconds);
    } else {
      measurement = MeasureCase(device_, one, options, &lost);
      // An error of this case may have taken the device from all others.
      if (lost.ok()) lost = device_.Usable();
    }
    if (IsInterrupted(options_.interrupter)) return Interrupted();
    if (one.is_ceiling && measurement.timing.has_value()) {
      first_ceilings_[measurement.case_name] =
          measurement.timing->median_seconds;
    }
    MOEPLAN_RETURN_IF_ERROR(handlers_.on_measured(measurement));
    return lost;
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
  std::map<std::string, const Measurement*> finished_;
  std::map<std::string, double> first_ceilings_;
};

}  // namespace

std::string NameOf(Disposition disposition) {
  constexpr const char* kNames[] = {"passed",     "incorrect", "unsupported",
                                    "skipped",    "failed",    "contended",
                                    "no_samples", "above_peak"};
  return kNames[static_cast<size_t>(disposition)];
}

Measurement MeasureCase(Device& device, const Case& one,
                        const RunnerOptions& options, absl::Status* lost) {
  Measurement measurement = Named(one);
  const auto prepared = device.Prepare(one);
  if (!prepared.ok()) {
    Fail(prepared.status(), measurement, lost);
    return measurement;
  }
  measurement.backend = (*prepared)->backend();
  if (!PassesNumerics(**prepared, measurement, lost)) return measurement;
  const auto run_seconds = WarmUp(device, **prepared, options.warm_up_seconds);
  if (!run_seconds.ok()) {
    Fail(run_seconds.status(), measurement, lost);
    return measurement;
  }
  const auto samples = Take(device, **prepared, *run_seconds, options);
  if (!samples.ok()) {
    Fail(samples.status(), measurement, lost);
    return measurement;
  }
  if (static_cast<int64_t>(samples->seconds.size()) < kLeastSamples) {
    RefuseSamples(*samples, measurement);
    return measurement;
  }
  measurement.disposition = Disposition::kPassed;
  measurement.timing =
      SummarizeSamples(samples->seconds, samples->contended + samples->slowed);
  (*prepared)->Count();
  measurement.executed_flops = (*prepared)->executed_flops();
  measurement.counted_moved_bytes = (*prepared)->counted_moved_bytes();
  measurement.peak_memory_bytes = (*prepared)->peak_memory_bytes();
  CheckPeak(device, measurement);
  return measurement;
}

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
