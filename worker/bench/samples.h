#ifndef MOEPLAN_WORKER_BENCH_SAMPLES_H_
#define MOEPLAN_WORKER_BENCH_SAMPLES_H_

#include <cstdint>
#include <vector>

#include "core/calibration/measurement.h"

namespace moeplan::worker {

// Rank (from 1) of the order statistic that bounds the median from below with
// 97.5 % confidence, whatever the distribution; that of rank n + 1 - l bounds
// it from above, so that both together hold it with at least 95 %. The largest
// l with P(Binomial(n, 1/2) < l) <= 0.025; 0 for n < 6, where there is none.
int64_t LowerRankOfMedian(int64_t sample_count);

// Median, its interval, interquartile range and drift of samples in the order
// in which they were taken. Needs at least 6 samples.
Timing SummarizeSamples(const std::vector<double>& seconds,
                        int64_t discarded_count);

// When enough was measured.
struct StoppingRule {
  int64_t least_samples = kLeastSamples;
  int64_t most_samples = 10000;
  double least_seconds = 0.5;         // accumulated in accepted samples
  double most_seconds = 15;           // since the first sample, accepted or not
  double relative_half_width = 0.01;  // of the median's 95 % interval
};

enum class StopReason {
  kNone,       // go on
  kConverged,  // the interval is narrow enough
  kExhausted,  // time or samples are used up: the interval stays as it is
};

// `spent_seconds` is the time since the first sample. Cost: n log n.
StopReason ShouldStop(const StoppingRule& rule,
                      const std::vector<double>& seconds, double spent_seconds);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_BENCH_SAMPLES_H_
