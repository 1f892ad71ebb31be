#ifndef MOEPLAN_WORKER_BENCH_SUITE_H_
#define MOEPLAN_WORKER_BENCH_SUITE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/calibration/measurement.h"
#include "worker/bench/case.h"
#include "worker/bench/runner_options.h"

namespace moeplan::worker {

// Cases and how long each is measured.
struct Suite {
  std::string name;
  std::vector<Case> cases;
  RunnerOptions options;
};

struct SuiteQuestion {
  std::string name;  // smoke, standard, full
  // Sizes follow from the kind of device: a CPU gets toy sizes (tokens <= 4096,
  // d_model 64..1024, expert width from 64, at most 32 experts), as does a fake
  // device; CUDA gets those of cuda_suite_cases.h.
  DeviceKind kind = DeviceKind::kCpu;
  std::vector<std::string> dtypes;  // one at least
  uint64_t seed = 1;
};

// The cases of a suite, names unique, sizes legal by CheckCalibration. In one
// number format `smoke` ends within 60 s, on one core and on any CUDA device;
// on an H200 `standard` ends within 5 minutes and `full` within 10. What the
// time does not suffice for is skipped.
// Errors: INVALID_ARGUMENT for another name.
absl::StatusOr<Suite> MakeSuite(const SuiteQuestion& question);

// How long a suite of that name measures each case on such a device; `smoke`
// for a name that is none, such as a file's.
RunnerOptions OptionsOf(absl::string_view suite_name, DeviceKind kind);

// Makes it one of the burst regime, which is reported and never planned with
// (reference, section 4.3): its ceilings, each of ten samples or a few more
// after a second of idling, some 12 s in all.
void MakeBurst(Suite& suite);

// Cases as a suite keeps them, each name once (the first of a name wins).
std::vector<Case> WithoutRepeats(std::vector<Case> cases);

// Seconds that measuring the case will take on options.assumed, a machine of
// which nothing is known yet.
double ExpectedSeconds(const Case& one, const RunnerOptions& options);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_BENCH_SUITE_H_
