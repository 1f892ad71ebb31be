#include "worker/device/cuda/lt_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moeplan::worker {
namespace {

using ::testing::HasSubstr;

// Descriptors work without a driver, so that linking is tested everywhere.
TEST(LtCallsTest, LoadsOrSaysWhatIsMissing) {
  const auto calls = LoadLtCalls();
  if (!calls.ok()) {
    EXPECT_EQ(calls.status().code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(calls.status().message(), HasSubstr("libcublasLt"));
    return;
  }
  EXPECT_GE(calls->get_version(), 130000u);
  EXPECT_STREQ(calls->get_status_name(CUBLAS_STATUS_NOT_SUPPORTED),
               "CUBLAS_STATUS_NOT_SUPPORTED");
  cublasLtMatmulDesc_t desc = nullptr;
  ASSERT_EQ(calls->desc_create(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F),
            CUBLAS_STATUS_SUCCESS);
  const cublasOperation_t operation = CUBLAS_OP_T;
  EXPECT_EQ(calls->desc_set(desc, CUBLASLT_MATMUL_DESC_TRANSA, &operation,
                            sizeof(operation)),
            CUBLAS_STATUS_SUCCESS);
  // All that the setters check, as the fake does.
  EXPECT_EQ(calls->desc_set(desc, CUBLASLT_MATMUL_DESC_TRANSA, &operation, 1),
            CUBLAS_STATUS_INVALID_VALUE);
  // Of products in e4m3, as large as we set them.
  const float* scale = nullptr;
  const int8_t fast_sums = 1;
  for (const auto attribute : {CUBLASLT_MATMUL_DESC_A_SCALE_POINTER,
                               CUBLASLT_MATMUL_DESC_B_SCALE_POINTER}) {
    EXPECT_EQ(calls->desc_set(desc, attribute, &scale, sizeof(scale)),
              CUBLAS_STATUS_SUCCESS);
  }
  EXPECT_EQ(calls->desc_set(desc, CUBLASLT_MATMUL_DESC_FAST_ACCUM, &fast_sums,
                            sizeof(fast_sums)),
            CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(calls->desc_destroy(desc), CUBLAS_STATUS_SUCCESS);
}

}  // namespace
}  // namespace moeplan::worker
