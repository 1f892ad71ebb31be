#include "worker/device/cuda/cuda_context.h"

#include <array>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/cuda/fake_cuda.h"
#include "tests/testing/cuda/host_kernels.h"

namespace moeplan::worker {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::unique_ptr<CudaContext>> OpenOn(FakeCuda& cuda,
                                                    int index = 0) {
  auto context = CudaContext::Open(index, FakeCuda::calls(), HostKernels(),
                                   nullptr, absl::NotFoundError("no Lt"));
  if (context.ok()) {
    (*context)->SetClock([&cuda] { return cuda.now_seconds(); }, 60);
  }
  return context;
}

struct NoDeviceCase {
  const char* name;
  cudaError_t error;
  int driver_version;
  const char* text;
};

class NoDeviceTest : public ::testing::TestWithParam<NoDeviceCase> {};

TEST_P(NoDeviceTest, IsSaidInAWayOfItsOwn) {
  FakeCuda cuda;
  cuda.count_error = GetParam().error;
  cuda.driver_version = GetParam().driver_version;
  const absl::Status status = OpenOn(cuda).status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().text));
  EXPECT_EQ(cuda.allocations(), 0);
}

INSTANTIATE_TEST_SUITE_P(
    All, NoDeviceTest,
    ::testing::Values(
        NoDeviceCase{"NoDriver", cudaErrorInsufficientDriver, 0,
                     "no NVIDIA driver is installed"},
        NoDeviceCase{"OldDriver", cudaErrorInsufficientDriver, 12040,
                     "too old: it supports CUDA 12.4, this worker needs 13.0"},
        NoDeviceCase{"Stub", cudaErrorStubLibrary, 0, "the toolkit's stub"},
        NoDeviceCase{"NoDevice", cudaErrorNoDevice, 13000, "sees no GPU"},
        NoDeviceCase{"Taken", cudaErrorDevicesUnavailable, 13000,
                     "taken by other processes"},
        NoDeviceCase{"Another", cudaErrorInitializationError, 13000,
                     "could not be started: as planted (CUDA error 3)"}),
    [](const auto& each) { return each.param.name; });

TEST(CudaContextTest, AnIndexThatNoDeviceHasIsRefused) {
  FakeCuda cuda;
  cuda.device_count = 2;
  EXPECT_TRUE(OpenOn(cuda, 1).ok());
  const absl::Status status = OpenOn(cuda, 2).status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("no CUDA device 2: this machine has 2"));
  cuda.device_count = 0;
  EXPECT_THAT(std::string(OpenOn(cuda).status().message()),
              HasSubstr("sees no GPU"));
}

TEST(CudaContextTest, EverythingIsGivenBack) {
  FakeCuda cuda;
  {
    const auto context = *OpenOn(cuda);
    DeviceBuffer buffer = *context->Allocate(1000);
    DeviceBuffer other = *context->Allocate(0);
    EXPECT_NE(other.data(), nullptr);
    buffer = std::move(other);
    EXPECT_EQ(cuda.live_allocations(), 2);
    EXPECT_GT(cuda.live_streams_and_events(), 0);
  }
  EXPECT_EQ(cuda.live_allocations(), 0);
  EXPECT_EQ(cuda.live_streams_and_events(), 0);
}

TEST(CudaContextTest, ThePeakIsTheMostThatLivedAtOnce) {
  FakeCuda cuda;
  const auto context = *OpenOn(cuda);
  const DeviceBuffer kept = *context->Allocate(100);
  { const DeviceBuffer gone = *context->Allocate(1000); }
  EXPECT_EQ(context->allocated_bytes(), 100);
  EXPECT_EQ(context->peak_bytes(), 1100);
  context->ResetPeak();
  EXPECT_EQ(context->peak_bytes(), 100);
}

TEST(CudaContextTest, WhatDoesNotFitIsExhaustedAndBreaksNothing) {
  FakeCuda cuda;
  const auto context = *OpenOn(cuda);
  cuda.most_allocation_bytes = 1 << 20;
  const absl::Status status = context->Allocate(2 << 20).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_TRUE(context->broken().ok());
  EXPECT_EQ(FakeCuda::calls().get_last_error(), cudaSuccess)
      << "left for whoever asks next";
  EXPECT_TRUE(context->Allocate(1 << 20).ok());
}

