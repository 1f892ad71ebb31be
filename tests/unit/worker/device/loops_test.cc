#include "worker/device/loops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace moeplan::worker {
namespace {

TEST(Bf16Test, RoundsToTheNearestTiesToEven) {
  EXPECT_EQ(ToFloat(FromFloat<Bf16>(1.0f)), 1.0f);
  // 1 + 2^-8 lies between 1 and 1 + 2^-7; 1 is even.
  EXPECT_EQ(ToFloat(FromFloat<Bf16>(1.00390625f)), 1.0f);
  EXPECT_EQ(ToFloat(FromFloat<Bf16>(1.01171875f)), 1.015625f);
  EXPECT_EQ(ToFloat(FromFloat<Bf16>(-2.5f)), -2.5f);
  EXPECT_TRUE(std::isnan(
      ToFloat(FromFloat<Bf16>(std::numeric_limits<float>::quiet_NaN()))));
}

TEST(LoopsTest, SiluIsCloseOverItsRange) {
  std::vector<float> in, out(401);
  for (int i = -200; i <= 200; ++i) in.push_back(0.4f * static_cast<float>(i));
  loops::SiluForward(in.data(), out.data(), 401);
  for (size_t i = 0; i < in.size(); ++i) {
    const double x = in[i];
    const double want = x / (1 + std::exp(-x));
    // The exponential loses a digit of |x| each; it never passes 2^126.
    const double allowed = 2e-7 * (5 + std::abs(x)) * std::abs(want);
    EXPECT_NEAR(out[i], want, allowed + 1e-35) << x;
  }
}

TEST(LoopsTest, SoftmaxTakesLargeScores) {
  const std::vector<float> in = {1000, 999, -1000};
  std::vector<float> out(3);
  loops::Softmax(in.data(), 1.0f, out.data(), 3);
  EXPECT_NEAR(out[0], 1 / (1 + std::exp(-1.0)), 1e-6);
  EXPECT_NEAR(out[0] + out[1] + out[2], 1, 1e-6);
}

TEST(LoopsTest, CrossEntropyOfKnownLogits) {
  const std::vector<float> logits = {0, std::log(2.0f), std::log(5.0f)};
  std::vector<float> gradient(3);
  EXPECT_NEAR(loops::CrossEntropy(logits.data(), 1, gradient.data(), 3),
              std::log(4.0), 1e-6);
  EXPECT_NEAR(gradient[0], 1.0 / 8, 1e-6);
  EXPECT_NEAR(gradient[1], 2.0 / 8 - 1, 1e-6);
  EXPECT_NEAR(gradient[2], 5.0 / 8, 1e-6);
}

TEST(LoopsTest, TopKTakesDifferentExpertsInOrder) {
  // Three tokens of a group that holds sixteen.
  const std::vector<float> logits = {0, 3, 1, 2, 5, 5, 5, 5, -1, -2, -3, -4};
  std::vector<float> scratch(4 * loops::kTopKTokens), probabilities(12);
  std::vector<int32_t> chosen(6);
  loops::SoftmaxTopK(logits.data(), 3, 4, 2, scratch.data(),
                     probabilities.data(), chosen.data());
  EXPECT_EQ(chosen, (std::vector<int32_t>{1, 3, 0, 1, 0, 1}));
  EXPECT_NEAR(probabilities[4], 0.25, 1e-6);
}

TEST(LoopsTest, WeightedSumMayAddToItsOwnRow) {
  std::vector<float> a(1000, 2.0f), sum(1000, 1.0f);
  const float* rows[] = {a.data(), sum.data()};
  const float weights[] = {3, 1};
  loops::WeightedSum(rows, weights, 2, sum.data(), 1000);
  EXPECT_EQ(sum, std::vector<float>(1000, 7.0f));
}

TEST(LoopsTest, AdamWMovesAgainstTheGradient) {
  const std::vector<Bf16> gradient(3, FromFloat<Bf16>(1.0f));
  std::vector<float> weights(3, 0.5f), first(3, 0.0f), second(3, 0.0f);
  std::vector<Bf16> copy(3);
  AdamStep step = {.correction1 = 10.0f, .correction2 = 20.0f};
  loops::AdamW(step, gradient.data(), weights.data(), first.data(),
               second.data(), copy.data(), 3);
  // The first step is the learning rate long, and decays.
  EXPECT_NEAR(weights[0], 0.5 - 1e-3 * (1 + 0.1 * 0.5), 1e-6);
  EXPECT_NEAR(first[0], 0.1, 1e-6);
  EXPECT_NEAR(second[0], 0.05, 1e-6);
}

}  // namespace
}  // namespace moeplan::worker
