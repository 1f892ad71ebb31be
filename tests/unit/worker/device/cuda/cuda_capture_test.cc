#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "tests/testing/cuda/fake_attention.h"
#include "tests/testing/cuda/fake_clock_kernels.h"
#include "tests/testing/cuda/fake_cuda.h"
#include "tests/testing/cuda/fake_lt.h"
#include "tests/testing/cuda/host_kernels.h"
#include "worker/bench/runner.h"
#include "worker/device/cuda/cuda_attention.h"
#include "worker/device/cuda/cuda_device.h"

namespace moeplan::worker {
namespace {

// The device's own operations, over libraries and kernels in the host's memory.
class CaptureTest : public ::testing::TestWithParam<const char*> {
 protected:
  CaptureTest() {
    // Few sets of operands: these kernels are slow.
    cuda_.properties.l2CacheSize = 1 << 14;
  }

  absl::StatusOr<std::unique_ptr<CudaDevice>> Open() {
    return CudaDevice::Open(
        0, {.calls = FakeCuda::calls(),
            .kernels = HostKernels(),
            .clock_kernels = clock_kernels_,
            .lt = &lt_.calls(),
            .lt_status = absl::OkStatus(),
            .nvml = absl::NotFoundError("none"),
            .cupti = absl::NotFoundError("none"),
            .make_operation =
                [this](const Case& one, CudaContext& context) {
                  return std::holds_alternative<AttentionCore>(one.operation)
                             ? MakeAttentionBy(attention_, one, context)
                             : MakeCudaOperation(one, context);
                },
            .library_versions =
                [](CudaContext&) { return std::vector<std::string>(); },
            .now_seconds = [this] { return cuda_.now_seconds(); }});
  }

  FakeCuda cuda_;
  FakeClockKernels clock_kernels_{cuda_};
  FakeLt lt_;
  FakeAttention attention_;
};

std::vector<Operation> AllOperations() {
  std::vector<Operation> operations = {
      Gemm{.m = 24, .n = 16, .k = 32},
      Elementwise{.elements_read = 512, .elements_written = 256},
      Elementwise{.elements_read = 768, .elements_written = 512},
      Elementwise{.elements_read = 512, .elements_written = 512},
      CrossEntropy{.tokens = 6, .vocabulary_size = 40},
      OptimizerStep{.params = 300},
      Copy{.bytes = 4096},
      Launch{}};
  for (const GemmPass pass : {GemmPass::kForward, GemmPass::kInputGradient,
                              GemmPass::kWeightGradient}) {
    operations.push_back(GroupedGemm{.rows_per_expert = {0, 5, 1, 0, 9, 3},
                                     .in_width = 16,
                                     .out_width = 24,
                                     .pass = pass});
  }
  for (const bool backward : {false, true}) {
    operations.push_back(AttentionCore{.sequences = 2,
                                       .query_tokens = 8,
                                       .context_tokens = 8,
                                       .heads = 4,
                                       .kv_heads = 2,
                                       .key_dim = 16,
                                       .value_dim = 16,
                                       .backward = backward});
    operations.push_back(Routing{.tokens = 12,
                                 .experts = 6,
                                 .experts_per_token = 2,
                                 .d_model = 16,
                                 .backward = backward});
    operations.push_back(MoeBlock{.tokens = 12,
                                  .d_model = 16,
                                  .experts_per_token = 2,
                                  .expert_width = 8,
                                  .rows_per_expert = {9, 0, 12, 3},
                                  .backward = backward});
  }
  return operations;
}

// Nothing that is forbidden while capturing (fake_cuda.h) is done, and what was
// forked is joined.
TEST_P(CaptureTest, EveryOperationPassesItsGateAndIsTimedAsAGraph) {
  const auto device = *Open();
  for (const Operation& operation : AllOperations()) {
    SCOPED_TRACE(DescribeOperation(operation));
    const Case one = {.operation = operation, .dtype = GetParam(), .seed = 3};
    const auto prepared = device->Prepare(one);
    if (std::holds_alternative<AttentionCore>(operation) &&
        one.dtype == std::string("f32")) {
      EXPECT_TRUE(absl::IsUnimplemented(prepared.status()));
      continue;
    }
    ASSERT_TRUE(prepared.ok()) << prepared.status();
    const auto check = (*prepared)->CheckNumerics();
    ASSERT_TRUE(check.ok()) << check.status();
    EXPECT_TRUE(check->passed()) << check->output << check->relative_error;
    for (const int64_t runs : {1, 1, 5}) {
      const auto sample = (*prepared)->Time(runs);
      ASSERT_TRUE(sample.ok()) << sample.status();
      EXPECT_NEAR(sample->seconds * static_cast<double>(runs),
                  cuda_.graph_seconds, 1e-9);
    }
    // Timing leaves the operands fit for another check.
    const auto again = (*prepared)->CheckNumerics();
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(again->passed()) << again->output << again->relative_error;
  }
  EXPECT_GT(cuda_.captures(), 0);
}

TEST_P(CaptureTest, EveryOperationRunsWithoutAGraphToo) {
  const auto device = *Open();
  for (const Operation& operation : AllOperations()) {
    // The fixture makes these by itself.
    if (std::holds_alternative<AttentionCore>(operation)) continue;
    SCOPED_TRACE(DescribeOperation(operation));
    const auto prepared = device->Prepare({.operation = operation,
                                           .dtype = GetParam(),
                                           .backend = kEagerBackend,
                                           .seed = 3});
    ASSERT_TRUE(prepared.ok()) << prepared.status();
    EXPECT_TRUE(absl::EndsWith((*prepared)->backend(), ".eager"));
    for (int i = 0; i < 2; ++i) {
      const auto check = (*prepared)->CheckNumerics();
      ASSERT_TRUE(check.ok()) << check.status();
      EXPECT_TRUE(check->passed()) << check->output << check->relative_error;
      const auto sample = (*prepared)->Time(3);
      ASSERT_TRUE(sample.ok()) << sample.status();
    }
  }
  EXPECT_EQ(cuda_.captures(), 0);
}

INSTANTIATE_TEST_SUITE_P(Formats, CaptureTest,
                         ::testing::Values("bf16", "f32"));

}  // namespace
}  // namespace moeplan::worker