TEST(CudaContextTest, CopiesGoThereAndBack) {
  FakeCuda cuda;
  const auto context = *OpenOn(cuda);
  const std::vector<float> sent = {1, 2, 3, 4, 5, 6};
  const DeviceBuffer buffer = *context->Allocate(24);
  ASSERT_TRUE(context->Upload(sent.data(), 24, buffer.data()).ok());
  std::vector<float> got(6);
  ASSERT_TRUE(context->Download(buffer.data(), 24, got.data()).ok());
  EXPECT_EQ(got, sent);
  // The first two of each row of three.
  std::vector<float> columns(4);
  ASSERT_TRUE(
      context->DownloadRows(buffer.data(), 12, 8, 2, columns.data()).ok());
  EXPECT_EQ(columns, (std::vector<float>{1, 2, 4, 5}));
  EXPECT_FALSE(context->Download(buffer.data(), 28, got.data()).ok())
      << "more than was allocated";
}

TEST(CudaContextTest, ForkedStreamsRunTogetherAndAreJoined) {
  FakeCuda cuda;
  cuda.host_call_seconds = 0;
  const auto context = *OpenOn(cuda);
  cuda.AddWork(context->stream(), 1);
  ASSERT_TRUE(context->Fork(context->stream(), 2).ok());
  cuda.AddWork(context->side_stream(0), 2);
  cuda.AddWork(context->side_stream(1), 5);
  ASSERT_TRUE(context->Join(context->stream(), 2).ok());
  cuda.AddWork(context->stream(), 1);
  const double start = cuda.now_seconds();
  ASSERT_TRUE(context->Wait().ok());
  EXPECT_NEAR(cuda.now_seconds() - start, 1 + 5 + 1, 1e-9);
}

TEST(CudaContextTest, AnUncorrectedMemoryErrorIsDataLossAndTheDeviceIsLost) {
  FakeCuda cuda;
  const auto context = *OpenOn(cuda);
  cuda.Break(cudaErrorECCUncorrectable);
  const absl::Status status = context->Wait();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("cudaErrorECCUncorrectable"));
  EXPECT_TRUE(absl::IsUnavailable(context->broken()));
}

TEST(CudaContextTest, ABrokenDeviceIsLeftAlone) {
  FakeCuda cuda;
  {
    const auto context = *OpenOn(cuda);
    const DeviceBuffer buffer = *context->Allocate(8);
    cuda.Break(cudaErrorIllegalAddress);
    EXPECT_TRUE(absl::IsUnavailable(context->Wait()));
    EXPECT_TRUE(absl::IsUnavailable(context->broken()));
    cuda.Break(cudaSuccess);  // frees would be seen from here on
  }
  EXPECT_EQ(cuda.live_allocations(), 1);
}

TEST(CudaContextTest, ADeviceThatHangsIsWaitedForOnlySoLong) {
  FakeCuda cuda;
  const auto context = *OpenOn(cuda);
  cuda.hangs = true;
  cuda.AddWork(context->stream(), 1e-6);
  const double start = cuda.now_seconds();
  const absl::Status status = context->Wait();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("within 60 s"));
  EXPECT_NEAR(cuda.now_seconds() - start, 60, 2);
  EXPECT_TRUE(absl::IsUnavailable(context->broken()));
}

TEST(CudaContextTest, AnErrorOfOneCallIsInternalAndBreaksNothing) {
  FakeCuda cuda;
  const auto context = *OpenOn(cuda);
  const absl::Status status =
      context->ToStatus(cudaErrorInvalidValue, "cudaSomething");
  EXPECT_TRUE(absl::IsInternal(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("cudaSomething: cudaErrorInvalidValue"));
  EXPECT_TRUE(context->broken().ok());
}

}  // namespace
}  // namespace moeplan::worker
