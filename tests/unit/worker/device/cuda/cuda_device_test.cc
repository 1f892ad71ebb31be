#include "worker/device/cuda/cuda_device.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/cuda/fake_machine.h"
#include "worker/bench/measure_case.h"

namespace moeplan::worker {
namespace {

using ::testing::Contains;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

TEST(CudaDeviceTest, SaysWhatItIs) {
  FakeMachine machine;
  const auto device = *machine.Open();
  const DeviceIdentity& identity = device->identity();
  EXPECT_EQ(identity.kind, DeviceKind::kCuda);
  EXPECT_EQ(identity.product, "NVIDIA H200");
  EXPECT_EQ(identity.device_hash.size(), 16u);
  EXPECT_EQ(identity.multiprocessor_count, 132);
  EXPECT_EQ(identity.memory_bytes, 150'000'000'000);
  EXPECT_EQ(identity.l2_bytes, 60 * kMiB);
  EXPECT_EQ(identity.power_limit_watts, 700);
  EXPECT_EQ(identity.ecc_enabled, true);
  EXPECT_FALSE(identity.partitioned);
  const SoftwareStack software = device->software();
  EXPECT_EQ(software.driver_version, "580.95.05, CUDA 13.0");
  EXPECT_THAT(software.runtime_version, HasSubstr("CUDA 13.0, compiled with"));
  EXPECT_THAT(software.library_versions, ElementsAre("a library 1"));
}

TEST(CudaDeviceTest, AnotherDeviceOfTheKindHasAnotherHash) {
  FakeMachine machine;
  const std::string hash = (*machine.Open())->identity().device_hash;
  EXPECT_EQ((*machine.Open())->identity().device_hash, hash);
  machine.cuda.properties.uuid.bytes[0] = 99;
  EXPECT_NE((*machine.Open())->identity().device_hash, hash);
}

TEST(CudaDeviceTest, PartsOfDevicesAndSharedOnesAreRefused) {
  FakeMachine machine;
  machine.nvml.is_partitioned = true;
  const absl::Status partitioned = machine.Open().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(partitioned)) << partitioned;
  EXPECT_THAT(std::string(partitioned.message()), HasSubstr("(MIG)"));
  machine.nvml.is_partitioned = false;
  machine.cuda.properties.mpsEnabled = 1;
  EXPECT_THAT(std::string(machine.Open().status().message()),
              HasSubstr("(MPS)"));
  machine.cuda.properties.mpsEnabled = 0;
  std::fill_n(machine.cuda.properties.uuid.bytes, 16, '\0');
  EXPECT_THAT(std::string(machine.Open().status().message()),
              HasSubstr("no UUID"));
}

TEST(CudaDeviceTest, ADeviceThatTheBuildHasNoKernelsForIsRefused) {
  FakeMachine machine;
  machine.cuda.properties.major = 7;
  machine.cuda.properties.minor = 5;
  machine.clock_kernels.error = cudaErrorNoKernelImageForDevice;
  const absl::Status status = machine.Open().status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("no kernels for NVIDIA H200 (compute capability 7.5)"));
  machine.clock_kernels.error = cudaErrorLaunchFailure;
  EXPECT_TRUE(absl::IsUnavailable(machine.Open().status()));
}

TEST(CudaDeviceTest, WithoutNvmlItMeasuresAndSaysWhatIsMissing) {
  FakeMachine machine;
  machine.has_nvml = false;
  const auto device = *machine.Open();
  EXPECT_EQ(device->identity().power_limit_watts, std::nullopt);
  EXPECT_EQ(device->software().driver_version, "CUDA 13.0");
  EXPECT_EQ(MeasureCase(*device, CopyCase(kMiB), RunnerOptions()).disposition,
            Disposition::kPassed);
  EXPECT_THAT(device->CoverageGaps(), Contains(HasSubstr("no NVML")));
}

TEST(CudaDeviceTest, TimesAreTheDevicesOwn) {
  FakeMachine machine;
  machine.run_seconds = 123e-6;
  const auto device = *machine.Open();
  const auto prepared = *device->Prepare(CopyCase(kMiB));
  EXPECT_TRUE(prepared->CheckNumerics()->passed());
  for (const int64_t runs : {1, 2, 7, 300}) {
    const auto sample = prepared->Time(runs);
    ASSERT_TRUE(sample.ok()) << sample.status();
    EXPECT_NEAR(sample->seconds, 123e-6, 1e-11) << runs;
    EXPECT_EQ(sample->fault, SampleFault::kNone);
  }
}

TEST(CudaDeviceTest, SetsOfOperandsExceedTheCacheTwice) {
  FakeMachine machine;
  const auto device = *machine.Open();
  // A copy of so many bytes reads and writes them.
  for (const auto& [bytes, sets] : std::vector<std::pair<int64_t, size_t>>{
           {200 * kMiB, 1}, {40 * kMiB, 2}, {4 * kMiB, 16}, {64, 256}}) {
    machine.made.clear();
    const auto prepared = *device->Prepare(CopyCase(bytes));
    EXPECT_EQ(machine.made.size(), sets) << bytes;
  }
}

TEST(CudaDeviceTest, FewerSetsDoWhereMemoryIsShort) {
  FakeMachine machine;
  const auto device = *machine.Open();
  machine.cuda.FailAllocationsFrom(6);
  const auto prepared = device->Prepare(CopyCase(4 * kMiB));
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(machine.made.size(), 5u);
  EXPECT_TRUE((*prepared)->Time(1).ok());
  // One that does not fit at all is the case's own failure.
  const Measurement measurement =
      MeasureCase(*device, CopyCase(4 * kMiB), RunnerOptions());
  EXPECT_EQ(measurement.disposition, Disposition::kFailed);
  EXPECT_THAT(measurement.disposition_reason, HasSubstr("out of memory"));
}

TEST(CudaDeviceTest, HalfOfTheFreeMemoryIsLeft) {
  FakeMachine machine;
  machine.cuda.memory_bytes = 50 * kMiB;
  const auto device = *machine.Open();
  const auto prepared = *device->Prepare(CopyCase(4 * kMiB));
  EXPECT_EQ(machine.made.size(), 3u);
}

TEST(CudaDeviceTest, NothingStaysBehindACase) {
  FakeMachine machine;
  const auto device = *machine.Open();
  const int64_t before = machine.cuda.live_allocations();
  {
    const auto prepared = *device->Prepare(CopyCase(kMiB));
    ASSERT_TRUE(prepared->Time(3).ok());
    EXPECT_GT(machine.cuda.live_graphs(), 0);
  }
  EXPECT_EQ(machine.cuda.live_allocations(), before);
  EXPECT_EQ(machine.cuda.live_graphs(), 0);
}

TEST(CudaDeviceTest, AHostThatIsSlowIsHiddenByLongerSpinning) {
  FakeMachine machine;
  machine.run_seconds = 10e-6;
  machine.cuda.host_call_seconds = 40e-6;
  const auto device = *machine.Open();
  const auto prepared = *device->Prepare(CopyCase(kMiB));
  int64_t spins = machine.clock_kernels.spins();
  const auto sample = prepared->Time(1);
  ASSERT_TRUE(sample.ok());
  EXPECT_NEAR(sample->seconds, 10e-6, 1e-11);
  EXPECT_EQ(sample->fault, SampleFault::kNone);
  EXPECT_GT(machine.clock_kernels.spins(), spins + 1);
  spins = machine.clock_kernels.spins();
  ASSERT_TRUE(prepared->Time(1).ok());
  EXPECT_EQ(machine.clock_kernels.spins(), spins + 1) << "learnt once";
}

TEST(CudaDeviceTest, SamplesOfAHostThatIsTooSlowAreLost) {
  FakeMachine machine;
  machine.cuda.host_call_seconds = 2e-3;
  const auto device = *machine.Open();
  const auto prepared = *device->Prepare(CopyCase(kMiB));
  EXPECT_EQ(prepared->Time(1)->fault, SampleFault::kContended);
  EXPECT_THAT(device->CoverageGaps(),
              Contains(HasSubstr("host: 1 of 1 samples were lost")));
}

TEST(CudaDeviceTest, FormatsWithoutKernelsAreUnsupported) {
  FakeMachine machine;
  const auto device = *machine.Open();
  Case one = CopyCase(kMiB);
  one.dtype = "fp8_e4m3";
  EXPECT_EQ(MeasureCase(*device, one, RunnerOptions()).disposition,
            Disposition::kUnsupported);
}

TEST(CudaDeviceTest, Fp8IsAFormatFromAdaOn) {
  FakeMachine machine;
  for (const auto& [major, minor, has_fp8] :
       {std::tuple(8, 0, false), std::tuple(8, 6, false),
        std::tuple(8, 9, true), std::tuple(9, 0, true),
        std::tuple(10, 0, true)}) {
    machine.cuda.properties.major = major;
    machine.cuda.properties.minor = minor;
    const std::vector<std::string> dtypes = (*machine.Open())->dtypes();
    EXPECT_EQ(std::find(dtypes.begin(), dtypes.end(), "fp8") != dtypes.end(),
              has_fp8)
        << major << "." << minor;
  }
}

TEST(CudaDeviceTest, PeaksFollowTheClockThatWasRun) {
  FakeMachine machine;
  machine.run_seconds = 1e-3;
  machine.clock_kernels.hertz = 1.5e9;
  const auto device = *machine.Open();
  EXPECT_THAT(device->ClockTruePeaks(), IsEmpty()) << "nothing was run yet";
  const auto prepared = *device->Prepare(GemmCase(4096));
  for (int i = 0; i < 400; ++i) ASSERT_TRUE(prepared->Time(1).ok());
  auto peaks = device->ClockTruePeaks();
  ASSERT_EQ(peaks.size(), 3u);
  EXPECT_EQ(peaks[0].dtype, "bf16");
  EXPECT_NEAR(peaks[0].flops_per_second, 132 * 4096 * 1.5e9, 1e9);
  EXPECT_EQ(peaks[1].dtype, "f32");
  EXPECT_NEAR(peaks[1].flops_per_second, 132 * 256 * 1.5e9, 1e8);
  EXPECT_EQ(peaks[2].dtype, "fp8");
  EXPECT_NEAR(peaks[2].flops_per_second, 132 * 8192 * 1.5e9, 1e9);
  EXPECT_THAT(device->Conditions().compute_clock_hertz,
              Optional(DoubleNear(1.5e9, 1e5)));
  // A short time at a higher clock moves the peak and not the median.
  machine.clock_kernels.hertz = 1.9e9;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(prepared->Time(1).ok());
  peaks = device->ClockTruePeaks();
  EXPECT_NEAR(peaks[0].flops_per_second, 132 * 4096 * 1.9e9, 1e9);
  EXPECT_THAT(device->Conditions().compute_clock_hertz,
              Optional(DoubleNear(1.5e9, 1e5)));
}

TEST(CudaDeviceTest, TheTimeBetweenCasesIsNoClock) {
  FakeMachine machine;
  machine.run_seconds = 30e-3;
  const auto device = *machine.Open();
  ASSERT_TRUE((*device->Prepare(CopyCase(kMiB)))->Time(1).ok());
  machine.clock_kernels.hertz = 9e9;
  machine.cuda.Advance(1);
  ASSERT_TRUE((*device->Prepare(CopyCase(kMiB)))->Time(1).ok());
  EXPECT_THAT(device->ClockTruePeaks(), IsEmpty());
}

TEST(CudaDeviceTest, MultiprocessorsThatNoReadingReachesAreLeftOut) {
  FakeMachine machine;
  machine.run_seconds = 1e-3;
  machine.clock_kernels.reached = 100;
  const auto device = *machine.Open();
  const auto prepared = *device->Prepare(CopyCase(kMiB));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(prepared->Time(1).ok());
  EXPECT_THAT(device->Conditions().compute_clock_hertz,
              Optional(DoubleNear(1.5e9, 1e5)));
}

TEST(CudaDeviceTest, DevicesOfUnknownArithmeticHaveNoPeakAndSaySo) {
  FakeMachine machine;
  machine.cuda.properties.major = 12;
  const auto device = *machine.Open();
  const auto prepared = *device->Prepare(CopyCase(kMiB));
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(prepared->Time(1).ok());
  EXPECT_THAT(device->ClockTruePeaks(), IsEmpty());
  EXPECT_THAT(device->CoverageGaps(),
              Contains(HasSubstr("compute capability 12.0")));
}

TEST(CudaDeviceTest, ARateAboveThePeakIsNoNumber) {
  FakeMachine machine;
  // 8192^3 products in half the time that 132 multiprocessors take.
  machine.run_seconds = 2 * std::pow(8192.0, 3) / (132 * 4096 * 1.5e9) / 2;
  const auto device = *machine.Open();
  const Measurement measurement =
      MeasureCase(*device, GemmCase(8192), RunnerOptions());
  EXPECT_EQ(measurement.disposition, Disposition::kAbovePeak);
  machine.run_seconds *= 2.1;
  EXPECT_EQ(MeasureCase(*device, GemmCase(8192), RunnerOptions()).disposition,
            Disposition::kPassed);
}

}  // namespace
}  // namespace moeplan::worker
