#include "worker/device/cuda/quantised_operand.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "tests/testing/cuda/e4m3.h"
#include "tests/testing/cuda/lt_fixture.h"

namespace moeplan::worker {
namespace {

class QuantisedOperandTest : public LtTest {
 protected:
  double At(const QuantisedOperand& operand, int64_t i) {
    return double{FromE4m3(static_cast<const uint8_t*>(operand.data())[i])} *
           *operand.scale();
  }

  // Each matrix's transpose, and nothing but zeros behind its rows.
  void ExpectTransposed(const std::vector<int64_t>& rows, int64_t width) {
    int64_t count = 0;
    for (const int64_t each : rows) count += each * width;
    DeviceBuffer from;
    const auto values = Fill(NumberFormat::kBf16, count, 7, from);
    auto operand = QuantisedOperand::CreateTransposed(*context_, rows, width);
    ASSERT_TRUE(operand.ok()) << operand.status();
    ASSERT_TRUE(operand->Poison().ok());
    ASSERT_TRUE(operand->Enqueue(from.data(), context_->stream()).ok());
    int64_t in = 0;
    int64_t out = 0;
    for (const int64_t each : rows) {
      const int64_t pitch = (each + 15) / 16 * 16;
      for (int64_t column = 0; column < width; ++column) {
        for (int64_t row = 0; row < pitch; ++row) {
          const double want =
              row < each
                  ? values[static_cast<size_t>(in + row * width + column)]
                  : 0;
          ASSERT_NEAR(At(*operand, out + column * pitch + row), want,
                      std::abs(want) / 16 + 1e-4);
        }
      }
      in += each * width;
      out += pitch * width;
    }
  }
};

TEST_F(QuantisedOperandTest, IsAsItLies) {
  for (const int64_t count : {1, 15, 4096}) {
    DeviceBuffer from;
    const auto values = Fill(NumberFormat::kBf16, count, 7, from);
    auto operand = QuantisedOperand::Create(*context_, count);
    ASSERT_TRUE(operand.ok()) << operand.status();
    ASSERT_TRUE(operand->Poison().ok());
    ASSERT_TRUE(operand->Enqueue(from.data(), context_->stream()).ok());
    for (int64_t i = 0; i < count; ++i) {
      const double want = values[static_cast<size_t>(i)];
      ASSERT_NEAR(At(*operand, i), want, std::abs(want) / 16 + 1e-4);
    }
  }
}

TEST_F(QuantisedOperandTest, IsTransposedMatrixByMatrix) {
  ExpectTransposed({16}, 16);
  ExpectTransposed({48, 48, 48}, 80);
  ExpectTransposed({0, 5, 0, 7, 0}, 32);
  ExpectTransposed({1, 127, 128, 129, 300}, 64);
}

TEST_F(QuantisedOperandTest, FollowsWhatItIsMadeOf) {
  DeviceBuffer from;
  Fill(NumberFormat::kBf16, 64, 7, from);
  const auto operand = QuantisedOperand::Create(*context_, 64);
  for (const float size : {2.0f, 448.0f, 1.0f}) {
    for (int64_t i = 0; i < 64; ++i) {
      from.as<Bf16>()[i] = FromFloat<Bf16>(i == 9 ? -size : size / 2);
    }
    ASSERT_TRUE(operand->Enqueue(from.data(), context_->stream()).ok());
    EXPECT_EQ(*operand->scale(), size / 448);
    EXPECT_FLOAT_EQ(static_cast<float>(At(*operand, 9)), -size);
  }
}

TEST_F(QuantisedOperandTest, IsNoNumberOncePoisoned) {
  auto operand = QuantisedOperand::Create(*context_, 16);
  ASSERT_TRUE(operand->Poison().ok());
  EXPECT_TRUE(std::isnan(*operand->scale()));
  for (int64_t i = 0; i < 16; ++i) {
    EXPECT_TRUE(
        std::isnan(FromE4m3(static_cast<const uint8_t*>(operand->data())[i])));
  }
}

TEST_F(QuantisedOperandTest, WhatDoesNotFitIsOutOfMemory) {
  for (const int allocations : {1, 2, 3}) {
    cuda_.FailAllocationsFrom(allocations);
    EXPECT_EQ(
        QuantisedOperand::CreateTransposed(*context_, {16}, 16).status().code(),
        absl::StatusCode::kResourceExhausted);
  }
}

}  // namespace
}  // namespace moeplan::worker
