// The kernels that make numbers in e4m3, run on the host.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "tests/testing/cuda/e4m3.h"
#include "tests/testing/cuda/host_kernels.h"
#include "tests/testing/cuda/numbers.h"
#include "tests/testing/cuda/thread_lanes.h"
#include "worker/kernels/lanes.h"
#include "worker/kernels/quantise_functions.h"

namespace moeplan::worker {
namespace {

constexpr NumberFormat kBf16 = NumberFormat::kBf16;

uint8_t Code(float value) {
  return static_cast<uint8_t>(kernels::TwoInE4m3(value, 0));
}

TEST(E4m3Test, EveryNumberIsItsOwnCode) {
  EXPECT_EQ(FromE4m3(0x7e), 448);
  EXPECT_EQ(FromE4m3(0x01), std::ldexp(1.0f, -9));
  EXPECT_EQ(FromE4m3(0xb8), -1);
  for (int code = 0; code < 256; ++code) {
    const float value = FromE4m3(static_cast<uint8_t>(code));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(FromE4m3(Code(value))));
    } else {
      EXPECT_EQ(Code(value), code);
    }
  }
}

TEST(E4m3Test, RoundsToTheNearestAndTiesToEven) {
  for (uint8_t code = 0; code < 0x7e; ++code) {
    const float low = FromE4m3(code);
    const float high = FromE4m3(static_cast<uint8_t>(code + 1));
    const float middle = (low + high) / 2;
    EXPECT_EQ(Code(std::nextafter(middle, 0.0f)), code);
    EXPECT_EQ(Code(std::nextafter(middle, 500.0f)), code + 1);
    EXPECT_EQ(Code(middle), code + code % 2);
    EXPECT_EQ(Code(-middle), 0x80 + code + code % 2);
  }
}

TEST(E4m3Test, LargerNumbersBecomeTheLargest) {
  for (const float value : {449.0f, 470.0f, 1e6f, INFINITY}) {
    EXPECT_EQ(FromE4m3(Code(value)), 448);
    EXPECT_EQ(FromE4m3(Code(-value)), -448);
  }
}

TEST(E4m3Test, FourNumbersLieInTheirOrder) {
  EXPECT_EQ(kernels::FourInE4m3({1.0f, -1.0f, 448.0f, 0.0f}), 0x007eb838u);
}

float AbsMaxOf(Numbers& numbers, float before = 0) {
  float most = before;
  HostKernels().AbsMax(numbers.data(), numbers.count(), &most, nullptr);
  return most;
}

TEST(AbsMaxTest, IsThatOfTheLargestWhereverItLies) {
  // Odd numbers of elements are read one by one.
  for (const int64_t count : {1, 7, 8, 33, 64, 1000}) {
    for (const int64_t at : {int64_t{0}, count / 2, count - 1}) {
      for (const float value : {100.0f, -100.0f}) {
        Numbers numbers(kBf16, count, 1);
        static_cast<Bf16*>(numbers.data())[at] = FromFloat<Bf16>(value);
        EXPECT_EQ(AbsMaxOf(numbers), 100);
        EXPECT_EQ(AbsMaxOf(numbers, 99), 100);
        EXPECT_EQ(AbsMaxOf(numbers, 101), 101);
      }
    }
  }
}

TEST(AbsMaxTest, SeveralLanesFindWhatOneDoes) {
  constexpr int kLanes = 4;
  // Less than a chunk, and more, of which a chunk is read.
  constexpr int64_t kChunk = kernels::QuantisedChunk<8>(kLanes);
  Numbers numbers(kBf16, 2 * kChunk, 3);
  const auto* in = static_cast<const Bf16*>(numbers.data());
  for (const int64_t count : {int64_t{8}, kChunk - 8, kChunk, 2 * kChunk}) {
    float want = 0;
    for (int64_t i = 0; i < std::min(count, kChunk); ++i) {
      want = std::max(want, std::fabs(ToFloat(in[i])));
    }
    ThreadLanes::Run(kLanes, [&](const ThreadLanes& lanes) {
      EXPECT_EQ(kernels::AbsMaxChunk<8>(lanes, count, in), want);
    });
  }
}

struct Quantised {
  std::vector<uint8_t> codes;
  float scale = NAN;
};

Quantised QuantisedFrom(Numbers& numbers, float most) {
  Quantised out;
  out.codes.resize(static_cast<size_t>(numbers.count()));
  HostKernels().Quantise(numbers.data(), numbers.count(), &most,
                         out.codes.data(), &out.scale, nullptr);
  return out;
}

