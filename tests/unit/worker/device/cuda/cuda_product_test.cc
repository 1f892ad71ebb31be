#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/testing/cuda/lt_fixture.h"
#include "worker/device/cuda/cuda_operation.h"
#include "worker/device/cuda/lt_product.h"

namespace moeplan::worker {
namespace {

constexpr GemmPass kPasses[] = {GemmPass::kForward, GemmPass::kInputGradient,
                                GemmPass::kWeightGradient};
constexpr GroupedRoute kRoutes[] = {
    GroupedRoute::kStreams, GroupedRoute::kOneStream, GroupedRoute::kStrided,
    GroupedRoute::kDense};

Case Grouped(std::vector<int64_t> rows, GemmPass pass,
             const std::string& backend = "",
             const std::string& dtype = "bf16") {
  const bool is_fp8 = dtype == "fp8";
  return {.operation = GroupedGemm{.rows_per_expert = std::move(rows),
                                   .in_width = is_fp8 ? 48 : 40,
                                   .out_width = is_fp8 ? 80 : 24,
                                   .pass = pass},
          .dtype = dtype,
          .backend = backend,
          .seed = 5};
}

Case Dense(int64_t m, int64_t n, int64_t k, const std::string& dtype) {
  return {.operation = Gemm{.m = m, .n = n, .k = k}, .dtype = dtype, .seed = 5};
}

class CudaProductTest : public LtTest {
 protected:
  absl::StatusOr<NumericsCheck> RunAndCheck(const Case& one) {
    auto made = MakeCudaProduct(one, *context_);
    if (!made.ok()) return made.status();
    absl::Status status = (*made)->PoisonOutputs();
    status.Update((*made)->Enqueue(context_->stream()));
    if (!status.ok()) return status;
    return (*made)->Check();
  }

