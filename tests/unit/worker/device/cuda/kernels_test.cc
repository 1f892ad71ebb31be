// The computations of the kernels, run on the host, against doubles.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "tests/testing/cuda/host_kernels.h"
#include "tests/testing/cuda/numbers.h"
#include "tests/testing/cuda/thread_lanes.h"
#include "worker/kernels/lanes.h"
#include "worker/kernels/row_functions.h"

namespace moeplan::worker {
namespace {

constexpr NumberFormat kF32 = NumberFormat::kF32;
constexpr NumberFormat kBf16 = NumberFormat::kBf16;

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

TEST(Bf16Test, RoundsToTheNearestAndTiesToEven) {
  const auto bits = [](float value) { return FromFloat<Bf16>(value).bits; };
  EXPECT_EQ(bits(1.0f), 0x3f80);
  EXPECT_EQ(bits(1.0f + 0.5f / 128), 0x3f80);   // a tie, down
  EXPECT_EQ(bits(1.0f + 1.5f / 128), 0x3f82);   // a tie, up
  EXPECT_EQ(bits(1.0f + 0.51f / 128), 0x3f81);  // above the tie
  EXPECT_EQ(bits(-2.0f), 0xc000);
  EXPECT_TRUE(std::isnan(ToFloat(FromFloat<Bf16>(kernels::NotANumber()))));
}

TEST(FillNormalTest, IsNormal) {
  constexpr int64_t kCount = 200000;
  const auto values = Numbers(kF32, kCount, 7).Values();
  double moments[5] = {};
  double neighbours = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    for (int p = 1; p < 5; ++p) moments[p] += std::pow(values[i], p) / kCount;
    neighbours += values[i] * values[(i + 1) % values.size()] / kCount;
  }
  // Six standard deviations of each estimate.
  EXPECT_NEAR(moments[1], 0, 6 * std::sqrt(1.0 / kCount));
  EXPECT_NEAR(moments[2], 1, 6 * std::sqrt(2.0 / kCount));
  EXPECT_NEAR(moments[3], 0, 6 * std::sqrt(15.0 / kCount));
  EXPECT_NEAR(moments[4], 3, 6 * std::sqrt(96.0 / kCount));
  EXPECT_NEAR(neighbours, 0, 6 * std::sqrt(1.0 / kCount));
}

TEST(FillNormalTest, IsMadeOfSeedAndIndexAndScaled) {
  const auto values = Numbers(kF32, 100, 7).Values();
  EXPECT_EQ(Numbers(kF32, 50, 7).Values(),
            std::vector<double>(values.begin(), values.begin() + 50));
  EXPECT_GT(RelativeError(Numbers(kF32, 100, 8).Values(), values), 1);
  EXPECT_LT(RelativeError(Numbers(kBf16, 100, 7).Values(), values), 4e-3);
  EXPECT_EQ(Numbers(kF32, 1, 7, 4).Values()[0], 4 * values[0]);
}

TEST(PoisonTest, LeavesNoNumber) {
  for (const NumberFormat format : {kF32, kBf16}) {
    for (const double value : Numbers(format, 9).Values()) {
      EXPECT_TRUE(std::isnan(value));
    }
  }
}

class RowsTest : public testing::TestWithParam<NumberFormat> {
 protected:
  // Gate (and up) of a row lie beside each other, and `hole` elements behind.
  void ExpectActivation(int64_t rows, int64_t width, bool gated,
                        int64_t hole = 0) {
    const int64_t pitch = (gated ? 2 : 1) * width + hole;
    const ActivationSize size = {.rows = rows, .width = width, .pitch = pitch};
    Numbers in(format_, rows * pitch, 1);
    Numbers d_out(format_, rows * width, 2);
    Numbers out(format_, rows * width);
    Numbers d_in(format_, rows * pitch);
    void* up = gated ? in.From(width) : nullptr;
    void* d_up = gated ? d_in.From(width) : nullptr;
    Kernels& kernels = HostKernels();
    kernels.Activation(format_, size, in.data(), up, out.data(), nullptr);
    kernels.ActivationBackward(format_, size, in.data(), up, d_out.data(),
                               d_in.data(), d_up, nullptr);
    const auto x = in.Values();
    const auto d = d_out.Values();
    std::vector<double> want(d.size());
    std::vector<double> d_want(x.size());
    for (size_t i = 0; i < want.size(); ++i) {
      const size_t at =
          i / static_cast<size_t>(width) * static_cast<size_t>(pitch) +
          i % static_cast<size_t>(width);
      const double g = x[at];
      const double s = Sigmoid(g);
      const double u = gated ? x[at + static_cast<size_t>(width)] : 1;
      want[i] = g * s * u;
      d_want[at] = d[i] * u * s * (1 + g * (1 - s));
      if (gated) d_want[at + static_cast<size_t>(width)] = d[i] * g * s;
    }
    std::vector<double> d_got = d_in.Values();
    for (size_t i = 0; i < d_got.size(); ++i) {
      // What lies between the rows is not written.
      if (i % static_cast<size_t>(pitch) >= static_cast<size_t>(pitch - hole)) {
        EXPECT_TRUE(std::isnan(std::exchange(d_got[i], 0)));
      }
    }
    EXPECT_LT(RelativeError(out.Values(), want), RoundingOf(format_));
    EXPECT_LT(RelativeError(d_got, d_want), RoundingOf(format_));
  }

