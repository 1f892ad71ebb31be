#ifndef MOEPLAN_WORKER_BENCH_MEASURE_CASE_H_
#define MOEPLAN_WORKER_BENCH_MEASURE_CASE_H_

#include <string>

#include "absl/status/status.h"
#include "core/calibration/measurement.h"
#include "worker/bench/case.h"
#include "worker/bench/runner_options.h"
#include "worker/device/device.h"

namespace moeplan::worker {

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

// A measurement of the case that has neither disposition nor number yet.
Measurement Named(const Case& one);

// "passed", "incorrect", ...
std::string NameOf(Disposition disposition);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_BENCH_MEASURE_CASE_H_
