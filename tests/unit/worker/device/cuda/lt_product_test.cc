#include "worker/device/cuda/lt_product.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "tests/testing/cuda/lt_fixture.h"

namespace moeplan::worker {
namespace {

using ::testing::HasSubstr;

class LtProductTest : public LtTest {
 protected:
  // Runs a product of this spec and compares all of it with plain loops.
  void ExpectProduct(const LtProductSpec& spec) {
    SCOPED_TRACE(testing::Message()
                 << spec.m << " " << spec.n << " " << spec.k << " "
                 << spec.transposed_a << spec.transposed_b << " "
                 << static_cast<int>(spec.in) << static_cast<int>(spec.out)
                 << " x" << spec.batch);
    LtProducts products(*context_);
    const auto product = products.ProductOf(spec);
    ASSERT_TRUE(product.ok()) << product.status();
    DeviceBuffer a, b;
    const auto a_values = Fill(spec.in, spec.batch * spec.m * spec.k, 1, a);
    const auto b_values = Fill(spec.in, spec.batch * spec.k * spec.n, 2, b);
    DeviceBuffer c = Allocate(spec.batch * spec.m * spec.n * BytesOf(spec.out));
    std::memset(c.data(), 0xff, static_cast<size_t>(c.bytes()));
    // Those that products in other formats do not read.
    DeviceBuffer scales = Allocate(2 * sizeof(float));
    const bool is_scaled = spec.in == NumberFormat::kE4m3;
    scales.as<float>()[0] = is_scaled ? 0.5f : NAN;
    scales.as<float>()[1] = is_scaled ? 3.0f : NAN;
    const LtScales pointers = {scales.as<float>(), scales.as<float>() + 1};
    const double scale = is_scaled ? 1.5 : 1;
    ASSERT_TRUE((*product)
                    ->Enqueue(a.data(), b.data(), c.data(), nullptr,
                              context_->stream(), pointers)
                    .ok());
    const double most =
        spec.out == NumberFormat::kF32 ? 1e-4 : 0.02;  // of one element
    for (int64_t e = 0; e < spec.batch; ++e) {
      for (int64_t i = 0; i < spec.m; ++i) {
        for (int64_t j = 0; j < spec.n; ++j) {
          double want = 0;
          for (int64_t p = 0; p < spec.k; ++p) {
            want +=
                scale *
                a_values[static_cast<size_t>(
                    e * spec.m * spec.k +
                    (spec.transposed_a ? p * spec.m + i : i * spec.k + p))] *
                b_values[static_cast<size_t>(
                    e * spec.k * spec.n +
                    (spec.transposed_b ? j * spec.k + p : p * spec.n + j))];
          }
          ASSERT_NEAR(At(c, spec.out, (e * spec.m + i) * spec.n + j), want,
                      most * (1 + std::abs(want)));
        }
      }
    }
  }

