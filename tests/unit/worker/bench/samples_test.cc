#include "worker/bench/samples.h"

#include <gtest/gtest.h>

#include <vector>

namespace moeplan::worker {
namespace {

TEST(SamplesTest, RanksAreThoseOfTheSignTestsTables) {
  // Conover, Practical Nonparametric Statistics, table A3: n and l with
  // P(Binomial(n, 1/2) < l) <= 0.025.
  EXPECT_EQ(LowerRankOfMedian(5), 0);
  EXPECT_EQ(LowerRankOfMedian(6), 1);
  EXPECT_EQ(LowerRankOfMedian(9), 2);
  EXPECT_EQ(LowerRankOfMedian(10), 2);
  EXPECT_EQ(LowerRankOfMedian(12), 3);
  EXPECT_EQ(LowerRankOfMedian(20), 6);
  EXPECT_EQ(LowerRankOfMedian(25), 8);
  EXPECT_EQ(LowerRankOfMedian(100), 40);
  // n / 2 - 1.96 sqrt(n) / 2, the normal limit.
  EXPECT_NEAR(static_cast<double>(LowerRankOfMedian(10000)), 4902, 1);
}

TEST(SamplesTest, SummaryOfKnownValues) {
  const std::vector<double> seconds = {10, 1, 9, 2, 8, 3, 7, 4, 6, 5, 11};
  const Timing timing = SummarizeSamples(seconds, 3);
  EXPECT_EQ(timing.median_seconds, 6);
  EXPECT_EQ(timing.lower_seconds, 2);  // rank 2 of 11
  EXPECT_EQ(timing.upper_seconds, 10);
  EXPECT_EQ(timing.iqr_seconds, 5);  // 8.5 - 3.5
  EXPECT_EQ(timing.sample_count, 11);
  EXPECT_EQ(timing.discarded_count, 3);
  // Last three: 6, 5, 11; first three: 10, 1, 9.
  EXPECT_DOUBLE_EQ(*timing.drift_ratio, 6.0 / 9.0);
}

TEST(SamplesTest, DriftShowsATrend) {
  std::vector<double> seconds;
  for (int i = 0; i < 30; ++i) seconds.push_back(1 + 0.01 * i);
  EXPECT_GT(*SummarizeSamples(seconds, 0).drift_ratio, 1.15);
}

class StoppingTest : public testing::Test {
 protected:
  StoppingRule rule_ = {.least_samples = 10,
                        .most_samples = 1000,
                        .least_seconds = 1,
                        .most_seconds = 20,
                        .relative_half_width = 0.01};
};

TEST_F(StoppingTest, EqualSamplesConverge) {
  EXPECT_EQ(ShouldStop(rule_, std::vector<double>(12, 0.5), 6),
            StopReason::kConverged);
}

TEST_F(StoppingTest, TooFewSamplesOrTooLittleTimeGoOn) {
  EXPECT_EQ(ShouldStop(rule_, std::vector<double>(9, 0.5), 4.5),
            StopReason::kNone);
  EXPECT_EQ(ShouldStop(rule_, std::vector<double>(50, 0.01), 0.5),
            StopReason::kNone);
}

TEST_F(StoppingTest, WideIntervalsGoOnUntilTimeOrSamplesAreUsedUp) {
  std::vector<double> seconds;
  for (int i = 0; i < 40; ++i) seconds.push_back(i % 2 == 0 ? 0.1 : 0.2);
  EXPECT_EQ(ShouldStop(rule_, seconds, 6), StopReason::kNone);
  EXPECT_EQ(ShouldStop(rule_, seconds, 20), StopReason::kExhausted);
  rule_.most_samples = 40;
  EXPECT_EQ(ShouldStop(rule_, seconds, 6), StopReason::kExhausted);
}

TEST_F(StoppingTest, NoAcceptedSamplesEndWithTheTime) {
  EXPECT_EQ(ShouldStop(rule_, {}, 1), StopReason::kNone);
  EXPECT_EQ(ShouldStop(rule_, {}, 21), StopReason::kExhausted);
}

}  // namespace
}  // namespace moeplan::worker
