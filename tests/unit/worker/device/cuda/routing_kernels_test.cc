// What routes tokens to experts, run on the host, against brute force.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "tests/testing/cuda/host_kernels.h"
#include "tests/testing/cuda/numbers.h"
#include "tests/testing/cuda/thread_lanes.h"
#include "worker/bench/routing.h"
#include "worker/kernels/routing_functions.h"

namespace moeplan::worker {
namespace {

constexpr NumberFormat kF32 = NumberFormat::kF32;
constexpr NumberFormat kBf16 = NumberFormat::kBf16;

std::vector<double> Softmax(const float* logits, int64_t count) {
  std::vector<double> p;
  for (int64_t e = 0; e < count; ++e) {
    p.push_back(std::exp(static_cast<double>(logits[e])));
  }
  const double sum = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& each : p) each /= sum;
  return p;
}

// The largest first, of equal ones the first.
std::vector<int32_t> LargestOf(const float* values, int64_t count, int64_t k) {
  std::vector<int32_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return values[a] > values[b]; });
  order.resize(static_cast<size_t>(k));
  return order;
}

struct Chosen {
  std::vector<double> probabilities;
  std::vector<int32_t> experts;
};

Chosen RunSoftmaxTopK(const RoutingSize& size, Numbers& logits) {
  Numbers probabilities(kF32, size.tokens * size.experts);
  std::vector<int32_t> experts(static_cast<size_t>(size.rows()), -1);
  HostKernels().SoftmaxTopK(size, logits.floats(), probabilities.floats(),
                            experts.data(), nullptr);
  return {probabilities.Values(), experts};
}

TEST(SoftmaxTopKTest, ProbabilitiesAndTheMostProbable) {
  const std::pair<int64_t, int64_t> kSizes[] = {
      {1, 1}, {7, 7}, {64, 8}, {65, 32}, {300, 6}, {1024, 32}, {2048, 2}};
  for (const auto& [experts, choices] : kSizes) {
    const RoutingSize size = {
        .tokens = 3, .experts = experts, .choices = choices};
    Numbers logits(kF32, 3 * experts, static_cast<uint64_t>(experts), 2);
    const Chosen got = RunSoftmaxTopK(size, logits);
    std::vector<double> want;
    std::vector<int32_t> chosen;
    for (int64_t t = 0; t < 3; ++t) {
      const float* row = logits.floats() + t * experts;
      const auto p = Softmax(row, experts);
      want.insert(want.end(), p.begin(), p.end());
      const auto largest = LargestOf(row, experts, choices);
      chosen.insert(chosen.end(), largest.begin(), largest.end());
    }
    EXPECT_LT(RelativeError(got.probabilities, want), 2e-6);
    EXPECT_EQ(got.experts, chosen);
  }
}

TEST(SoftmaxTopKTest, EqualLogitsAreChosenInOrder) {
  for (const int64_t experts : {6, 100}) {
    const RoutingSize size = {.tokens = 1, .experts = experts, .choices = 4};
    Numbers logits(kF32, experts);
    std::fill_n(logits.floats(), experts, 1.0f);
    logits.floats()[5] = 3;
    EXPECT_EQ(RunSoftmaxTopK(size, logits).experts,
              (std::vector<int32_t>{5, 0, 1, 2}));
  }
}

TEST(SoftmaxTopKTest, ExpertsThatCannotBeReachedComeLast) {
  const RoutingSize size = {.tokens = 1, .experts = 3, .choices = 3};
  Numbers logits(kF32, 3);
  logits.floats()[0] = -std::numeric_limits<float>::infinity();
  logits.floats()[1] = 0;
  logits.floats()[2] = 200;
  EXPECT_EQ(RunSoftmaxTopK(size, logits).experts,
            (std::vector<int32_t>{2, 0, 1}));
}

// Rows are addressed by what was chosen.
TEST(SoftmaxTopKTest, ExpertsOfProbabilitiesThatAreNotNumbersExist) {
  // Of infinities, softmax makes a NaN of another sign.
  for (const float logit : {std::numeric_limits<float>::quiet_NaN(),
                            -std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity()}) {
    for (const int64_t experts : {6, 100}) {
      const RoutingSize size = {.tokens = 2, .experts = experts, .choices = 4};
      Numbers logits(kF32, 2 * experts);
      std::fill_n(logits.floats(), 2 * experts, logit);
      for (const int32_t e : RunSoftmaxTopK(size, logits).experts) {
        EXPECT_GE(e, 0);
        EXPECT_LT(e, experts);
      }
    }
  }
}

