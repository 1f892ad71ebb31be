#include <gtest/gtest.h>

#include <utility>

#include "tests/testing/cuda/operation_fixture.h"

namespace moeplan::worker {
namespace {

using CudaMemoryBoundTest = OperationTest;

const Elementwise kGated = {.elements_read = 256, .elements_written = 128};
const Elementwise kGatedBackward = {.elements_read = 384,
                                    .elements_written = 256};
const Elementwise kNorm = {.elements_read = 256, .elements_written = 256};
const CrossEntropy kLoss = {.tokens = 5, .vocabulary_size = 101};
const OptimizerStep kStep = {.params = 1003};

TEST_F(CudaMemoryBoundTest, ElementwiseWorkAgreesWithTheReference) {
  // Of odd counts; of rows of 1 and of 1024; and larger than what is compared.
  ExpectCorrect(Elementwise{.elements_read = 202, .elements_written = 101});
  ExpectCorrect(Elementwise{.elements_read = 303, .elements_written = 202});
  ExpectCorrect(Elementwise{.elements_read = 202, .elements_written = 202});
  for (const int64_t count : {64, 8192, 98304}) {
    ExpectCorrect(
        Elementwise{.elements_read = 2 * count, .elements_written = count});
    ExpectCorrect(
        Elementwise{.elements_read = 3 * count, .elements_written = 2 * count});
    ExpectCorrect(
        Elementwise{.elements_read = 2 * count, .elements_written = 2 * count});
  }
}

TEST_F(CudaMemoryBoundTest, TheRestAgreesWithTheReference) {
  ExpectCorrect(kLoss);
  ExpectCorrect(CrossEntropy{.tokens = 20, .vocabulary_size = 512});
  ExpectCorrect(kStep);
  ExpectCorrect(OptimizerStep{.params = 1});
  ExpectCorrect(OptimizerStep{.params = 100000});
  ExpectCorrect(Launch{});
  for (const char* backend : {"", "kernels.copy", "memcpy"}) {
    ExpectCorrect(Copy{.bytes = 1}, backend);
    ExpectCorrect(Copy{.bytes = 4097}, backend);
    ExpectCorrect(Copy{.bytes = 1 << 20}, backend);
  }
}

TEST_F(CudaMemoryBoundTest, WrongOutputsAreFound) {
  EXPECT_EQ(FoundWrong(kGated, "active"), "gated_forward");
  EXPECT_EQ(FoundWrong(kGatedBackward, "d_gate"), "gated_backward");
  EXPECT_EQ(FoundWrong(kGatedBackward, "d_up"), "gated_backward");
  EXPECT_EQ(FoundWrong(kNorm, "sum"), "residual_norm");
  EXPECT_EQ(FoundWrong(kNorm, "normed"), "residual_norm");
  EXPECT_EQ(FoundWrong(kLoss, "losses"), "loss");
  EXPECT_EQ(FoundWrong(kLoss, "gradient"), "gradient");
  for (const char* output :
       {"adam_weights", "moment1", "moment2", "weights_out"}) {
    EXPECT_EQ(FoundWrong(kStep, output), "weights") << output;
  }
  EXPECT_EQ(FoundWrong(Copy{.bytes = 4097}, "copy"), "copy");
  EXPECT_EQ(FoundWrong(Launch{}, "one"), "one");
}

TEST_F(CudaMemoryBoundTest, BackendsSayWhatRuns) {
  const std::pair<Operation, const char*> kBackends[] = {
      {kGated, "kernels.gated_forward"},
      {kGatedBackward, "kernels.gated_backward"},
      {kNorm, "kernels.residual_norm"},
      {kLoss, "kernels.cross_entropy"},
      {kStep, "kernels.adamw"},
      {Copy{.bytes = 16}, "kernels.copy"},
      {Launch{}, "kernels.one_element"}};
  for (const auto& [operation, backend] : kBackends) {
    const auto made =
        MakeCudaOperation({.operation = operation, .dtype = "bf16"}, *context_);
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ((*made)->backend(), backend);
  }
}

TEST_F(CudaMemoryBoundTest, WhatItCannotDoIsUnsupported) {
  const auto code = [this](const Case& one) {
    return Check(one).status().code();
  };
  EXPECT_EQ(
      code({.operation = Elementwise{.elements_read = 7, .elements_written = 3},
            .dtype = "f32"}),
      absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code({.operation = Copy{.bytes = 16},
                  .dtype = "f32",
                  .backend = "lt_streams"}),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code({.operation = kStep, .dtype = "f32", .backend = "memcpy"}),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace moeplan::worker
