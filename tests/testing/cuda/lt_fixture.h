#ifndef MOEPLAN_TESTS_TESTING_CUDA_LT_FIXTURE_H_
#define MOEPLAN_TESTS_TESTING_CUDA_LT_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/rng.h"
#include "tests/testing/cuda/e4m3.h"
#include "tests/testing/cuda/fake_cuda.h"
#include "tests/testing/cuda/fake_lt.h"
#include "tests/testing/cuda/host_kernels.h"
#include "worker/device/bf16.h"
#include "worker/device/cuda/cuda_context.h"
#include "worker/device/number_format.h"

namespace moeplan::worker {

// An open device in the host's memory, with kernels and cuBLASLt of its own.
class LtTest : public testing::Test {
 protected:
  LtTest() { Open(&lt_.calls(), absl::OkStatus()); }

  void Open(const LtCalls* lt, const absl::Status& why,
            Kernels& kernels = HostKernels()) {
    context_.reset();
    auto context = CudaContext::Open(0, FakeCuda::calls(), kernels, lt, why);
    if (context.ok()) context_ = *std::move(context);
  }

  DeviceBuffer Allocate(int64_t bytes) {
    auto buffer = context_->Allocate(std::max<int64_t>(bytes, 1));
    EXPECT_TRUE(buffer.ok()) << buffer.status();
    return *std::move(buffer);
  }

  // Random values on the device, as they were rounded.
  std::vector<double> Fill(NumberFormat format, int64_t count, uint64_t seed,
                           DeviceBuffer& buffer) {
    buffer = Allocate(count * BytesOf(format));
    Rng rng(seed);
    std::vector<double> values;
    for (int64_t i = 0; i < count; ++i) {
      const float drawn = static_cast<float>(rng.Normal());
      if (format == NumberFormat::kF32) {
        buffer.as<float>()[i] = drawn;
        values.push_back(drawn);
      } else if (format == NumberFormat::kE4m3) {
        // +-0.25 to 1.875.
        uint8_t& code = buffer.as<uint8_t>()[i];
        code = static_cast<uint8_t>(0x28 + rng.UniformIndex(24));
        if (drawn < 0) code |= 0x80;
        values.push_back(FromE4m3(code));
      } else {
        buffer.as<Bf16>()[i] = FromFloat<Bf16>(drawn);
        values.push_back(ToFloat(buffer.as<Bf16>()[i]));
      }
    }
    return values;
  }

  static double At(const DeviceBuffer& buffer, NumberFormat format, int64_t i) {
    return format == NumberFormat::kF32 ? buffer.as<float>()[i]
                                        : ToFloat(buffer.as<Bf16>()[i]);
  }

  FakeCuda cuda_;
  FakeLt lt_;
  std::unique_ptr<CudaContext> context_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_TESTS_TESTING_CUDA_LT_FIXTURE_H_
