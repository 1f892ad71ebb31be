#include "worker/kernels/clock_kernels.h"

namespace moeplan::worker {
namespace {

// Of blocks with the most threads, few fit on a multiprocessor, so that these
// many times as many as there are multiprocessors reach all of an idle device.
constexpr int kBlocksEach = 4;
constexpr int kThreads = 1024;
// No device runs faster, so that the timer ends first where it works.
constexpr int64_t kMostCyclesPerNanosecond = 8;

__device__ uint64_t GlobalNanoseconds() {
  uint64_t nanoseconds = 0;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(nanoseconds));
  return nanoseconds;
}

__device__ int Multiprocessor() {
  unsigned index = 0;
  asm volatile("mov.u32 %0, %%smid;" : "=r"(index));
  return static_cast<int>(index);
}

__global__ void SpinKernel(int64_t nanoseconds) {
  const uint64_t start = GlobalNanoseconds();
  const int64_t start_cycles = clock64();
  while (GlobalNanoseconds() - start < static_cast<uint64_t>(nanoseconds) &&
         clock64() - start_cycles < kMostCyclesPerNanosecond * nanoseconds) {
  }
}

__global__ void ReadClocksKernel(int count, ClockReading* readings) {
  const int index = Multiprocessor();
  if (threadIdx.x != 0 || index >= count) return;
  // One store of 16 bytes: blocks on one multiprocessor never mix readings.
  *reinterpret_cast<ulonglong2*>(readings + index) = make_ulonglong2(
      GlobalNanoseconds(), static_cast<unsigned long long>(clock64()));
}

class OnDevice final : public ClockKernels {
 public:
  cudaError_t Spin(int64_t nanoseconds, cudaStream_t stream) override {
    SpinKernel<<<1, 1, 0, stream>>>(nanoseconds);
    return cudaGetLastError();
  }

  cudaError_t ReadClocks(int count, ClockReading* readings,
                         cudaStream_t stream) override {
    const cudaError_t error = cudaMemsetAsync(
        readings, 0, static_cast<size_t>(count) * sizeof(ClockReading), stream);
    if (error != cudaSuccess) return error;
    ReadClocksKernel<<<static_cast<unsigned>(kBlocksEach * count), kThreads, 0,
                       stream>>>(count, readings);
    return cudaGetLastError();
  }
};

}  // namespace

ClockKernels& DeviceClockKernels() {
  static OnDevice kernels;
  return kernels;
}

}  // namespace moeplan::worker
