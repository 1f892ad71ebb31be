#include "worker/device/cuda/cuda_attention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "absl/strings/match.h"
#include "tests/testing/cuda/fake_attention.h"
#include "tests/testing/cuda/lt_fixture.h"

namespace moeplan::worker {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using Fault = FakeAttention::Fault;

AttentionCore Op(int64_t queries, int64_t context, int64_t window,
                 int64_t kv_heads, bool backward) {
  return {.sequences = 2,
          .query_tokens = queries,
          .context_tokens = context,
          .window = window,
          .heads = 4,
          .kv_heads = kv_heads,
          .key_dim = 16,
          .value_dim = 8,
          .backward = backward};
}

// Training, with shared keys, with a window; prefill behind a context; decoding
// of all keys and of a window.
std::vector<AttentionCore> AllShapes() {
  std::vector<AttentionCore> all = {Op(1, 33, 0, 2, false),
                                    Op(1, 33, 7, 1, false)};
  for (const bool backward : {false, true}) {
    all.push_back(Op(24, 24, 0, 4, backward));
    all.push_back(Op(19, 19, 0, 2, backward));
    all.push_back(Op(24, 24, 5, 1, backward));
    all.push_back(Op(9, 21, 0, 2, backward));
    all.push_back(Op(9, 21, 6, 2, backward));
  }
  return all;
}

class CudaAttentionTest : public LtTest {
 protected:
  MadeCudaOperation Make(const AttentionCore& op, uint64_t seed = 3) {
    return MakeAttentionBy(
        library_, {.operation = op, .dtype = "bf16", .seed = seed}, *context_);
  }

  absl::StatusOr<NumericsCheck> RunAndCheck(CudaOperation& operation) {
    absl::Status status = operation.PoisonOutputs();
    status.Update(operation.Enqueue(context_->stream()));
    if (!status.ok()) return status;
    return operation.Check();
  }

