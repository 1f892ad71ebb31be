#include "worker/device/cpu_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "worker/bench/routing.h"

namespace moeplan::worker {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

// One set of operands is enough for numerics.
CpuDevice& Cpu() {
  static auto* device = new CpuDevice({.threads = 1, .most_rotated_bytes = 1});
  return *device;
}

Operation Grouped(std::vector<int64_t> rows, GemmPass pass) {
  return GroupedGemm{.rows_per_expert = std::move(rows),
                     .in_width = 64,
                     .out_width = 96,
                     .pass = pass};
}

AttentionCore Attention(int64_t queries, int64_t context, int64_t window,
                        int64_t kv_heads, bool backward) {
  return {.sequences = 2,
          .query_tokens = queries,
          .context_tokens = context,
          .window = window,
          .heads = 4,
          .kv_heads = kv_heads,
          .key_dim = 32,
          .value_dim = 16,
          .backward = backward};
}

std::vector<Operation> AllOperations() {
  std::vector<Operation> all = {
      Gemm{.m = 64, .n = 48, .k = 32},
      Gemm{.m = 1, .n = 256, .k = 128},
      Gemm{.m = 33, .n = 7, .k = 65},
      Elementwise{200, 100},
      Elementwise{2048, 2048},
      Elementwise{300, 200},
      CrossEntropy{.tokens = 5, .vocabulary_size = 1001},
      OptimizerStep{.params = 1003},
      Copy{.bytes = 4097},
      Launch{}};
  // Empty experts first, in the middle and last; one hot; one row; odd; equal.
  for (const GemmPass pass : {GemmPass::kForward, GemmPass::kInputGradient,
                              GemmPass::kWeightGradient}) {
    all.push_back(Grouped({0, 5, 0, 7, 0}, pass));
    all.push_back(Grouped({0, 0, 64, 0}, pass));
    all.push_back(Grouped({1, 1, 1}, pass));
    all.push_back(Grouped({33, 17, 9}, pass));
    all.push_back(Grouped({16, 16, 16, 16}, pass));
  }
  for (const bool backward : {false, true}) {
    all.push_back(Attention(70, 70, 0, 4, backward));
    all.push_back(Attention(130, 130, 0, 2, backward));
    all.push_back(Attention(100, 100, 20, 1, backward));
    all.push_back(Attention(20, 90, 0, 2, backward));
    all.push_back(Attention(1, 77, 0, 1, false));
    all.push_back(Attention(1, 77, 30, 2, false));
    all.push_back(Routing{.tokens = 37,
                          .experts = 8,
                          .experts_per_token = 3,
                          .d_model = 40,
                          .backward = backward});
    all.push_back(Routing{.tokens = 5,
                          .experts = 1,
                          .experts_per_token = 1,
                          .d_model = 600,
                          .backward = backward});
  }
  return all;
}

class NumericsTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (Cpu().tools().dnnl == nullptr) GTEST_SKIP() << "no oneDNN here";
    const auto dtypes = Cpu().dtypes();
    if (std::find(dtypes.begin(), dtypes.end(), GetParam()) == dtypes.end()) {
      GTEST_SKIP() << "this CPU has no " << GetParam();
    }
  }

  void ExpectCorrect(const Operation& operation) {
    SCOPED_TRACE(DescribeOperation(operation));
    for (const uint64_t seed : {1u, 2u}) {
      const auto prepared = Cpu().Prepare(
          {.operation = operation, .dtype = GetParam(), .seed = seed});
      ASSERT_TRUE(prepared.ok()) << prepared.status();
      const auto check = (*prepared)->CheckNumerics();
      ASSERT_TRUE(check.ok());
      EXPECT_TRUE(check->passed())
          << check->output << " " << check->relative_error;
      // Runs before do not change what comes out.
      ASSERT_TRUE((*prepared)->Time(2).ok());
      EXPECT_TRUE((*prepared)->CheckNumerics()->passed());
    }
  }
};

