#include "worker/bench/samples.h"

#include <algorithm>
#include <cmath>

#include "absl/types/span.h"
#include "core/base/statistics.h"

namespace moeplan::worker {
namespace {

constexpr double kTail = 0.025;
constexpr int64_t kLeastForInterval = 6;

// First and last third of this many samples are compared for drift.
constexpr size_t kLeastForDrift = 9;

}  // namespace

int64_t LowerRankOfMedian(int64_t sample_count) {
  const double n = static_cast<double>(sample_count);
  const double log_all = n * std::log(0.5);
  double below = 0;
  int64_t rank = 0;
  // P(Binomial(n, 1/2) <= rank), term by term.
  for (; rank < sample_count; ++rank) {
    const double k = static_cast<double>(rank);
    below += std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) -
                      std::lgamma(n - k + 1) + log_all);
    if (below > kTail) break;
  }
  return rank;
}

Timing SummarizeSamples(const std::vector<double>& seconds,
                        int64_t discarded_count) {
  std::vector<double> sorted = seconds;
  std::sort(sorted.begin(), sorted.end());
  const size_t count = sorted.size();
  const size_t rank =
      static_cast<size_t>(LowerRankOfMedian(static_cast<int64_t>(count)));
  Timing timing;
  timing.median_seconds = Median(sorted);
  timing.lower_seconds = sorted[rank - 1];
  timing.upper_seconds = sorted[count - rank];
  timing.iqr_seconds = Quantile(sorted, 0.75) - Quantile(sorted, 0.25);
  timing.sample_count = static_cast<int64_t>(count);
  timing.discarded_count = discarded_count;
  if (count >= kLeastForDrift) {
    const absl::Span<const double> all = seconds;
    timing.drift_ratio =
        Median(all.last(count / 3)) / Median(all.first(count / 3));
  }
  return timing;
}

StopReason ShouldStop(const StoppingRule& rule,
                      const std::vector<double>& seconds,
                      double spent_seconds) {
  const int64_t count = static_cast<int64_t>(seconds.size());
  if (count >= std::max(rule.least_samples, kLeastForInterval) &&
      Sum(seconds) >= rule.least_seconds) {
    const Timing timing = SummarizeSamples(seconds, 0);
    const double half_width =
        std::max(timing.upper_seconds - timing.median_seconds,
                 timing.median_seconds - timing.lower_seconds);
    if (half_width <= rule.relative_half_width * timing.median_seconds) {
      return StopReason::kConverged;
    }
  }
  if (spent_seconds >= rule.most_seconds || count >= rule.most_samples) {
    return StopReason::kExhausted;
  }
  return StopReason::kNone;
}

}  // namespace moeplan::worker
