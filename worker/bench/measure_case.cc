#include "worker/bench/measure_case.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/status_macros.h"

namespace moeplan::worker {
namespace {

// A sample of more runs than this would hide what single runs do.
constexpr int64_t kMostRunsPerSample = 4096;

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
    if (options.idle_seconds > 0) device.Idle(options.idle_seconds);
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

}  // namespace

Measurement Named(const Case& one) {
  Measurement measurement;
  measurement.case_name = NameOf(one);
  measurement.operation = one.operation;
  measurement.dtype = one.dtype;
  measurement.backend = one.backend;
  return measurement;
}

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
  measurement.device_memory_bytes = (*prepared)->device_memory_bytes();
  measurement.hgmma_share = (*prepared)->hgmma_share();
  CheckPeak(device, measurement);
  return measurement;
}

}  // namespace moeplan::worker