TEST(QuantiseTest, TheLargestNumberIsTheLargestOfTheFormat) {
  for (const int64_t count : {1, 7, 8, 33, 1000}) {
    // Far outside of the format's range.
    for (const float size : {1.0f, 1e-20f, 1e20f}) {
      Numbers numbers(kBf16, count, 1, size);
      const std::vector<double> values = numbers.Values();
      const float most = AbsMaxOf(numbers);
      const Quantised quantised = QuantisedFrom(numbers, most);
      EXPECT_FLOAT_EQ(quantised.scale, most / 448);
      std::vector<double> got;
      for (const uint8_t code : quantised.codes) {
        got.push_back(double{FromE4m3(code)} * quantised.scale);
      }
      // Half a step of 3 bits, at most, and 2.6 % of normal numbers.
      for (size_t i = 0; i < values.size(); ++i) {
        EXPECT_NEAR(got[i], values[i], std::abs(values[i]) / 16 + most * 1e-5);
        if (std::abs(values[i]) == most) {
          EXPECT_EQ(quantised.codes[i] & 0x7f, 0x7e);
        }
      }
      EXPECT_LT(RelativeError(got, values), 0.035);
    }
  }
}

TEST(QuantiseTest, ZerosAreZerosOfScaleOne) {
  for (const float value : {0.0f, 1e-38f}) {
    Numbers numbers(kBf16, 24);
    std::fill_n(static_cast<Bf16*>(numbers.data()), 24, FromFloat<Bf16>(value));
    const Quantised quantised = QuantisedFrom(numbers, AbsMaxOf(numbers));
    EXPECT_EQ(quantised.codes, std::vector<uint8_t>(24, 0));
    EXPECT_EQ(quantised.scale, 1);
  }
}

TEST(QuantiseTest, SeveralLanesQuantiseAsOneDoes) {
  constexpr int kLanes = 4;
  constexpr int64_t kChunk = kernels::QuantisedChunk<8>(kLanes);
  Numbers numbers(kBf16, kChunk, 3);
  std::vector<uint8_t> want = QuantisedFrom(numbers, 448).codes;
  for (const int64_t count : {int64_t{8}, kChunk - 8, kChunk}) {
    std::vector<uint8_t> got(kChunk, 0xff);
    ThreadLanes::Run(kLanes, [&](const ThreadLanes& lanes) {
      kernels::QuantiseChunk<8>(lanes, count,
                                static_cast<const Bf16*>(numbers.data()), 1,
                                got.data());
    });
    want.resize(static_cast<size_t>(count));
    want.resize(kChunk, 0xff);
    EXPECT_EQ(got, want);
    want = QuantisedFrom(numbers, 448).codes;
  }
}

// Rows of a piece that lies behind `from` other rows, and in an output whose
// rows have room for `before` other columns.
class TransposedTest : public testing::Test {
 protected:
  void ExpectPiece(const TransposedPiece& piece, int64_t width, int lanes) {
    SCOPED_TRACE(testing::Message() << piece.rows << " " << width);
    Numbers numbers(kBf16, (piece.from + piece.rows) * width, 5);
    const std::vector<uint8_t> codes = QuantisedFrom(numbers, 448).codes;
    std::vector<uint8_t> want(
        static_cast<size_t>(piece.to + width * piece.pitch), 0xff);
    std::vector<uint8_t> got = want;
    for (int64_t column = 0; column < width; ++column) {
      for (int64_t i = 0; i < piece.padded_rows; ++i) {
        want[static_cast<size_t>(piece.to + column * piece.pitch + i)] =
            i < piece.rows
                ? codes[static_cast<size_t>((piece.from + i) * width + column)]
                : 0;
      }
    }
    std::vector<uint32_t> scratch(kernels::kTransposingWords);
    const auto run = [&](const auto& each) {
      for (int64_t column = 0; column < width;
           column += kernels::kTransposedColumns) {
        kernels::QuantiseTransposedPiece(
            each, piece, width, column,
            static_cast<const Bf16*>(numbers.data()), 1, scratch.data(),
            got.data());
        each.Sync();
      }
    };
    if (lanes == 1) {
      run(kernels::OneLane());
    } else {
      ThreadLanes::Run(lanes, run);
    }
    EXPECT_EQ(got, want);
  }
};

TEST_F(TransposedTest, ColumnsAreRowsAndZerosFollow) {
  for (const int lanes : {1, 4}) {
    for (const int64_t width : {4, 16, 60, 64, 68, 192}) {
      ExpectPiece({.pitch = 128, .rows = 128, .padded_rows = 128}, width,
                  lanes);
      ExpectPiece({.pitch = 16, .rows = 1, .padded_rows = 16}, width, lanes);
      ExpectPiece(
          {.from = 3, .to = 32, .pitch = 160, .rows = 50, .padded_rows = 64},
          width, lanes);
    }
  }
}

}  // namespace
}  // namespace moeplan::worker