  FakeAttention library_;
};

TEST_F(CudaAttentionTest, EveryShapeAgreesWithTheReference) {
  for (const AttentionCore& op : AllShapes()) {
    SCOPED_TRACE(DescribeOperation(op));
    const auto made = Make(op);
    ASSERT_TRUE(made.ok()) << made.status();
    for (int run = 0; run < 2; ++run) {
      const auto check = RunAndCheck(**made);
      ASSERT_TRUE(check.ok()) << check.status();
      EXPECT_TRUE(check->passed())
          << check->output << " " << check->relative_error;
    }
  }
}

// Of so many keys that only the last queries' gradients are compared.
TEST_F(CudaAttentionTest, LargeGradientsAreComparedInPart) {
  AttentionCore op = {.sequences = 1,
                      .query_tokens = 288,
                      .context_tokens = 288,
                      .heads = 4,
                      .kv_heads = 1,
                      .key_dim = 128,
                      .value_dim = 128,
                      .backward = true};
  const auto made = Make(op);
  ASSERT_TRUE(made.ok());
  EXPECT_TRUE(RunAndCheck(**made)->passed());
  library_.fault = Fault::kHalfKeyGradient;
  const auto wrong = RunAndCheck(**Make(op));
  EXPECT_FALSE(wrong->passed());
  EXPECT_EQ(wrong->output, "key_gradient");
}

TEST_F(CudaAttentionTest, WhatWasNotRunIsIncorrect) {
  for (const AttentionCore& op : AllShapes()) {
    const auto made = Make(op);
    ASSERT_TRUE(made.ok());
    ASSERT_TRUE((*made)->PoisonOutputs().ok());
    EXPECT_TRUE(std::isnan((*made)->Check()->relative_error));
  }
}

TEST_F(CudaAttentionTest, WrongAttentionIsIncorrect) {
  for (const AttentionCore& op : AllShapes()) {
    SCOPED_TRACE(DescribeOperation(op));
    const bool has_mask = op.query_tokens > 1 || op.window > 0;
    if (has_mask) {
      library_.fault = Fault::kIgnoresMask;
      EXPECT_FALSE(RunAndCheck(**Make(op))->passed());
    }
    library_.fault = Fault::kForgetsLastHead;
    EXPECT_TRUE(std::isnan(RunAndCheck(**Make(op))->relative_error));
    if (op.backward) {
      library_.fault = Fault::kHalfKeyGradient;
      EXPECT_EQ(RunAndCheck(**Make(op))->output, "key_gradient");
    }
  }
}

TEST_F(CudaAttentionTest, WhatCannotRunIsUnimplemented) {
  const auto code = [&](const Case& one) {
    return MakeAttentionBy(library_, one, *context_).status().code();
  };
  const AttentionCore op = Op(8, 8, 0, 4, true);
  EXPECT_EQ(code({.operation = op, .dtype = "bf16"}), absl::StatusCode::kOk);
  EXPECT_EQ(code({.operation = op, .dtype = "f32"}),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(
      code({.operation = op, .dtype = "bf16", .backend = "flash_attention"}),
      absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code({.operation = Op(8, 8, 0, 3, true), .dtype = "bf16"}),
            absl::StatusCode::kUnimplemented);
  library_.fault = Fault::kNoKernel;
  EXPECT_EQ(code({.operation = op, .dtype = "bf16"}),
            absl::StatusCode::kUnimplemented);
}

TEST_F(CudaAttentionTest, ErrorsComeThrough) {
  const AttentionCore op = Op(8, 8, 0, 4, false);
  library_.fault = Fault::kFails;
  EXPECT_EQ(RunAndCheck(**Make(op)).status().code(),
            absl::StatusCode::kInternal);
  library_.fault = Fault::kNone;
  cuda_.FailAllocationsFrom(3);
  EXPECT_EQ(Make(op).status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(CudaAttentionTest, SaysWhatItHoldsAndExecutes) {
  // 8 queries of 4 heads of 2 sequences.
  constexpr int64_t kForwardBytes =
      2 * (2 * 4 * 8 * (16 + 8) + 2 * 2 * 8 * (16 + 8)) + 1000;
  const auto forward = Make(Op(8, 8, 0, 2, false));
  EXPECT_EQ((*forward)->bytes(), kForwardBytes);
  EXPECT_EQ((*forward)->executed_flops(), std::nullopt);
  EXPECT_EQ((*forward)->backend(), "fake.attention");
  const auto backward = Make(Op(8, 8, 0, 2, true));
  EXPECT_EQ((*backward)->bytes(),
            kForwardBytes +
                2 * (2 * 4 * 8 * (16 + 2 * 8 - 8) + 2 * 2 * 8 * (16 + 8)) +
                2 * 4 * 8 * 4);
  EXPECT_EQ((*backward)->executed_flops(),
            2.5 * CostOf(Op(8, 8, 0, 2, false), 2).flops);
  // Nothing of the forward pass but its results is kept.
  EXPECT_EQ(context_->allocated_bytes(),
            (*forward)->bytes() + (*backward)->bytes());
}

TEST_F(CudaAttentionTest, SeedsMakeTheData) {
  const AttentionCore op = Op(8, 8, 0, 4, false);
  const auto outputs = [&](uint64_t seed) {
    const auto made = Make(op, seed);
    EXPECT_TRUE(RunAndCheck(**made).ok());
    return (*made)->Check()->relative_error;
  };
  EXPECT_EQ(outputs(1), outputs(1));
  EXPECT_NE(outputs(1), outputs(2));
}

// The graphs as cuDNN's frontend sees them, for an H200 that is made up.
TEST_F(CudaAttentionTest, CudnnFindsEveryGraphWellMade) {
  std::vector<AttentionCore> shapes = AllShapes();
  shapes.push_back({.sequences = 2,
                    .query_tokens = 4096,
                    .context_tokens = 4096,
                    .heads = 32,
                    .kv_heads = 8,
                    .key_dim = 128,
                    .value_dim = 128,
                    .backward = true});
  shapes.push_back({.sequences = 1,
                    .query_tokens = 2048,
                    .context_tokens = 2048,
                    .heads = 16,
                    .kv_heads = 16,
                    .key_dim = 192,
                    .value_dim = 128,
                    .backward = true});
  for (const AttentionCore& op : shapes) {
    SCOPED_TRACE(DescribeOperation(op));
    for (const AttentionPass pass :
         {AttentionPass::kForward, AttentionPass::kForwardWithStats,
          AttentionPass::kBackward}) {
      if (pass == AttentionPass::kBackward && !op.backward) continue;
      const absl::Status status = ValidateCudnnAttention(op, pass, *context_);
      if (absl::StrContains(status.message(), "no libcudnn")) {
        GTEST_SKIP() << status.message();
      }
      EXPECT_TRUE(status.ok()) << status;
    }
  }
  // A head of no multiple of 8 has no kernel, and the frontend knows.
  AttentionCore odd = Op(8, 8, 0, 4, false);
  odd.key_dim = 12;
  EXPECT_EQ(
      ValidateCudnnAttention(odd, AttentionPass::kForward, *context_).code(),
      absl::StatusCode::kUnimplemented);
}

// A machine without cuDNN or without a driver says so and goes on.
TEST_F(CudaAttentionTest, WithoutADeviceCudnnIsUnimplemented) {
  const auto made = MakeCudaAttention(
      {.operation = Op(8, 8, 0, 4, false), .dtype = "bf16"}, *context_);
  EXPECT_EQ(made.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(made.status().message(),
              AnyOf(HasSubstr("no libcudnn"), HasSubstr("cudnnCreate")));
}

}  // namespace
}  // namespace moeplan::worker
