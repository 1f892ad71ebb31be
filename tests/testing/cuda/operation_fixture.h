#ifndef MOEPLAN_TESTS_TESTING_CUDA_OPERATION_FIXTURE_H_
#define MOEPLAN_TESTS_TESTING_CUDA_OPERATION_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "core/base/status_macros.h"
#include "tests/testing/cuda/fake_cuda.h"
#include "tests/testing/cuda/fake_lt.h"
#include "tests/testing/cuda/host_kernels.h"
#include "worker/device/cuda/cuda_context.h"
#include "worker/device/cuda/cuda_operation.h"

namespace moeplan::worker {

// Operations of a CUDA device whose memory, kernels and cuBLASLt are the
// host's.
class OperationTest : public testing::Test {
 protected:
  OperationTest() { Open(HostKernels()); }

  void Open(Kernels& kernels) {
    context_.reset();
    auto context = CudaContext::Open(0, FakeCuda::calls(), kernels,
                                     &lt_.calls(), absl::OkStatus());
    EXPECT_TRUE(context.ok()) << context.status();
    if (context.ok()) context_ = *std::move(context);
  }

  // From now on, kernels write this output wrongly (host_kernels.h).
  void BreakKernels(const std::string& output) {
    wrong_kernels_ = HostKernelsWithFault(output);
    Open(*wrong_kernels_);
  }

  absl::StatusOr<NumericsCheck> CheckOne(CudaOperation& operation) {
    MOEPLAN_RETURN_IF_ERROR(operation.PoisonOutputs());
    MOEPLAN_RETURN_IF_ERROR(operation.Enqueue(context_->stream()));
    MOEPLAN_RETURN_IF_ERROR(context_->Wait());
    return operation.Check();
  }

  absl::StatusOr<NumericsCheck> Check(const Case& one) {
    MOEPLAN_ASSIGN_OR_RETURN(const auto made,
                             MakeCudaOperation(one, *context_));
    return CheckOne(*made);
  }

  // In both formats, with two seeds, and again after other runs.
  void ExpectCorrect(const Operation& operation,
                     const std::string& backend = "") {
    for (const char* dtype : {"f32", "bf16"}) {
      for (const uint64_t seed : {1u, 2u}) {
        SCOPED_TRACE(DescribeOperation(operation) + " " + dtype);
        const auto made = MakeCudaOperation({.operation = operation,
                                             .dtype = dtype,
                                             .backend = backend,
                                             .seed = seed},
                                            *context_);
        ASSERT_TRUE(made.ok()) << made.status();
        EXPECT_LE((*made)->bytes(), cuda_.live_bytes());
        for (int run = 0; run < 2; ++run) {
          const auto check = CheckOne(**made);
          ASSERT_TRUE(check.ok()) << check.status();
          EXPECT_TRUE(check->passed())
              << check->output << " " << check->relative_error;
          EXPECT_TRUE((*made)->Enqueue(context_->stream()).ok());
        }
      }
    }
  }

  // The output that a check finds wrong where kernels write `output` wrongly;
  // empty where it finds none.
  std::string FoundWrong(const Operation& operation,
                         const std::string& output) {
    BreakKernels(output);
    const auto check = Check({.operation = operation, .dtype = "f32"});
    EXPECT_TRUE(check.ok()) << check.status();
    if (!check.ok() || check->passed()) return "";
    return check->output;
  }

  FakeCuda cuda_;
  FakeLt lt_;
  std::unique_ptr<Kernels> wrong_kernels_;
  std::unique_ptr<CudaContext> context_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_TESTS_TESTING_CUDA_OPERATION_FIXTURE_H_
