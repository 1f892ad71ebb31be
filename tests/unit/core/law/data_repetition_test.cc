#include "core/law/data_repetition.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/solve/dual.h"
#include "tests/testing/steps.h"

namespace moeplan {
namespace {

class DataRepetitionTest
    : public ::testing::TestWithParam<const DataRepetition*> {};

TEST_P(DataRepetitionTest, IsFoundByName) {
  EXPECT_EQ(FindDataRepetition(GetParam()->name), GetParam());
  EXPECT_EQ(FindDataRepetition("no such transform"), nullptr);
}

TEST_P(DataRepetitionTest, OneEpochIsWorthItself) {
  EXPECT_EQ(EffectiveTokens(*GetParam(), 4e9, 5e9), 4e9);
  EXPECT_EQ(EffectiveTokens(*GetParam(), 5e9, 5e9), 5e9);
  EXPECT_NEAR(EffectiveTokens(*GetParam(), 5e9 * (1 + 1e-9), 5e9) / 5e9, 1,
              2e-9);
}

// Section 4.2 of the reference: up to four epochs cost almost nothing.
TEST_P(DataRepetitionTest, FourEpochsAreWorthNearlyFour) {
  const double worth = EffectiveTokens(*GetParam(), 20e9, 5e9);
  EXPECT_LT(worth, 20e9);
  EXPECT_GT(worth, 0.93 * 20e9);
}

TEST_P(DataRepetitionTest, EndlessEpochsSaturate) {
  const double most = 5e9 * (1 + GetParam()->token_decay);
  EXPECT_NEAR(EffectiveTokens(*GetParam(), 1e15, 5e9) / most, 1, 1e-12);
  double before = 0;
  for (const double tokens : testing::FactorSteps(1e9, 2e12, 1.3)) {
    const double worth = EffectiveTokens(*GetParam(), tokens, 5e9);
    EXPECT_GT(worth, before) << tokens;
    EXPECT_LE(worth, tokens);
    EXPECT_LT(worth, most);
    before = worth;
  }
}

TEST_P(DataRepetitionTest, ValueOfTheNextTokenFallsExponentially) {
  for (const double epochs : {1.5, 4.0, 40.0}) {
    const Dual<1> tokens(epochs * 5e9, 0);
    const Dual<1> worth = EffectiveTokens(*GetParam(), tokens, 5e9);
    EXPECT_DOUBLE_EQ(worth.a, EffectiveTokens(*GetParam(), tokens.a, 5e9));
    EXPECT_NEAR(worth.v[0], std::exp((1 - epochs) / GetParam()->token_decay),
                1e-12);
  }
}

TEST_P(DataRepetitionTest, UsefulParamsAreThoseOfTheUniqueTokens) {
  // Below 0.051 U_D nothing is excess; D below U_D counts as the unique tokens.
  EXPECT_EQ(EffectiveParams(*GetParam(), 0.9 * 0.051 * 5e9, 20e9, 5e9),
            0.9 * 0.051 * 5e9);
  EXPECT_EQ(EffectiveParams(*GetParam(), 1e9, 5e9, 20e9),
            EffectiveParams(*GetParam(), 1e9, 5e9, 5e9));
  EXPECT_NEAR(EffectiveParams(*GetParam(), 1e13, 20e9, 5e9) /
                  (0.051 * 5e9 * (1 + GetParam()->param_decay)),
              1, 1e-12);
}

// Section 4.2: 0.051 = (A / B)^(1 / alpha).
TEST_P(DataRepetitionTest, ParamsPerUniqueTokenFollowFromTheLoss) {
  EXPECT_NEAR(std::pow(GetParam()->a / GetParam()->b, 1 / GetParam()->exponent),
              GetParam()->params_per_unique_token, 2e-4);
}

TEST_P(DataRepetitionTest, LossFallsWithTokensAndRisesWithRepetition) {
  double before = 1e9;
  for (const double tokens : testing::FactorSteps(1e9, 1e12, 1.5)) {
    const double loss = RepeatedDataLoss(*GetParam(), 1e8, tokens, 5e9);
    EXPECT_LT(loss, before) << tokens;
    EXPECT_GT(loss, GetParam()->c);
    EXPECT_GE(loss, RepeatedDataLoss(*GetParam(), 1e8, tokens, 1e12));
    before = loss;
  }
}

INSTANTIATE_TEST_SUITE_P(Every, DataRepetitionTest,
                         ::testing::Values(&AllDataRepetitions()[0],
                                           &AllDataRepetitions()[1]));

}  // namespace
}  // namespace moeplan
