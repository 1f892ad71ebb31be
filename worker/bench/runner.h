#ifndef MOEPLAN_WORKER_BENCH_RUNNER_H_
#define MOEPLAN_WORKER_BENCH_RUNNER_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/interrupter.h"
#include "core/calibration/measurement.h"
#include "worker/bench/case.h"
#include "worker/bench/samples.h"
#include "worker/device/device.h"

namespace moeplan::worker {

// What a machine of which nothing is known yet is taken for, so that it can be
// said how long a suite will take.
struct AssumedMachine {
  double flops_per_second = 30e9;  // in bf16
  double f32_flops_per_second = 30e9;
  double bytes_per_second = 6e9;
  // Of each case: filling operands, the reference, creating kernels.
  double prepare_seconds = 0.06;
};

struct RunnerOptions {
  StoppingRule rule;
  double warm_up_seconds = 0.2;  // of each case, before its first sample
  double soak_seconds = 2;       // of the first ceiling, once, before all
  // Runs of shorter operations are timed together.
  double least_sample_seconds = 50e-6;
  // Cases that would start later are skipped; those of a resumed run are not
  // counted.
  double most_total_seconds = std::numeric_limits<double>::infinity();
  AssumedMachine assumed;  // by default a core
  const Interrupter* interrupter = nullptr;
};

// Where a run stands.
struct RunProgress {
  int64_t done = 0;  // cases, those of an earlier run included
  int64_t total = 0;
  double seconds_left = 0;  // estimated
  std::string case_name;    // the one that starts now
};

struct RunHandlers {
  // Called with each measurement as it is made, in order; an error ends the
  // run.
  std::function<absl::Status(const Measurement&)> on_measured;
  std::function<void(const RunProgress&)> on_progress;  // may be empty
};

struct RunSummary {
  // Last median of each ceiling over its first, the farthest from 1; 1 where no
  // ceiling was measured twice.
  double ceiling_ratio = 1;
  // Something to be known with the measurements, such as drift above 2 %.
  std::vector<std::string> remarks;
};

// Measures one case: prepare, numerics gate, warm-up, samples until the rule
// says stop. Whatever goes wrong is its disposition:
//   incorrect    relative error above what is allowed, or not finite
//   unsupported  Prepare says UNIMPLEMENTED
//   failed       out of memory, error of memory, any other error
//   contended    too few samples left, most lost to others on the device
//   no_samples   too few samples left for another reason
//   above_peak   a rate above the clock-true peak by more than kPeakTolerance
// Only a passed case has a timing.
// `lost`, where given, is set to the error when the device is lost.
Measurement MeasureCase(Device& device, const Case& one,
                        const RunnerOptions& options,
                        absl::Status* lost = nullptr);

// Measures the cases that `finished` does not hold by name, ceilings first, in
// order; then the ceilings once more. Work that the time does not suffice for
// is reported as skipped. Errors: UNAVAILABLE when the device is lost;
// CANCELLED when interrupted; those of on_measured.
absl::StatusOr<RunSummary> RunCases(Device& device,
                                    const std::vector<Case>& cases,
                                    const std::vector<Measurement>& finished,
                                    const RunnerOptions& options,
                                    const RunHandlers& handlers);

// "passed", "incorrect", ...
std::string NameOf(Disposition disposition);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_BENCH_RUNNER_H_