  absl::StatusCode CodeOf(const LtProductSpec& spec) {
    LtProducts products(*context_);
    return products.ProductOf(spec).status().code();
  }
};

TEST_F(LtProductTest, TransposedOperandsOfEveryFormatGiveTheProduct) {
  using enum NumberFormat;
  const std::pair<NumberFormat, NumberFormat> formats[] = {
      {kF32, kF32}, {kBf16, kBf16}, {kBf16, kF32}};
  for (const auto& [in, out] : formats) {
    for (const bool transposed_a : {false, true}) {
      for (const bool transposed_b : {false, true}) {
        for (const int64_t batch : {1, 3}) {
          ExpectProduct({.m = 8,
                         .n = 16,
                         .k = 24,
                         .transposed_a = transposed_a,
                         .transposed_b = transposed_b,
                         .in = in,
                         .out = out,
                         .batch = batch});
          ExpectProduct({.m = 3,
                         .n = 7,
                         .k = 5,
                         .transposed_a = transposed_a,
                         .transposed_b = transposed_b,
                         .in = in,
                         .out = out,
                         .batch = batch});
          ExpectProduct({.m = 1,
                         .n = 9,
                         .k = 1,
                         .transposed_a = transposed_a,
                         .transposed_b = transposed_b,
                         .in = in,
                         .out = out,
                         .batch = batch});
        }
      }
    }
  }
}

// Rows are any number, and an algorithm is chosen for operands with a scale.
TEST_F(LtProductTest, OperandsInE4m3AreScaled) {
  for (const int64_t m : {1, 7, 16, 33}) {
    for (const int64_t batch : {1, 3}) {
      ExpectProduct({.m = m,
                     .n = 48,
                     .k = 32,
                     .transposed_b = true,
                     .in = NumberFormat::kE4m3,
                     .batch = batch});
    }
  }
}

TEST_F(LtProductTest, ScalesOfE4m3AreThoseOfTheRun) {
  const LtProductSpec spec = {.m = 1,
                              .n = 16,
                              .k = 16,
                              .transposed_b = true,
                              .in = NumberFormat::kE4m3,
                              .fast_sums = true};
  LtProducts products(*context_);
  const auto product = products.ProductOf(spec);
  ASSERT_TRUE(product.ok()) << product.status();
  DeviceBuffer a, b;
  Fill(spec.in, 16, 1, a);
  Fill(spec.in, 256, 2, b);
  DeviceBuffer c = Allocate(32);
  DeviceBuffer scales = Allocate(2 * sizeof(float));
  const auto run = [&](float scale_a, float scale_b) {
    scales.as<float>()[0] = scale_a;
    scales.as<float>()[1] = scale_b;
    const LtScales pointers = {scales.as<float>(), scales.as<float>() + 1};
    EXPECT_TRUE((*product)
                    ->Enqueue(a.data(), b.data(), c.data(), nullptr,
                              context_->stream(), pointers)
                    .ok());
    return At(c, NumberFormat::kBf16, 5);
  };
  const double once = run(1, 1);
  EXPECT_NE(once, 0);
  EXPECT_EQ(run(4, 1), 4 * once);
  EXPECT_EQ(run(1, 0.5), 0.5 * once);
  EXPECT_TRUE(lt_.products.back().has_fast_sums);
  EXPECT_EQ((*product)
                ->Enqueue(a.data(), b.data(), c.data(), nullptr,
                          context_->stream(), {.a = scales.as<float>()})
                .code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(LtProductTest, WhatIsNotMultipliedInE4m3SaysSo) {
  const LtProductSpec legal = {.m = 3,
                               .n = 16,
                               .k = 32,
                               .transposed_b = true,
                               .in = NumberFormat::kE4m3};
  const auto message = [this](const LtProductSpec& spec) {
    LtProducts products(*context_);
    const absl::Status status = products.ProductOf(spec).status();
    EXPECT_TRUE(status.ok() || absl::IsUnimplemented(status)) << status;
    return std::string(status.message());
  };
  EXPECT_EQ(message(legal), "");
  LtProductSpec other = legal;
  other.n = 24;
  EXPECT_THAT(message(other), HasSubstr("multiples of 16: m 3, n 24, k 32"));
  other = legal;
  other.k = 40;
  EXPECT_THAT(message(other), HasSubstr("multiples of 16"));
  other = legal;
  other.transposed_b = false;
  EXPECT_THAT(message(other), HasSubstr("along k"));
  other = legal;
  other.transposed_a = true;
  EXPECT_THAT(message(other), HasSubstr("along k"));
  other = legal;
  other.out = NumberFormat::kE4m3;
  EXPECT_THAT(message(other), HasSubstr("a result in bf16"));
  other.in = NumberFormat::kBf16;
  EXPECT_THAT(message(other), HasSubstr("no product has a result in e4m3"));
  cuda_.properties.major = 8;
  cuda_.properties.minor = 6;
  Open(&lt_.calls(), absl::OkStatus());
  EXPECT_THAT(message(legal), HasSubstr("compute capability 8.6"));
  cuda_.properties.minor = 9;
  Open(&lt_.calls(), absl::OkStatus());
  EXPECT_EQ(message(legal), "");
}

// Such an algorithm loses part of the sum, as the fake's does too.
TEST_F(LtProductTest, SplitsOfUnequalDepthAreNeverTaken) {
  lt_.candidates = {{.splits = 4}, {.splits = 3}, {.splits = 1}};
  for (const int64_t k : {1, 6, 7, 8, 9}) {
    ExpectProduct({.m = 4, .n = 8, .k = k, .transposed_a = true});
  }
  lt_.candidates = {{.splits = 4}};
  EXPECT_EQ(CodeOf({.m = 4, .n = 8, .k = 8}), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf({.m = 4, .n = 8, .k = 10}),
            absl::StatusCode::kUnimplemented);
}

TEST_F(LtProductTest, CandidatesThatFailedAreNotTaken) {
  lt_.candidates = {
      {.tile = CUBLASLT_MATMUL_TILE_8x8, .state = CUBLAS_STATUS_NOT_SUPPORTED},
      {.tile = CUBLASLT_MATMUL_TILE_64x128}};
  LtProducts products(*context_);
  const auto product = products.ProductOf({.m = 128, .n = 64, .k = 10});
  ASSERT_TRUE(product.ok());
  EXPECT_EQ((*product)->executed_flops(), 2.0 * 128 * 64 * 10);
}

TEST_F(LtProductTest, WhereNoneIsFoundTheProductIsUnimplemented) {
  const LtProductSpec spec = {.m = 1, .n = 8, .k = 8};
  lt_.candidates = {};
  EXPECT_EQ(CodeOf(spec), absl::StatusCode::kUnimplemented);
  lt_.heuristic_status = CUBLAS_STATUS_NOT_SUPPORTED;
  EXPECT_EQ(CodeOf(spec), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(CodeOf({.m = 8,
                    .n = 8,
                    .k = 8,
                    .in = NumberFormat::kF32,
                    .out = NumberFormat::kBf16}),
            absl::StatusCode::kUnimplemented);
  Open(nullptr, absl::NotFoundError("no libcublasLt here"));
  LtProducts products(*context_);
  const absl::Status status = products.ProductOf(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(status.message(), HasSubstr("no libcublasLt here"));
}

TEST_F(LtProductTest, SizesBelowOneAreRefusedBeforeCublasLtSeesThem) {
  for (const LtProductSpec& spec :
       {LtProductSpec{.m = 0, .n = 8, .k = 8},
        LtProductSpec{.m = 8, .n = 0, .k = 8},
        LtProductSpec{.m = 8, .n = 8, .k = -1},
        LtProductSpec{.m = 8, .n = 8, .k = 8, .batch = 0}}) {
    EXPECT_EQ(CodeOf(spec), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(lt_.heuristics, 0);
}

TEST_F(LtProductTest, RowsOfTwoGiBAreRefusedBefore133) {
  const LtProductSpec spec = {.m = 1, .n = int64_t{1} << 30, .k = 1};
  EXPECT_EQ(CodeOf(spec), absl::StatusCode::kUnimplemented);
  lt_.version = 130300;
  EXPECT_EQ(CodeOf(spec), absl::StatusCode::kOk);
}

TEST_F(LtProductTest, ErrorsKeepTheirMeaning) {
  const LtProductSpec spec = {.m = 8, .n = 8, .k = 8};
  lt_.create_status = CUBLAS_STATUS_NOT_INITIALIZED;
  EXPECT_EQ(CodeOf(spec), absl::StatusCode::kInternal);
  lt_.create_status = CUBLAS_STATUS_ALLOC_FAILED;
  EXPECT_EQ(CodeOf(spec), absl::StatusCode::kResourceExhausted);
  lt_.create_status = CUBLAS_STATUS_SUCCESS;
  lt_.heuristic_status = CUBLAS_STATUS_INTERNAL_ERROR;
  EXPECT_EQ(CodeOf(spec), absl::StatusCode::kInternal);
  lt_.heuristic_status = CUBLAS_STATUS_SUCCESS;

  LtProducts products(*context_);
  const auto product = products.ProductOf(spec);
  ASSERT_TRUE(product.ok());
  DeviceBuffer data = Allocate(1024);
  const auto enqueue = [&] {
    return (*product)
        ->Enqueue(data.data(), data.data(), data.as<Bf16>() + 128, nullptr,
                  context_->stream())
        .code();
  };
  EXPECT_EQ(enqueue(), absl::StatusCode::kOk);
  lt_.product_status = CUBLAS_STATUS_EXECUTION_FAILED;
  EXPECT_EQ(enqueue(), absl::StatusCode::kInternal);
  // What CUDA says is nearer to the cause.
  cuda_.Break(cudaErrorECCUncorrectable);
  size_t free_bytes = 0, total_bytes = 0;
  context_->calls().mem_get_info(&free_bytes, &total_bytes);
  EXPECT_EQ(enqueue(), absl::StatusCode::kDataLoss);
}

TEST_F(LtProductTest, AlgorithmsRelyOnTheAlignmentOfRowsAndNoMore) {
  lt_.candidates = {
      {.tile = CUBLASLT_MATMUL_TILE_128x128, .needed_alignment = 16},
      {.tile = CUBLASLT_MATMUL_TILE_8x8, .needed_alignment = 2}};
  LtProducts products(*context_);
  const auto flops = [&](const LtProductSpec& spec) {
    return (*products.ProductOf(spec))->executed_flops();
  };
  EXPECT_EQ(flops({.m = 8, .n = 8, .k = 8}), 2.0 * 128 * 128 * 8);
  EXPECT_EQ(flops({.m = 8, .n = 9, .k = 8}), 2.0 * 8 * 16 * 8);
  EXPECT_EQ(flops({.m = 8, .n = 8, .k = 7}), 2.0 * 8 * 8 * 7);
  // Stored as 7 rows of 8.
  EXPECT_EQ(flops({.m = 8, .n = 8, .k = 7, .transposed_a = true}),
            2.0 * 128 * 128 * 7);
  // Rows of 9 in B alone.
  EXPECT_EQ(
      flops(
          {.m = 8, .n = 8, .k = 9, .transposed_a = true, .transposed_b = true}),
      2.0 * 8 * 8 * 9);

  DeviceBuffer data = Allocate(4096);
  const auto enqueue = [&](int64_t a, int64_t b, int64_t c) {
    return (*products.ProductOf({.m = 8, .n = 8, .k = 8}))
        ->Enqueue(data.as<Bf16>() + a, data.as<Bf16>() + b, data.as<Bf16>() + c,
                  nullptr, context_->stream())
        .code();
  };
  EXPECT_EQ(enqueue(8, 64, 512), absl::StatusCode::kOk);
  EXPECT_EQ(enqueue(4, 64, 512), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(enqueue(8, 63, 512), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(enqueue(8, 64, 513), absl::StatusCode::kInvalidArgument);
}

TEST_F(LtProductTest, ExecutedFlopsCountWholeTiles) {
  LtProducts products(*context_);
  const auto flops = [&](const LtProductSpec& spec) {
    return (*products.ProductOf(spec))->executed_flops();
  };
  // Rows of the tile are ours columns.
  lt_.candidates = {{.tile = CUBLASLT_MATMUL_TILE_64x256}};
  EXPECT_EQ(flops({.m = 257, .n = 64, .k = 10}), 2.0 * 512 * 64 * 10);
  EXPECT_EQ(flops({.m = 256, .n = 65, .k = 10}), 2.0 * 256 * 128 * 10);
  EXPECT_EQ(flops({.m = 1, .n = 1, .k = 10, .batch = 3}),
            3 * 2.0 * 256 * 64 * 10);
  lt_.candidates = {{.tile = CUBLASLT_MATMUL_TILE_UNDEFINED}};
  EXPECT_EQ(flops({.m = 3, .n = 3, .k = 3}), std::nullopt);
}

TEST_F(LtProductTest, EachIsMadeOnceAndNothingIsLeft) {
  {
    LtProducts products(*context_);
    const LtProductSpec spec = {.m = 8, .n = 8, .k = 8};
    const auto first = products.ProductOf(spec);
    EXPECT_EQ(*products.ProductOf(spec), *first);
    EXPECT_EQ(lt_.heuristics, 1);
    EXPECT_NE(*products.ProductOf({.m = 8, .n = 8, .k = 9}), *first);
    EXPECT_EQ(lt_.heuristics, 2);
    EXPECT_GT(lt_.live_objects, 0);
  }
  EXPECT_EQ(lt_.live_objects, 0);
}

TEST_F(LtProductTest, WorkspacesAreAsLargeAsFrameworksAllow) {
  const auto bytes = [&] {
    LtProducts products(*context_);
    return (*products.ProductOf({.m = 8, .n = 8, .k = 8}))->workspace_bytes();
  };
  lt_.candidates = {{.workspace_bytes = (32 << 20) + 1},
                    {.workspace_bytes = 32 << 20},
                    {.workspace_bytes = 4 << 20}};
  EXPECT_EQ(bytes(), 32 << 20);
  cuda_.properties.major = 8;
  Open(&lt_.calls(), absl::OkStatus());
  EXPECT_EQ(bytes(), 4 << 20);
}

TEST_F(LtProductTest, AWorkspaceThatIsMissingIsAnError) {
  lt_.candidates = {{.workspace_bytes = 64}};
  LtProducts products(*context_);
  const auto product = products.ProductOf({.m = 8, .n = 8, .k = 8});
  DeviceBuffer data = Allocate(1024);
  EXPECT_FALSE((*product)
                   ->Enqueue(data.data(), data.data(), data.data(), nullptr,
                             context_->stream())
                   .ok());
}

}  // namespace
}  // namespace moeplan::worker
