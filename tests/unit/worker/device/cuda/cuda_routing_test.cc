#include <gtest/gtest.h>

#include "tests/testing/cuda/operation_fixture.h"

namespace moeplan::worker {
namespace {

using CudaRoutingTest = OperationTest;

Routing Small(bool backward) {
  return {.tokens = 37,
          .experts = 8,
          .experts_per_token = 3,
          .d_model = 40,
          .backward = backward};
}

TEST_F(CudaRoutingTest, AgreesWithTheReference) {
  for (const bool backward : {false, true}) {
    ExpectCorrect(Small(backward));
    ExpectCorrect(Routing{.tokens = 5,
                          .experts = 1,
                          .experts_per_token = 1,
                          .d_model = 601,
                          .backward = backward});
    // More tokens than are compared, more experts than registers hold.
    ExpectCorrect(Routing{.tokens = 300,
                          .experts = 100,
                          .experts_per_token = 8,
                          .d_model = 16,
                          .backward = backward});
  }
}

TEST_F(CudaRoutingTest, WrongOutputsOfForwardAreFound) {
  EXPECT_EQ(FoundWrong(Small(false), "permuted"), "rows");
  EXPECT_EQ(FoundWrong(Small(false), "combined"), "tokens");
  EXPECT_EQ(FoundWrong(Small(false), "slots"), "index");
  // A weight that the combination uses too.
  EXPECT_NE(FoundWrong(Small(false), "weights"), "");
  // An expert that is not among the most probable, or chosen twice.
  EXPECT_NE(FoundWrong(Small(false), "experts"), "");
}

TEST_F(CudaRoutingTest, WrongOutputsOfBackwardAreFound) {
  EXPECT_EQ(FoundWrong(Small(true), "combined"), "tokens");
  EXPECT_EQ(FoundWrong(Small(true), "d_rows"), "rows");
  EXPECT_EQ(FoundWrong(Small(true), "weight_gradients"), "logit_gradient");
  EXPECT_EQ(FoundWrong(Small(true), "d_logits"), "logit_gradient");
}

TEST_F(CudaRoutingTest, RunsAreCaptured) {
  const auto made = MakeCudaOperation(
      {.operation = Small(false), .dtype = "bf16"}, *context_);
  ASSERT_TRUE(made.ok()) << made.status();
  const auto& calls = FakeCuda::calls();
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(calls.stream_begin_capture(context_->stream(),
                                       cudaStreamCaptureModeThreadLocal),
            cudaSuccess);
  EXPECT_TRUE((*made)->Enqueue(context_->stream()).ok());
  EXPECT_EQ(calls.stream_end_capture(context_->stream(), &graph), cudaSuccess);
  calls.graph_destroy(graph);
}

TEST_F(CudaRoutingTest, UnknownBackendsAndFormatsAreUnsupported) {
  EXPECT_EQ(
      Check(
          {.operation = Small(false), .dtype = "f32", .backend = "lt_streams"})
          .status()
          .code(),
      absl::StatusCode::kUnimplemented);
  EXPECT_EQ(Check({.operation = Small(false), .dtype = "fp8"}).status().code(),
            absl::StatusCode::kUnimplemented);
  // More choices than 32-bit slots count; refused before anything is allocated.
  const auto too_many = Check({.operation = Routing{.tokens = int64_t{1} << 30,
                                                    .experts = 8,
                                                    .experts_per_token = 2,
                                                    .d_model = 1},
                               .dtype = "f32"});
  EXPECT_EQ(too_many.status().code(), absl::StatusCode::kUnimplemented);
}

TEST_F(CudaRoutingTest, OperandsThatDoNotFitAreOutOfMemory) {
  const int64_t live = cuda_.live_bytes();
  for (int64_t nth = 1; nth <= 10; ++nth) {
    cuda_.FailAllocationsFrom(nth);
    EXPECT_EQ(Check({.operation = Small(true), .dtype = "f32"}).status().code(),
              absl::StatusCode::kResourceExhausted)
        << nth;
    EXPECT_EQ(cuda_.live_bytes(), live);
  }
}

}  // namespace
}  // namespace moeplan::worker
