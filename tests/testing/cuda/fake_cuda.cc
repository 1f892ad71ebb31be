#include "tests/testing/cuda/fake_cuda.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace moeplan::worker {
namespace {

FakeCuda* current_fake = nullptr;

constexpr size_t kAlignment = 256;
// Fresh memory holds no zeros; beyond this much it is left as it is.
constexpr size_t kMostFilledBytes = size_t{1} << 20;

}  // namespace

FakeCuda::FakeCuda() {
  if (current_fake != nullptr) std::abort();
  current_fake = this;
  std::snprintf(properties.name, sizeof(properties.name), "NVIDIA H200");
  for (size_t i = 0; i < sizeof(properties.uuid.bytes); ++i) {
    properties.uuid.bytes[i] = static_cast<char>(i + 1);
  }
  properties.major = 9;
  properties.minor = 0;
  properties.multiProcessorCount = 132;
  properties.l2CacheSize = 60 << 20;
  properties.totalGlobalMem = size_t{150} * 1000 * 1000 * 1000;
  properties.ECCEnabled = 1;
  properties.warpSize = 32;
  properties.sharedMemPerBlockOptin = 227 << 10;
}

FakeCuda::~FakeCuda() {
  for (const auto& [data, bytes] : memory_) {
    std::free(const_cast<std::byte*>(data));
  }
  DeleteHandles();
  current_fake = nullptr;
}

FakeCuda& FakeCuda::Current() {
  if (current_fake == nullptr) std::abort();
  return *current_fake;
}

cudaError_t FakeCuda::Enter() {
  now_seconds_ += host_call_seconds;
  return last_error_ = broken_;
}

cudaError_t FakeCuda::EnterUncaptured() {
  if (capture_ != nullptr) {
    capture_->is_invalid = true;
    return last_error_ = cudaErrorStreamCaptureUnsupported;
  }
  return Enter();
}

bool FakeCuda::IsDeviceRange(const void* data, size_t bytes) const {
  const auto* begin = static_cast<const std::byte*>(data);
  auto block = memory_.upper_bound(begin);
  if (block == memory_.begin()) return false;
  --block;
  return begin + bytes <= block->first + block->second;
}

cudaError_t FakeCuda::CheckCopy(void* to, const void* from, size_t bytes,
                                cudaMemcpyKind kind) {
  const bool from_host = kind == cudaMemcpyHostToDevice;
  const bool to_host = kind == cudaMemcpyDeviceToHost;
  if (from_host || to_host) {
    const cudaError_t error = EnterUncaptured();
    if (error != cudaSuccess) return error;
  }
  if ((!from_host && !IsDeviceRange(from, bytes)) ||
      (!to_host && !IsDeviceRange(to, bytes))) {
    return last_error_ = cudaErrorInvalidValue;
  }
  return Enter();
}

// The functions of the table, as CUDA declares them.
struct FakeMemoryCalls {
  static FakeCuda& Fake() { return FakeCuda::Current(); }

  static cudaError_t GetDeviceCount(int* count) {
    if (Fake().count_error != cudaSuccess) return Fake().count_error;
    *count = Fake().device_count;
    return cudaSuccess;
  }
  static cudaError_t GetDeviceProperties(cudaDeviceProp* properties,
                                         int device) {
    if (device < 0 || device >= Fake().device_count) {
      return cudaErrorInvalidDevice;
    }
    *properties = Fake().properties;
    return cudaSuccess;
  }
  static cudaError_t DeviceGetAttribute(int* value, cudaDeviceAttr attribute,
                                        int) {
    switch (attribute) {
      case cudaDevAttrMultiProcessorCount:
        *value = Fake().properties.multiProcessorCount;
        return cudaSuccess;
      case cudaDevAttrMaxSharedMemoryPerBlockOptin:
        *value = static_cast<int>(Fake().properties.sharedMemPerBlockOptin);
        return cudaSuccess;
      case cudaDevAttrL2CacheSize:
        *value = Fake().properties.l2CacheSize;
        return cudaSuccess;
      default:
        return cudaErrorInvalidValue;
    }
  }
  static cudaError_t DeviceGetPciBusId(char* text, int length, int) {
    std::snprintf(text, static_cast<size_t>(length), "%s",
                  Fake().pci_bus_id.c_str());
    return cudaSuccess;
  }
  static cudaError_t DriverGetVersion(int* version) {
    *version = Fake().driver_version;
    return cudaSuccess;
  }
  static cudaError_t RuntimeGetVersion(int* version) {
    *version = Fake().runtime_version;
    return cudaSuccess;
  }
  static cudaError_t SetDevice(int) { return Fake().Enter(); }
  static cudaError_t GetLastError() {
    const cudaError_t error = Fake().last_error_;
    Fake().last_error_ = Fake().broken_;
    return error;
  }
  static const char* GetErrorName(cudaError_t error) {
    switch (error) {
      case cudaErrorMemoryAllocation:
        return "cudaErrorMemoryAllocation";
      case cudaErrorECCUncorrectable:
        return "cudaErrorECCUncorrectable";
      case cudaErrorIllegalAddress:
        return "cudaErrorIllegalAddress";
      case cudaErrorInvalidValue:
        return "cudaErrorInvalidValue";
      case cudaErrorStreamCaptureUnsupported:
        return "cudaErrorStreamCaptureUnsupported";
      case cudaErrorStreamCaptureUnjoined:
        return "cudaErrorStreamCaptureUnjoined";
      default:
        return "another error of CUDA";
    }
  }
  static const char* GetErrorString(cudaError_t) { return "as planted"; }

