// The only file that includes CUB, which takes long to compile.

#include <algorithm>
#include <bit>
#include <cub/device/device_radix_sort.cuh>

#include "worker/kernels/device_kernels.h"
#include "worker/kernels/routing_functions.h"

namespace moeplan::worker::kernels {
namespace {

constexpr int64_t kAlignment = 256;

// Choices are sorted by expert, and keep their order within one: the sort is
// stable. The workspace holds the numbers of all choices, which are sorted with
// their experts, both sorted, and what CUB asks for.
struct IndexWorkspace {
  IndexWorkspace(const RoutingSize& size, void* workspace)
      : count(size.rows()),
        bits(std::max(1, static_cast<int>(std::bit_width(
                             static_cast<uint64_t>(size.experts - 1))))),
        array_bytes((count * 4 + kAlignment - 1) / kAlignment * kAlignment),
        choices(At<int32_t>(workspace, 0)),
        order(At<int32_t>(workspace, 1)),
        sorted(At<uint32_t>(workspace, 2)),
        cub(At<void>(workspace, 3)) {}

  template <typename T>
  T* At(void* workspace, int64_t index) const {
    if (workspace == nullptr) return nullptr;
    return reinterpret_cast<T*>(static_cast<char*>(workspace) +
                                index * array_bytes);
  }

  // Only asks for cub_bytes where there is no workspace.
  cudaError_t Sort(const int32_t* experts, size_t& cub_bytes,
                   cudaStream_t stream) const {
    return cub::DeviceRadixSort::SortPairs(
        cub, cub_bytes, reinterpret_cast<const uint32_t*>(experts), sorted,
        choices, order, static_cast<int>(count), 0, bits, stream);
  }

  const int64_t count;
  const int bits;
  const int64_t array_bytes;
  int32_t* const choices;
  int32_t* const order;
  uint32_t* const sorted;
  void* const cub;
};

__global__ void CountUpKernel(int32_t* out, int64_t count) {
  const int64_t i = GlobalThread();
  if (i < count) out[i] = static_cast<int32_t>(i);
}

__global__ void __launch_bounds__(kThreads)
    InvertIndexKernel(RoutingSize size, const int32_t* __restrict__ order,
                      const int32_t* __restrict__ experts,
                      const float* __restrict__ probabilities,
                      int32_t* __restrict__ slots,
                      float* __restrict__ weights) {
  const int64_t slot = GlobalThread();
  if (slot >= size.rows()) return;
  InvertIndexAt(size, slot, order, experts, probabilities, slots, weights);
}

}  // namespace

cudaError_t OnDevice::IndexWorkspaceBytes(const RoutingSize& size,
                                          int64_t* bytes) {
  if (size.rows() > INT32_MAX) return cudaErrorInvalidValue;
  const IndexWorkspace parts(size, nullptr);
  size_t cub_bytes = 0;
  const cudaError_t error = parts.Sort(nullptr, cub_bytes, nullptr);
  *bytes = 3 * parts.array_bytes + static_cast<int64_t>(cub_bytes);
  return error;
}

cudaError_t OnDevice::InitIndexWorkspace(const RoutingSize& size,
                                         void* workspace, cudaStream_t stream) {
  const IndexWorkspace parts(size, workspace);
  return Launch(CountUpKernel, parts.count, kThreads, kThreads, stream,
                parts.choices, parts.count);
}

cudaError_t OnDevice::BuildIndex(const RoutingSize& size,
                                 const int32_t* experts,
                                 const float* probabilities, void* workspace,
                                 int32_t* slots, float* weights,
                                 cudaStream_t stream) {
  const IndexWorkspace parts(size, workspace);
  // What it asked for when the workspace was made: it needs no more now.
  size_t cub_bytes = 0;
  cudaError_t error =
      IndexWorkspace(size, nullptr).Sort(nullptr, cub_bytes, stream);
  if (error != cudaSuccess) return error;
  error = parts.Sort(experts, cub_bytes, stream);
  if (error != cudaSuccess) return error;
  return Launch(InvertIndexKernel, parts.count, kThreads, kThreads, stream,
                size, parts.order, experts, probabilities, slots, weights);
}

}  // namespace moeplan::worker::kernels