TEST(SoftmaxTopKTest, SeveralLanesChooseAsOneDoes) {
  for (const int32_t experts : {1, 3, 30, 32}) {
    Numbers logits(kF32, experts, 5);
    Numbers p(kF32, experts);
    Numbers long_p(kF32, experts);
    const int32_t choices = std::min(experts, 6);
    std::vector<int32_t> chosen(static_cast<size_t>(choices), -1);
    std::vector<int32_t> long_chosen = chosen;
    ThreadLanes::Run(4, [&](const ThreadLanes& lanes) {
      kernels::SoftmaxTopKRow<8>(lanes, experts, choices, logits.floats(),
                                 p.floats(), chosen.data());
      kernels::SoftmaxTopKLongRow(lanes, experts, choices, logits.floats(),
                                  long_p.floats(), long_chosen.data());
    });
    const auto want = LargestOf(logits.floats(), experts, choices);
    EXPECT_EQ(chosen, want);
    EXPECT_EQ(long_chosen, want);
    EXPECT_LT(RelativeError(p.Values(), Softmax(logits.floats(), experts)),
              2e-6);
    EXPECT_LT(RelativeError(long_p.Values(), Softmax(logits.floats(), experts)),
              2e-6);
  }
}

struct Index {
  std::vector<int32_t> slots;
  std::vector<double> weights;
};

Index BuildIndex(const RoutingSize& size, const std::vector<int32_t>& experts,
                 Numbers& probabilities) {
  int64_t bytes = 0;
  EXPECT_EQ(HostKernels().IndexWorkspaceBytes(size, &bytes), cudaSuccess);
  std::vector<unsigned char> workspace(static_cast<size_t>(bytes));
  Index index;
  index.slots.assign(experts.size(), -1);
  Numbers weights(kF32, size.rows());
  HostKernels().InitIndexWorkspace(size, workspace.data(), nullptr);
  HostKernels().BuildIndex(size, experts.data(), probabilities.floats(),
                           workspace.data(), index.slots.data(),
                           weights.floats(), nullptr);
  index.weights = weights.Values();
  return index;
}

TEST(BuildIndexTest, RowsLieTogetherExpertByExpertInOrder) {
  for (const RoutingPattern pattern :
       {RoutingPattern::kBalanced, RoutingPattern::kHoles,
        RoutingPattern::kZipf, RoutingPattern::kOneHot}) {
    const RoutingSize size = {.tokens = 31, .experts = 7, .choices = 2};
    const auto rows = DrawRows(pattern, 31, 7, 2, 5);
    const auto experts = AssignExperts(rows, 31, 2, 5);
    Numbers p(kF32, 31 * 7, 1);
    const Index got = BuildIndex(size, experts, p);
    int32_t slot = 0;
    for (int32_t e = 0; e < 7; ++e) {
      for (size_t i = 0; i < experts.size(); ++i) {
        if (experts[i] == e) {
          EXPECT_EQ(got.slots[i], slot++);
        }
      }
    }
    for (size_t i = 0; i < experts.size(); ++i) {
      EXPECT_EQ(got.weights[i],
                p.Values()[i / 2 * 7 + static_cast<size_t>(experts[i])]);
    }
  }
}

class MovedRowsTest : public testing::TestWithParam<NumberFormat> {
 protected:
  // Slots that are no identity: tokens come in the opposite order.
  static RoutingSize SizeOf(int64_t d_model) {
    return {.tokens = 5, .experts = 4, .choices = 3, .d_model = d_model};
  }
  static std::vector<int32_t> SlotsOf(const RoutingSize& size) {
    std::vector<int32_t> slots(static_cast<size_t>(size.rows()));
    std::iota(slots.rbegin(), slots.rend(), 0);
    return slots;
  }

  const NumberFormat format_ = GetParam();
};

TEST_P(MovedRowsTest, ThereAndBack) {
  for (const int64_t d : {1, 12, 64}) {
    const RoutingSize size = SizeOf(d);
    const auto slots = SlotsOf(size);
    Numbers x(format_, 5 * d, 1);
    Numbers rows(format_, 15 * d);
    Numbers weights(kF32, 15, 2);
    Numbers combined(format_, 5 * d);
    Numbers summed(format_, 5 * d, 3);
    const auto before = summed.Values();
    Kernels& kernels = HostKernels();
    kernels.Permute(format_, size, x.data(), slots.data(), rows.data(),
                    nullptr);
    kernels.Combine(format_, size, rows.data(), slots.data(), weights.floats(),
                    nullptr, combined.data(), nullptr);
    kernels.Combine(format_, size, rows.data(), slots.data(), nullptr,
                    summed.data(), summed.data(), nullptr);
    std::vector<double> want_combined;
    std::vector<double> want_summed;
    for (size_t i = 0; i < before.size(); ++i) {
      const size_t t = i / static_cast<size_t>(d);
      double weight = 0;
      for (size_t j = 0; j < 3; ++j) weight += weights.Values()[3 * t + j];
      want_combined.push_back(weight * x.Values()[i]);
      want_summed.push_back(before[i] + 3 * x.Values()[i]);
      for (size_t j = 0; j < 3; ++j) {
        const size_t row = static_cast<size_t>(slots[3 * t + j]);
        EXPECT_EQ(rows.Values()[row * static_cast<size_t>(d) +
                                i % static_cast<size_t>(d)],
                  x.Values()[i]);
      }
    }
    EXPECT_LT(RelativeError(combined.Values(), want_combined),
              RoundingOf(format_));
    EXPECT_LT(RelativeError(summed.Values(), want_summed), RoundingOf(format_));
  }
}