  static cudaError_t MemGetInfo(size_t* free, size_t* total) {
    *total = static_cast<size_t>(Fake().memory_bytes);
    *free = static_cast<size_t>(Fake().memory_bytes - Fake().live_bytes_ -
                                Fake().other_bytes);
    return Fake().Enter();
  }
  static cudaError_t Malloc(void** data, size_t bytes) {
    FakeCuda& fake = Fake();
    const cudaError_t error = fake.EnterUncaptured();
    if (error != cudaSuccess) return error;
    const auto size = static_cast<int64_t>(bytes);
    ++fake.allocations_;
    if (--fake.failing_allocation_ <= 0 || size > fake.most_allocation_bytes ||
        fake.live_bytes_ + size > fake.memory_bytes) {
      return fake.last_error_ = cudaErrorMemoryAllocation;
    }
    *data =
        std::aligned_alloc(kAlignment, (bytes / kAlignment + 1) * kAlignment);
    if (*data == nullptr) return fake.last_error_ = cudaErrorMemoryAllocation;
    std::memset(*data, 0xff, std::min(bytes, kMostFilledBytes));
    fake.memory_[static_cast<std::byte*>(*data)] = size;
    fake.live_bytes_ += size;
    return cudaSuccess;
  }
  static cudaError_t Free(void* data) {
    FakeCuda& fake = Fake();
    const cudaError_t error = fake.EnterUncaptured();
    if (error != cudaSuccess || data == nullptr) return error;
    const auto block = fake.memory_.find(static_cast<std::byte*>(data));
    if (block == fake.memory_.end()) {
      return fake.last_error_ = cudaErrorInvalidValue;
    }
    fake.live_bytes_ -= block->second;
    fake.memory_.erase(block);
    std::free(data);
    return cudaSuccess;
  }
  static cudaError_t MemcpyAsync(void* to, const void* from, size_t bytes,
                                 cudaMemcpyKind kind, cudaStream_t stream) {
    return Memcpy2dAsync(to, bytes, from, bytes, bytes, 1, kind, stream);
  }
  static cudaError_t Memcpy2dAsync(void* to, size_t to_pitch, const void* from,
                                   size_t from_pitch, size_t width, size_t rows,
                                   cudaMemcpyKind kind, cudaStream_t stream) {
    FakeCuda& fake = Fake();
    if (!fake.IsStream(stream)) return cudaErrorInvalidResourceHandle;
    if (width > to_pitch || width > from_pitch) return cudaErrorInvalidValue;
    for (size_t row = 0; row < rows; ++row) {
      auto* const target = static_cast<std::byte*>(to) + row * to_pitch;
      const auto* const source =
          static_cast<const std::byte*>(from) + row * from_pitch;
      const cudaError_t error = fake.CheckCopy(target, source, width, kind);
      if (error != cudaSuccess) return error;
      std::memcpy(target, source, width);
    }
    if (kind == cudaMemcpyDeviceToHost && fake.spoils_downloads) {
      constexpr uint32_t kNan = 0x7fc07fc0;
      std::memcpy(to, &kNan, std::min(width, sizeof(kNan)));
    }
    return cudaSuccess;
  }
  static cudaError_t MemsetAsync(void* data, int value, size_t bytes,
                                 cudaStream_t stream) {
    if (!Fake().IsStream(stream)) return cudaErrorInvalidResourceHandle;
    if (!Fake().IsDeviceRange(data, bytes)) {
      return Fake().last_error_ = cudaErrorInvalidValue;
    }
    const cudaError_t error = Fake().Enter();
    if (error == cudaSuccess) std::memset(data, value, bytes);
    return error;
  }
};

void FakeCuda::FillMemoryCalls(CudaCalls& calls) {
  using Own = FakeMemoryCalls;
  calls.get_device_count = &Own::GetDeviceCount;
  calls.get_device_properties = &Own::GetDeviceProperties;
  calls.device_get_attribute = &Own::DeviceGetAttribute;
  calls.device_get_pci_bus_id = &Own::DeviceGetPciBusId;
  calls.driver_get_version = &Own::DriverGetVersion;
  calls.runtime_get_version = &Own::RuntimeGetVersion;
  calls.set_device = &Own::SetDevice;
  calls.get_last_error = &Own::GetLastError;
  calls.get_error_name = &Own::GetErrorName;
  calls.get_error_string = &Own::GetErrorString;
  calls.mem_get_info = &Own::MemGetInfo;
  calls.malloc = &Own::Malloc;
  calls.free = &Own::Free;
  calls.memcpy_async = &Own::MemcpyAsync;
  calls.memcpy_2d_async = &Own::Memcpy2dAsync;
  calls.memset_async = &Own::MemsetAsync;
}

const CudaCalls& FakeCuda::calls() {
  static const CudaCalls kCalls = [] {
    CudaCalls calls;
    FillMemoryCalls(calls);
    FillStreamCalls(calls);
    return calls;
  }();
  return kCalls;
}

}  // namespace moeplan::worker