TEST_P(NumericsTest, EveryOperationAgreesWithItsReference) {
  for (const Operation& operation : AllOperations()) ExpectCorrect(operation);
}

TEST_P(NumericsTest, WholeBlocksAgreeUnderEveryRouting) {
  for (const RoutingPattern pattern :
       {RoutingPattern::kBalanced, RoutingPattern::kHoles,
        RoutingPattern::kZipf, RoutingPattern::kOneHot}) {
    for (const bool backward : {false, true}) {
      for (const bool gated : {false, true}) {
        ExpectCorrect(
            MoeBlock{.tokens = 33,
                     .d_model = 32,
                     .experts_per_token = 2,
                     .expert_width = 24,
                     .gated = gated,
                     .rows_per_expert = DrawRows(pattern, 33, 6, 2, 4),
                     .backward = backward});
      }
    }
  }
}

// Too large to be compared as a whole.
TEST_P(NumericsTest, LargeBlocksAreComparedInPart) {
  ExpectCorrect(
      MoeBlock{.tokens = 256,
               .d_model = 128,
               .experts_per_token = 2,
               .expert_width = 128,
               .rows_per_expert = DrawRows(RoutingPattern::kZipf, 256, 8, 2, 4),
               .backward = true});
}

INSTANTIATE_TEST_SUITE_P(Dtypes, NumericsTest, testing::Values("f32", "bf16"));

TEST(CpuDeviceTest, WhatItCannotDoIsUnsupported) {
  const auto code = [](const Case& one) {
    return Cpu().Prepare(one).status().code();
  };
  const Gemm gemm = {.m = 8, .n = 8, .k = 8};
  EXPECT_EQ(code({.operation = gemm, .dtype = "fp8"}),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code({.operation = gemm, .dtype = "f32", .backend = "lt_streams"}),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(code({.operation = Elementwise{7, 3}, .dtype = "f32"}),
            absl::StatusCode::kUnimplemented);
  // An expert with more rows than there are tokens.
  EXPECT_EQ(code({.operation = MoeBlock{.tokens = 2,
                                        .d_model = 8,
                                        .experts_per_token = 2,
                                        .expert_width = 8,
                                        .rows_per_expert = {3, 1}},
                  .dtype = "f32"}),
            absl::StatusCode::kUnimplemented);
}

TEST(CpuDeviceTest, OperandsThatDoNotFitAreOutOfMemory) {
  EXPECT_EQ(Cpu()
                .Prepare({.operation = Copy{.bytes = int64_t{1} << 50},
                          .dtype = "f32"})
                .status()
                .code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(CpuDeviceTest, SaysWhatItIsAndWhatItCannotSee) {
  const DeviceIdentity& identity = Cpu().identity();
  EXPECT_EQ(identity.kind, DeviceKind::kCpu);
  EXPECT_FALSE(identity.product.empty());
  EXPECT_GE(identity.multiprocessor_count, 1);
  EXPECT_GT(identity.memory_bytes, 1 << 20);
  EXPECT_THAT(Cpu().CoverageGaps(), Contains(HasSubstr("clock-true peak")));
  const auto clock = Cpu().Conditions().compute_clock_hertz;
  ASSERT_TRUE(clock.has_value());
  EXPECT_GT(*clock, 2e8);
  EXPECT_LT(*clock, 1e10);
}

TEST(CpuDeviceTest, TimesGrowWithTheWork) {
  const auto time = [](int64_t bytes) {
    const auto prepared =
        Cpu().Prepare({.operation = Copy{.bytes = bytes}, .dtype = "f32"});
    double shortest = 1;
    for (int i = 0; i < 20; ++i) {
      shortest = std::min(shortest, (*prepared)->Time(1)->seconds);
    }
    return shortest;
  };
  EXPECT_GT(time(int64_t{32} << 20), 8 * time(int64_t{1} << 20));
}

}  // namespace
}  // namespace moeplan::worker