TEST_P(MovedRowsTest, GradientsOfRowsAndWeights) {
  for (const int64_t d : {1, 12, 64}) {
    const RoutingSize size = SizeOf(d);
    const auto slots = SlotsOf(size);
    Numbers d_out(format_, 5 * d, 1);
    Numbers rows(format_, 15 * d, 2);
    Numbers weights(kF32, 15, 3);
    Numbers d_rows(format_, 15 * d);
    Numbers d_weights(kF32, 15);
    HostKernels().CombineBackward(format_, size, d_out.data(), rows.data(),
                                  slots.data(), weights.floats(), d_rows.data(),
                                  d_weights.floats(), nullptr);
    std::vector<double> want(static_cast<size_t>(15 * d));
    std::vector<double> want_weights(15, 0.0);
    for (size_t i = 0; i < 15; ++i) {
      for (size_t c = 0; c < static_cast<size_t>(d); ++c) {
        const size_t at =
            static_cast<size_t>(slots[i]) * static_cast<size_t>(d) + c;
        const double g = d_out.Values()[i / 3 * static_cast<size_t>(d) + c];
        want[at] = weights.Values()[i] * g;
        want_weights[i] += g * rows.Values()[at];
      }
    }
    EXPECT_LT(RelativeError(d_rows.Values(), want), RoundingOf(format_));
    EXPECT_LT(RelativeError(d_weights.Values(), want_weights), 2e-6);
  }
}

TEST_P(MovedRowsTest, SeveralLanesComputeGradientsAsOneDoes) {
  constexpr int64_t kWidth = 40;
  Numbers d_out(format_, kWidth, 1);
  Numbers row(format_, kWidth, 2);
  Numbers d_row(format_, kWidth);
  std::vector<double> dots(4);
  kernels::WithAccess(format_, kWidth, [&](auto access) {
    using A = decltype(access);
    using T = typename A::Type;
    ThreadLanes::Run(4, [&](const ThreadLanes& lanes) {
      dots[static_cast<size_t>(lanes.lane())] =
          kernels::CombineBackwardRow<A::kPack>(
              lanes, kWidth, static_cast<const T*>(d_out.data()),
              static_cast<const T*>(row.data()), 0.5f,
              static_cast<T*>(d_row.data()));
    });
  });
  std::vector<double> want = d_out.Values();
  const auto y = row.Values();
  const double dot =
      std::inner_product(want.begin(), want.end(), y.begin(), 0.0);
  for (double& each : want) each *= 0.5;
  EXPECT_LT(RelativeError(d_row.Values(), want), RoundingOf(format_));
  for (const double each : dots) EXPECT_NEAR(each, dot, 1e-5);
}

TEST_P(MovedRowsTest, GradientOfLogits) {
  constexpr int32_t kExperts = 9;
  const std::vector<int32_t> chosen = {7, 0, 4};
  Numbers logits(kF32, kExperts, 1);
  const auto p = Softmax(logits.floats(), kExperts);
  Numbers probabilities(kF32, kExperts);
  Numbers weights(kF32, 3);
  Numbers d_weights(kF32, 3, 2);
  for (size_t e = 0; e < p.size(); ++e) {
    probabilities.floats()[e] = static_cast<float>(p[e]);
  }
  std::vector<double> g(kExperts, 0.0);
  double mean = 0;
  for (size_t j = 0; j < 3; ++j) {
    const auto e = static_cast<size_t>(chosen[j]);
    weights.floats()[j] = static_cast<float>(p[e]);
    g[e] = d_weights.Values()[j];
    mean += p[e] * g[e];
  }
  std::vector<double> want;
  for (size_t e = 0; e < p.size(); ++e) want.push_back(p[e] * (g[e] - mean));
  Numbers alone(format_, kExperts);
  Numbers together(format_, kExperts);
  kernels::WithAccess(format_, 1, [&](auto access) {
    using T = typename decltype(access)::Type;
    const auto run = [&](const auto& lanes, Numbers& to) {
      kernels::SoftmaxBackwardRow(
          lanes, kExperts, 3, probabilities.floats(), chosen.data(),
          weights.floats(), d_weights.floats(), static_cast<T*>(to.data()));
    };
    run(kernels::OneLane(), alone);
    ThreadLanes::Run(4,
                     [&](const ThreadLanes& lanes) { run(lanes, together); });
  });
  EXPECT_LT(RelativeError(alone.Values(), want), RoundingOf(format_));
  EXPECT_LT(RelativeError(together.Values(), want), RoundingOf(format_));
}

INSTANTIATE_TEST_SUITE_P(Formats, MovedRowsTest, testing::Values(kF32, kBf16));

}  // namespace
}  // namespace moeplan::worker