  void ExpectCorrect(const Case& one) {
    SCOPED_TRACE(NameOf(one));
    const auto check = RunAndCheck(one);
    ASSERT_TRUE(check.ok()) << check.status();
    EXPECT_TRUE(check->passed()) << check->relative_error;
    // Of random data; what was rounded to 3 bits has some 4 % of error.
    EXPECT_GT(check->relative_error, one.dtype == "fp8" ? 0.02 : 0);
  }
};

TEST_F(CudaProductTest, DenseProductsAgreeWithTheReference) {
  for (const std::string dtype : {"f32", "bf16"}) {
    ExpectCorrect(Dense(64, 48, 32, dtype));
    ExpectCorrect(Dense(1, 256, 128, dtype));
    ExpectCorrect(Dense(33, 7, 65, dtype));
    ExpectCorrect(Dense(7, 1, 64, dtype));
    ExpectCorrect(Dense(200, 300, 100, dtype));  // compared in part
  }
}

TEST_F(CudaProductTest, DenseProductsInFp8AgreeWithTheReference) {
  ExpectCorrect(Dense(64, 48, 32, "fp8"));
  ExpectCorrect(Dense(1, 256, 128, "fp8"));
  ExpectCorrect(Dense(33, 16, 160, "fp8"));
  ExpectCorrect(Dense(200, 304, 112, "fp8"));  // compared in part
  EXPECT_TRUE(lt_.products.back().has_fast_sums);
}

TEST_F(CudaProductTest, EveryRouteAndPassAgreesInFp8) {
  for (const GroupedRoute route : kRoutes) {
    for (const GemmPass pass : kPasses) {
      const std::string name(NameOf(route));
      ExpectCorrect(Grouped({16, 16, 16, 16}, pass, name, "fp8"));
      ExpectCorrect(Grouped({5, 5, 5}, pass, name, "fp8"));
      EXPECT_EQ(lt_.products.back().has_fast_sums, pass == GemmPass::kForward);
      if (route == GroupedRoute::kStrided) continue;
      ExpectCorrect(Grouped({0, 5, 0, 7, 0}, pass, name, "fp8"));
      ExpectCorrect(Grouped({0, 0, 64, 0}, pass, name, "fp8"));
      ExpectCorrect(Grouped({33, 17, 9, 2, 1, 140}, pass, name, "fp8"));
    }
  }
}

TEST_F(CudaProductTest, AWrongNumberInFp8IsIncorrect) {
  const Case dense = Dense(4, 16, 16, "fp8");
  const Case forward = Grouped({1, 2}, GemmPass::kForward, "", "fp8");
  const Case weights = Grouped({1, 2}, GemmPass::kWeightGradient, "", "fp8");
  const std::vector<std::pair<std::string, Case>> faults = {
      {"quantised", dense},   {"transposed", dense}, {"scale", dense},
      {"quantised", forward}, {"scale", forward},    {"transposed", weights},
      {"scale", weights}};
  for (const auto& [output, one] : faults) {
    SCOPED_TRACE(output + " " + NameOf(one));
    Open(&lt_.calls(), absl::OkStatus());
    EXPECT_TRUE(RunAndCheck(one)->passed());
    const std::unique_ptr<Kernels> wrong = HostKernelsWithFault(output);
    Open(&lt_.calls(), absl::OkStatus(), *wrong);
    EXPECT_FALSE(RunAndCheck(one)->passed());
  }
  Open(&lt_.calls(), absl::OkStatus());
  lt_.doubles_last_element = true;
  EXPECT_FALSE(RunAndCheck(dense)->passed());
}

TEST_F(CudaProductTest, EveryRouteAndPassAgreesForAllRowsOfExperts) {
  for (const GroupedRoute route : kRoutes) {
    for (const GemmPass pass : kPasses) {
      const std::string name(NameOf(route));
      ExpectCorrect(Grouped({16, 16, 16, 16}, pass, name));
      ExpectCorrect(Grouped({1, 1, 1}, pass, name));
      if (route == GroupedRoute::kStrided) continue;
      ExpectCorrect(Grouped({0, 5, 0, 7, 0}, pass, name));
      ExpectCorrect(Grouped({0, 0, 64, 0}, pass, name));
      ExpectCorrect(Grouped({33, 17, 9, 2, 1, 140}, pass, name));
    }
  }
  EXPECT_EQ(RunAndCheck(Grouped({2, 3}, GemmPass::kForward, "lt_strided"))
                .status()
                .code(),
            absl::StatusCode::kUnimplemented);
}

TEST_F(CudaProductTest, AWrongElementIsIncorrect) {
  lt_.doubles_last_element = true;
  EXPECT_FALSE(RunAndCheck(Dense(200, 300, 100, "f32"))->passed());
  EXPECT_FALSE(RunAndCheck(Dense(20, 30, 10, "bf16"))->passed());
  for (const GemmPass pass : kPasses) {
    EXPECT_FALSE(RunAndCheck(Grouped({9, 0, 70}, pass))->passed());
  }
}

TEST_F(CudaProductTest, AnElementThatIsNotWrittenIsIncorrect) {
  lt_.leaves_last_element = true;
  EXPECT_TRUE(
      std::isnan(RunAndCheck(Dense(200, 300, 100, "f32"))->relative_error));
  for (const GemmPass pass : kPasses) {
    EXPECT_TRUE(
        std::isnan(RunAndCheck(Grouped({9, 0, 70}, pass))->relative_error));
  }
}

TEST_F(CudaProductTest, WhatWasNotRunIsIncorrect) {
  for (const Case& one :
       {Dense(9, 9, 9, "f32"), Grouped({3, 0}, GemmPass::kWeightGradient),
        Dense(16, 16, 16, "fp8"),
        Grouped({3, 0}, GemmPass::kWeightGradient, "", "fp8")}) {
    const auto made = MakeCudaProduct(one, *context_);
    ASSERT_TRUE(made.ok());
    ASSERT_TRUE((*made)->PoisonOutputs().ok());
    EXPECT_TRUE(std::isnan((*made)->Check()->relative_error));
  }
}

TEST_F(CudaProductTest, WhatCannotRunSaysWhy) {
  const auto code = [&](Case one, const std::string& dtype,
                        const std::string& backend) {
    one.dtype = dtype;
    one.backend = backend;
    return MakeCudaProduct(one, *context_).status().code();
  };
  const Case dense = Dense(8, 8, 8, "bf16");
  const Case grouped = Grouped({8}, GemmPass::kForward);
  EXPECT_EQ(code(dense, "bf16", "cublaslt"), absl::StatusCode::kOk);
  EXPECT_EQ(code(dense, "fp16", ""), absl::StatusCode::kUnimplemented);
  // Of 8 columns, and of 40 and 24.
  EXPECT_EQ(code(dense, "fp8", ""), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code(grouped, "fp8", ""), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code(dense, "bf16", "lt_streams"),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code(grouped, "bf16", "cutlass"), absl::StatusCode::kUnimplemented);
  lt_.candidates = {};
  EXPECT_EQ(code(Dense(9, 9, 9, ""), "bf16", ""),
            absl::StatusCode::kUnimplemented);
  Open(nullptr, absl::NotFoundError("no libcublasLt here"));
  EXPECT_EQ(code(dense, "bf16", ""), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code(grouped, "bf16", ""), absl::StatusCode::kUnimplemented);
}

TEST_F(CudaProductTest, OperandsThatDoNotFitAreOutOfMemory) {
  cuda_.FailAllocationsFrom(2);
  EXPECT_EQ(RunAndCheck(Dense(8, 8, 8, "bf16")).status().code(),
            absl::StatusCode::kResourceExhausted);
  cuda_.FailAllocationsFrom(3);
  EXPECT_EQ(RunAndCheck(Grouped({8}, GemmPass::kForward)).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(CudaProductTest, SaysWhatItHoldsAndExecutes) {
  lt_.candidates = {
      {.tile = CUBLASLT_MATMUL_TILE_64x64, .workspace_bytes = 512}};
  const auto dense = MakeCudaProduct(Dense(65, 8, 16, "bf16"), *context_);
  EXPECT_EQ((*dense)->bytes(), 2 * (65 * 16 + 16 * 8 + 65 * 8) + 512);
  EXPECT_EQ((*dense)->executed_flops(), 2.0 * 128 * 64 * 16);
  EXPECT_EQ((*dense)->backend(), "cublaslt");
  const auto grouped =
      MakeCudaProduct(Grouped({65, 1}, GemmPass::kForward), *context_);
  EXPECT_EQ((*grouped)->bytes(),
            2 * (66 * 40 + 66 * 24 + 2 * 40 * 24) + 2 * 512);
  EXPECT_EQ((*grouped)->executed_flops(), 2.0 * (128 + 64) * 64 * 40);
  EXPECT_EQ((*grouped)->backend(), "lt_streams");
  EXPECT_EQ(context_->allocated_bytes(),
            (*dense)->bytes() + (*grouped)->bytes());
}

TEST_F(CudaProductTest, HoldsOperandsInFp8BesideThoseInBf16) {
  lt_.candidates = {{.workspace_bytes = 512}};
  const auto dense = MakeCudaProduct(Dense(8, 16, 32, "fp8"), *context_);
  ASSERT_TRUE(dense.ok()) << dense.status();
  // One piece of 128 rows is to be transposed; two scalars of each operand.
  EXPECT_EQ((*dense)->bytes(),
            3 * (8 * 32 + 32 * 16) + 2 * (8 * 16) + 512 +
                static_cast<int64_t>(sizeof(TransposedPiece)) + 2 * 8);
}

// Nothing behind a run of poisoned operands is what was there before.
TEST_F(CudaProductTest, EachRunQuantisesAnew) {
  const auto made = MakeCudaProduct(
      Grouped({3, 20}, GemmPass::kWeightGradient, "", "fp8"), *context_);
  ASSERT_TRUE(made.ok()) << made.status();
  for (int run = 0; run < 3; ++run) {
    ASSERT_TRUE((*made)->PoisonOutputs().ok());
    EXPECT_TRUE(std::isnan((*made)->Check()->relative_error));
    ASSERT_TRUE((*made)->Enqueue(context_->stream()).ok());
    EXPECT_TRUE((*made)->Check()->passed());
  }
}

// As many sets of operands as leave the cache ask the heuristic once.
TEST_F(CudaProductTest, OperationsShareTheirProducts) {
  const auto first = MakeCudaProduct(Dense(8, 8, 8, "bf16"), *context_);
  const auto second = MakeCudaProduct(Dense(8, 8, 8, "bf16"), *context_);
  EXPECT_EQ(lt_.heuristics, 1);
}

}  // namespace
}  // namespace moeplan::worker
