#ifndef MOEPLAN_WORKER_BENCH_RUNNER_H_
#define MOEPLAN_WORKER_BENCH_RUNNER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/calibration/measurement.h"
#include "worker/bench/case.h"
#include "worker/bench/runner_options.h"
#include "worker/device/device.h"

namespace moeplan::worker {

// Where a run stands.
struct RunProgress {
  int64_t done = 0;         // cases, those of an earlier run included
  int64_t total = 0;        // grows with each round beyond the second
  double seconds_left = 0;  // estimated
  std::string case_name;    // the one that starts now
};

struct RunHandlers {
  // Called with each measurement as it is made, in order; of several of one
  // case the last counts. An error ends the run.
  std::function<absl::Status(const Measurement&)> on_measured;
  std::function<void(const RunProgress&)> on_progress;  // may be empty
};

struct RunSummary {
  // Last median of each ceiling over its shortest before, the farthest from 1;
  // 1 where no ceiling was measured twice.
  double ceiling_ratio = 1;
  // Something to be known with the measurements, such as drift above 2 %.
  std::vector<std::string> remarks;
};

// Measures the cases that `finished` does not hold by name, ceilings first, in
// order; then, in further rounds, those with a timing again, of which only a
// shorter one is handed on; then the ceilings once more. A case that the time
// does not suffice for is reported as skipped, and rounds as cut short.
// Errors: UNAVAILABLE when the device is lost; CANCELLED when interrupted;
// those of on_measured.
absl::StatusOr<RunSummary> RunCases(Device& device,
                                    const std::vector<Case>& cases,
                                    const std::vector<Measurement>& finished,
                                    const RunnerOptions& options,
                                    const RunHandlers& handlers);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_BENCH_RUNNER_H_
