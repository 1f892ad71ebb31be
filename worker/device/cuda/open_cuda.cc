#include "worker/device/open_cuda.h"

#include <cudnn_version.h>
#include <dlfcn.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/device/cuda/cuda_device.h"
#include "worker/device/cuda/cudnn_runtime.h"
#include "worker/device/cuda/lt_calls.h"

namespace moeplan::worker {
namespace {

// 9.19.0 for 91900.
std::string VersionText(size_t version) {
  return absl::StrCat(version / 10000, ".", version % 10000 / 100, ".",
                      version % 100);
}

// What a library was when this was compiled, and what was found.
std::string LibraryText(const char* name, size_t compiled, size_t running) {
  return absl::StrCat(name, " ", VersionText(running), ", compiled with ",
                      VersionText(compiled));
}

std::vector<std::string> LibraryVersions(CudaContext& context) {
  std::vector<std::string> versions;
  if (context.lt() != nullptr) {
    versions.push_back(
        LibraryText("cublasLt", CUBLAS_VERSION, context.lt()->get_version()));
  }
  if (const auto library = OpenCudnn(context); library.ok()) {
    const auto get_version =
        reinterpret_cast<size_t (*)()>(dlsym(*library, "cudnnGetVersion"));
    if (get_version != nullptr) {
      versions.push_back(LibraryText("cudnn", CUDNN_VERSION, get_version()));
    }
  }
  return versions;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Device>> OpenCudaDevice(
    const CudaDeviceOptions& options) {
  // First of all: loading libraries takes longer than to see that there is no
  // driver.
  int count = 0;
  const bool may_open = RealCudaCalls().get_device_count(&count) == cudaSuccess;
  static const auto* const kLt =
      new auto(may_open ? LoadLtCalls() : absl::UnavailableError("not loaded"));
  MOEPLAN_ASSIGN_OR_RETURN(
      auto device,
      CudaDevice::Open(
          options.index,
          {.calls = RealCudaCalls(),
           .kernels = DeviceKernels(),
           .clock_kernels = DeviceClockKernels(),
           .lt = kLt->ok() ? &**kLt : nullptr,
           .lt_status = kLt->status(),
           .nvml = LoadNvmlCalls(),
           .cupti = options.counters ? LoadCuptiCalls()
                                     : absl::FailedPreconditionError(
                                           "it was not asked for (--counters)"),
           .make_operation = &MakeCudaOperation,
           .library_versions = &LibraryVersions}));
  return std::unique_ptr<Device>(std::move(device));
}

}  // namespace moeplan::worker