  void ExpectNorm(int64_t rows, int64_t width) {
    Numbers x(format_, rows * width, 1);
    Numbers residual(format_, rows * width, 2);
    Numbers sum(format_, rows * width);
    Numbers normed(format_, rows * width);
    HostKernels().ResidualNorm(format_, rows, width, x.data(), residual.data(),
                               sum.data(), normed.data(), nullptr);
    std::vector<double> sums = x.Values();
    const auto added = residual.Values();
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += added[i];
    std::vector<double> want = sums;
    const auto step = static_cast<ptrdiff_t>(width);
    for (auto row = want.begin(); row != want.end(); row += step) {
      const double mean = std::inner_product(row, row + step, row, 0.0) /
                          static_cast<double>(width);
      for (auto i = row; i != row + step; ++i) *i /= std::sqrt(mean + 1e-6);
    }
    EXPECT_LT(RelativeError(sum.Values(), sums), RoundingOf(format_));
    EXPECT_LT(RelativeError(normed.Values(), want), RoundingOf(format_));
  }

  const NumberFormat format_ = GetParam();
};

TEST_P(RowsTest, ActivationsAndTheirGradients) {
  // 5 and 12: narrower accesses; 64: the widest.
  for (const int64_t width : {1, 5, 12, 64}) {
    ExpectActivation(1, width, true);
    ExpectActivation(3, width, true);
    ExpectActivation(3, width, false);
  }
  // Of such rows only the first is aligned.
  ExpectActivation(3, 64, true, 1);
}

TEST_P(RowsTest, NormsOfRowsThatAreKeptAndThatAreNot) {
  for (const int64_t width : {1, 3, 16, 32, 40, 600}) ExpectNorm(3, width);
}

TEST_P(RowsTest, SeveralLanesNormAsOneDoes) {
  for (const int64_t width : {8, 40, 600}) {
    Numbers x(format_, width, 1);
    Numbers residual(format_, width, 2);
    Numbers sum(format_, width);
    Numbers normed(format_, width);
    Numbers one_sum(format_, width);
    Numbers one_normed(format_, width);
    kernels::WithAccess(format_, width, [&](auto access) {
      using A = decltype(access);
      using T = typename A::Type;
      const auto run = [&](const auto& lanes, Numbers& to, Numbers& to_normed) {
        kernels::ResidualNormRow<A::kPack, 2>(
            lanes, width, static_cast<const T*>(x.data()),
            static_cast<const T*>(residual.data()), static_cast<T*>(to.data()),
            static_cast<T*>(to_normed.data()));
      };
      ThreadLanes::Run(
          4, [&](const ThreadLanes& lanes) { run(lanes, sum, normed); });
      run(kernels::OneLane(), one_sum, one_normed);
    });
    EXPECT_EQ(sum.Values(), one_sum.Values());
    EXPECT_LT(RelativeError(normed.Values(), one_normed.Values()),
              RoundingOf(format_));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, RowsTest, testing::Values(kF32, kBf16));

struct Losses {
  std::vector<double> losses, gradient;
};

Losses ReferenceLosses(const std::vector<double>& logits,
                       const std::vector<int32_t>& targets, size_t vocabulary) {
  Losses want;
  for (size_t t = 0; t < targets.size(); ++t) {
    const double* row = &logits[t * vocabulary];
    const double most = *std::max_element(row, row + vocabulary);
    double sum = 0;
    for (size_t v = 0; v < vocabulary; ++v) sum += std::exp(row[v] - most);
    const auto target = static_cast<size_t>(targets[t]);
    want.losses.push_back(std::log(sum) + most - row[target]);
    for (size_t v = 0; v < vocabulary; ++v) {
      want.gradient.push_back(std::exp(row[v] - most) / sum -
                              (v == target ? 1 : 0));
    }
  }
  return want;
}

TEST(CrossEntropyTest, LossesAndGradients) {
  for (const int64_t vocabulary : {1, 7, 64, 1001}) {
    // Large logits, whose exponentials would overflow, are no problem.
    for (const float scale : {2.0f, 200.0f}) {
      Numbers logits(kF32, 3 * vocabulary, 1, scale);
      Numbers losses(kF32, 3);
      Numbers gradient(kF32, 3 * vocabulary);
      const std::vector<int32_t> targets = {
          0, static_cast<int32_t>(vocabulary / 2),
          static_cast<int32_t>(vocabulary - 1)};
      HostKernels().CrossEntropy(3, vocabulary, logits.floats(), targets.data(),
                                 losses.floats(), gradient.floats(), nullptr);
      const Losses want = ReferenceLosses(logits.Values(), targets,
                                          static_cast<size_t>(vocabulary));
      EXPECT_LT(RelativeError(losses.Values(), want.losses), 1e-5);
      EXPECT_LT(RelativeError(gradient.Values(), want.gradient), 1e-5);
    }
  }
}

TEST(CrossEntropyTest, SeveralLanesComputeAsOneDoes) {
  // More lanes than packs, and rows that lanes do not share evenly.
  for (const int64_t vocabulary : {4, 12, 52, 1000}) {
    Numbers logits(kF32, vocabulary, 1, 2);
    Numbers gradient(kF32, vocabulary);
    const std::vector<int32_t> targets = {3};
    std::vector<double> losses(4);
    ThreadLanes::Run(4, [&](const ThreadLanes& lanes) {
      losses[static_cast<size_t>(lanes.lane())] = kernels::CrossEntropyRow<4>(
          lanes, vocabulary, logits.floats(), targets[0], gradient.floats());
    });
    const Losses want = ReferenceLosses(logits.Values(), targets,
                                        static_cast<size_t>(vocabulary));
    EXPECT_LT(RelativeError(gradient.Values(), want.gradient), 1e-5);
    for (const double loss : losses) EXPECT_NEAR(loss, want.losses[0], 1e-5);
  }
}

TEST(AdamWTest, OneStep) {
  const AdamStep step = {
      .learning_rate = 0.1f, .correction1 = 10, .correction2 = 20};
  for (const int64_t count : {1, 8, 1003}) {
    Numbers gradient(kBf16, count, 1, 1e-2f);
    Numbers weights(kF32, count, 2);
    Numbers moment1(kF32, count, 3, 1e-2f);
    Numbers moment2(kF32, count, 4, 1e-2f);
    Numbers copy(kBf16, count);
    for (int64_t i = 0; i < count; ++i) {
      moment2.floats()[i] = std::abs(moment2.floats()[i]);
    }
    std::vector<double> w = weights.Values();
    std::vector<double> m = moment1.Values();
    std::vector<double> v = moment2.Values();
    const auto g = gradient.Values();
    for (size_t i = 0; i < g.size(); ++i) {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.95 * v[i] + 0.05 * g[i] * g[i];
      const double update = m[i] * 10 / (std::sqrt(v[i] * 20) + 1e-8);
      w[i] -= 0.1 * (update + 0.1 * w[i]);
    }
    HostKernels().AdamW(step, gradient.data(), weights.floats(),
                        moment1.floats(), moment2.floats(), copy.data(), count,
                        nullptr);
    EXPECT_LT(RelativeError(weights.Values(), w), 2e-6);
    EXPECT_LT(RelativeError(moment1.Values(), m), 2e-6);
    EXPECT_LT(RelativeError(moment2.Values(), v), 2e-6);
    EXPECT_LT(RelativeError(copy.Values(), w), 4e-3);
  }
}

}  // namespace
}  // namespace moeplan::worker
