#include "worker/bench/routing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

namespace moeplan::worker {
namespace {

constexpr RoutingPattern kAll[] = {
    RoutingPattern::kBalanced,    RoutingPattern::kHoles,
    RoutingPattern::kMultinomial, RoutingPattern::kZipf,
    RoutingPattern::kOneHot,      RoutingPattern::kZipfHalf,
    RoutingPattern::kDirichlet};

int64_t SumOf(const std::vector<int64_t>& rows) {
  return std::accumulate(rows.begin(), rows.end(), int64_t{0});
}

TEST(RoutingTest, RowsSumToTokensTimesChoicesAndNoExpertHasMoreThanTokens) {
  for (const RoutingPattern pattern : kAll) {
    for (const int64_t tokens : {1, 7, 128}) {
      for (const int64_t experts : {1, 2, 8, 33}) {
        for (const int64_t choices :
             {int64_t{1}, std::min<int64_t>(experts, 3), experts}) {
          const auto rows = DrawRows(pattern, tokens, experts, choices, 5);
          SCOPED_TRACE(std::string(NameOf(pattern)));
          ASSERT_EQ(static_cast<int64_t>(rows.size()), experts);
          EXPECT_EQ(SumOf(rows), tokens * choices);
          EXPECT_GE(*std::min_element(rows.begin(), rows.end()), 0);
          EXPECT_LE(*std::max_element(rows.begin(), rows.end()), tokens);
        }
      }
    }
  }
}

TEST(RoutingTest, TheSameSeedGivesTheSameRows) {
  for (const RoutingPattern pattern : kAll) {
    EXPECT_EQ(DrawRows(pattern, 100, 8, 2, 3), DrawRows(pattern, 100, 8, 2, 3));
  }
  for (const RoutingPattern pattern :
       {RoutingPattern::kMultinomial, RoutingPattern::kZipf,
        RoutingPattern::kZipfHalf, RoutingPattern::kDirichlet}) {
    EXPECT_NE(DrawRows(pattern, 100, 8, 2, 3), DrawRows(pattern, 100, 8, 2, 4));
  }
}

TEST(RoutingTest, PatternsLookAsTheyAreCalled) {
  EXPECT_EQ(DrawRows(RoutingPattern::kBalanced, 10, 4, 2, 1),
            (std::vector<int64_t>{5, 5, 5, 5}));
  EXPECT_EQ(DrawRows(RoutingPattern::kHoles, 8, 5, 1, 1),
            (std::vector<int64_t>{0, 4, 0, 4, 0}));
  EXPECT_EQ(DrawRows(RoutingPattern::kOneHot, 6, 4, 2, 1),
            (std::vector<int64_t>{6, 2, 2, 2}));
  EXPECT_EQ(DrawRows(RoutingPattern::kOneHot, 6, 3, 1, 1),
            (std::vector<int64_t>{6, 0, 0}));
}

TEST(RoutingTest, ZipfsFirstExpertGetsItsShare) {
  // 1 / (1 + 1/2 + 1/3 + 1/4) = 0.48 of 20,000 tokens.
  std::vector<int64_t> rows = DrawRows(RoutingPattern::kZipf, 20000, 4, 1, 11);
  std::sort(rows.rbegin(), rows.rend());
  EXPECT_NEAR(static_cast<double>(rows[0]), 9600, 300);
  EXPECT_NEAR(static_cast<double>(rows[3]), 2400, 200);
}

TEST(RoutingTest, ZipfHalfsFirstExpertGetsItsShare) {
  // 1 / (1 + 1/sqrt(2) + 1/sqrt(3) + 1/2) = 0.359 of 20,000 tokens.
  std::vector<int64_t> rows =
      DrawRows(RoutingPattern::kZipfHalf, 20000, 4, 1, 11);
  std::sort(rows.rbegin(), rows.rend());
  EXPECT_NEAR(static_cast<double>(rows[0]), 7180, 300);
  EXPECT_NEAR(static_cast<double>(rows[3]), 3590, 200);
}

TEST(RoutingTest, DirichletsSharesAreThoseOfUniformWeights) {
  // The largest of n shares that are uniform among all that sum to 1 is
  // (1 + 1/2 + ... + 1/n) / n on average: 0.521 for 4.
  double largest = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    const auto rows = DrawRows(RoutingPattern::kDirichlet, 500, 4, 1, seed);
    largest += static_cast<double>(*std::max_element(rows.begin(), rows.end()));
  }
  EXPECT_NEAR(largest / 400 / 500, 0.521, 0.02);
}

TEST(RoutingTest, AssignmentsHaveTheRowsAndEachTokenDifferentExperts) {
  for (const RoutingPattern pattern : kAll) {
    const auto rows = DrawRows(pattern, 50, 8, 3, 2);
    const auto experts = AssignExperts(rows, 50, 3, 9);
    ASSERT_EQ(experts.size(), 150u);
    std::vector<int64_t> counted(8, 0);
    for (size_t token = 0; token < 50; ++token) {
      std::set<int32_t> different;
      for (size_t j = 0; j < 3; ++j) {
        different.insert(experts[3 * token + j]);
        ++counted[static_cast<size_t>(experts[3 * token + j])];
      }
      EXPECT_EQ(different.size(), 3u);
    }
    EXPECT_EQ(counted, rows);
  }
}

TEST(RoutingTest, NamesAreReadBack) {
  for (const RoutingPattern pattern : kAll) {
    EXPECT_EQ(*RoutingPatternOf(NameOf(pattern)), pattern);
  }
  EXPECT_FALSE(RoutingPatternOf("even").ok());
}

}  // namespace
}  // namespace moeplan::worker
