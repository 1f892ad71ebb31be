#include "worker/device/cuda/cuda_moe_block.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "tests/testing/cuda/numbers.h"
#include "tests/testing/cuda/operation_fixture.h"
#include "worker/bench/routing.h"
#include "worker/device/moe_reference.h"

namespace moeplan::worker {
namespace {

using CudaMoeBlockTest = OperationTest;

constexpr double kStep = 1e-5;
constexpr RoutingPattern kPatterns[] = {
    RoutingPattern::kBalanced, RoutingPattern::kHoles, RoutingPattern::kZipf,
    RoutingPattern::kOneHot};

MoeBlock Small(RoutingPattern pattern, bool gated, bool backward) {
  return {.tokens = 33,
          .d_model = 32,
          .experts_per_token = 2,
          .expert_width = 24,
          .gated = gated,
          .rows_per_expert = DrawRows(pattern, 33, 6, 2, 4),
          .backward = backward};
}

// Too large to be compared as a whole.
MoeBlock Large(bool backward) {
  return {.tokens = 200,
          .d_model = 96,
          .experts_per_token = 2,
          .expert_width = 96,
          .rows_per_expert = DrawRows(RoutingPattern::kHoles, 200, 8, 2, 4),
          .backward = backward};
}

TEST_F(CudaMoeBlockTest, AgreesWithTheReferenceUnderEveryRouting) {
  for (const RoutingPattern pattern : kPatterns) {
    for (const bool backward : {false, true}) {
      for (const bool gated : {false, true}) {
        ExpectCorrect(Small(pattern, gated, backward));
      }
    }
  }
}

TEST_F(CudaMoeBlockTest, AgreesOnEveryRoute) {
  const MoeBlock even = {.tokens = 24,
                         .d_model = 32,
                         .experts_per_token = 2,
                         .expert_width = 24,
                         .rows_per_expert = {12, 12, 12, 12},
                         .backward = true};
  for (const char* route : {"lt_streams", "lt_one_stream", "lt_strided"}) {
    ExpectCorrect(even, route);
  }
}

TEST_F(CudaMoeBlockTest, RunsFromWhatTheReferenceRunsFrom) {
  const auto block = CreateCudaMoeBlock(
      {.operation = Small(RoutingPattern::kZipf, true, true), .dtype = "f32"},
      *context_);
  ASSERT_TRUE(block.ok()) << block.status();
  const auto operands = ReadMoeOperands((*block)->block(), (*block)->Reader());
  ASSERT_TRUE(operands.ok()) << operands.status();
  const auto deviation = [](const std::vector<double>& values) {
    return std::sqrt(
        std::inner_product(values.begin(), values.end(), values.begin(), 0.0) /
        static_cast<double>(values.size()));
  };
  EXPECT_NEAR(deviation(operands->x), 1, 0.1);
  EXPECT_NEAR(deviation(operands->d_out), 1, 0.1);
  EXPECT_NEAR(deviation(operands->up), 1 / std::sqrt(32.0), 0.02);
  EXPECT_NEAR(deviation(operands->down), 1 / std::sqrt(24.0), 0.02);
  std::vector<int64_t> rows(6, 0);
  for (const int32_t e : operands->choices) ++rows[static_cast<size_t>(e)];
  EXPECT_EQ(rows, (*block)->block().op.rows_per_expert);
}

// ---- the gradients of a tiny block against finite differences

std::vector<int64_t> AllTokens(const MoeBlock& op) {
  std::vector<int64_t> tokens(static_cast<size_t>(op.tokens));
  std::iota(tokens.begin(), tokens.end(), int64_t{0});
  return tokens;
}

double Loss(const MoeBlock& op, const MoeOperands& operands) {
  const auto out = ReferenceMoeBlock(op, operands, AllTokens(op)).out;
  return std::inner_product(out.begin(), out.end(), operands.d_out.begin(),
                            0.0);
}

// Leaves the operands as they were.
std::vector<double> Differences(MoeBlock op, MoeOperands& operands,
                                std::vector<double> MoeOperands::*operand) {
  op.backward = false;
  std::vector<double> gradient;
  for (double& value : operands.*operand) {
    const double kept = value;
    value = kept + kStep;
    const double above = Loss(op, operands);
    value = kept - kStep;
    gradient.push_back((above - Loss(op, operands)) / (2 * kStep));
    value = kept;
  }
  return gradient;
}

TEST_F(CudaMoeBlockTest, GradientsEqualFiniteDifferences) {
  for (const bool gated : {false, true}) {
    const MoeBlock op = {
        .tokens = 5,
        .d_model = 6,
        .experts_per_token = 2,
        .expert_width = 4,
        .gated = gated,
        .rows_per_expert = DrawRows(RoutingPattern::kZipf, 5, 4, 2, 3),
        .backward = true};
    const auto block = CreateCudaMoeBlock(
        {.operation = op, .dtype = "f32", .seed = 7}, *context_);
    ASSERT_TRUE(block.ok()) << block.status();
    ASSERT_TRUE(CheckOne(**block).ok());
    auto operands = ReadMoeOperands((*block)->block(), (*block)->Reader());
    const auto got = ReadMoeResults((*block)->block(), (*block)->Reader());
    ASSERT_TRUE(operands.ok() && got.ok());
    const auto differences = [&](std::vector<double> MoeOperands::*operand) {
      return Differences(op, *operands, operand);
    };
    EXPECT_LT(RelativeError(got->d_x, differences(&MoeOperands::x)), 1e-5);
    EXPECT_LT(RelativeError(got->d_router, differences(&MoeOperands::router)),
              1e-5);
    EXPECT_LT(RelativeError(got->d_up, differences(&MoeOperands::up)), 1e-5);
    EXPECT_LT(RelativeError(got->d_down, differences(&MoeOperands::down)),
              1e-5);
  }
}

// ---- what a check finds

TEST_F(CudaMoeBlockTest, LargeBlocksAreComparedInPart) {
  for (const bool backward : {false, true}) {
    for (const char* dtype : {"f32", "bf16"}) {
      const auto check = Check({.operation = Large(backward), .dtype = dtype});
      ASSERT_TRUE(check.ok()) << check.status();
      EXPECT_TRUE(check->passed())
          << check->output << " " << check->relative_error;
    }
  }
}

TEST_F(CudaMoeBlockTest, WrongKernelsAreFound) {
  const MoeBlock forward = Small(RoutingPattern::kZipf, true, false);
  for (const char* output :
       {"slots", "weights", "permuted", "active", "combined"}) {
    EXPECT_EQ(FoundWrong(forward, output), "output") << output;
  }
  MoeBlock backward = forward;
  backward.backward = true;
  for (const char* output : {"combined", "d_rows", "weight_gradients",
                             "d_logits", "d_gate", "d_up"}) {
    EXPECT_NE(FoundWrong(backward, output), "") << output;
  }
}

// The last token is among those that are compared.
TEST_F(CudaMoeBlockTest, WrongTokensOfLargeBlocksAreFound) {
  EXPECT_EQ(FoundWrong(Large(false), "combined"), "output");
  for (const char* output : {"combined", "d_logits", "weight_gradients"}) {
    EXPECT_EQ(FoundWrong(Large(true), output), "input_gradient") << output;
  }
}

TEST_F(CudaMoeBlockTest, WrongProductsAreFound) {
  lt_.doubles_last_element = true;
  for (const bool backward : {false, true}) {
    for (const MoeBlock& op :
         {Small(RoutingPattern::kBalanced, true, backward), Large(backward)}) {
      const auto check = Check({.operation = op, .dtype = "f32"});
      ASSERT_TRUE(check.ok()) << check.status();
      EXPECT_FALSE(check->passed());
    }
  }
}

TEST_F(CudaMoeBlockTest, OutputsThatAreNotWrittenAreFound) {
  lt_.leaves_last_element = true;
  const auto check = Check({.operation = Large(true), .dtype = "bf16"});
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_FALSE(check->passed());
}

// ---- what it says

TEST_F(CudaMoeBlockTest, SaysWhatRunsAndWhatItTakes) {
  const MoeBlock op = Small(RoutingPattern::kBalanced, true, true);
  const int64_t before = cuda_.live_bytes();
  const auto made =
      MakeCudaOperation({.operation = op, .dtype = "bf16"}, *context_);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ((*made)->backend(), "lt_streams");
  EXPECT_EQ((*made)->bytes(), cuda_.live_bytes() - before);
  // Tiles of 128 x 128 are computed whole.
  ASSERT_TRUE((*made)->executed_flops().has_value());
  EXPECT_GT(*(*made)->executed_flops(), CostOf(op, 2).flops);
}

TEST_F(CudaMoeBlockTest, WhatItCannotDoIsUnsupported) {
  const auto code = [this](const Case& one) {
    return Check(one).status().code();
  };
  const MoeBlock op = Small(RoutingPattern::kBalanced, true, false);
  EXPECT_EQ(code({.operation = op, .dtype = "bf16", .backend = "lt_dense"}),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code({.operation = op, .dtype = "fp8"}),
            absl::StatusCode::kUnimplemented);
  // An expert with more rows than there are tokens.
  MoeBlock crowded = op;
  crowded.rows_per_expert = {34, 32};
  EXPECT_EQ(code({.operation = crowded, .dtype = "bf16"}),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace moeplan::worker
