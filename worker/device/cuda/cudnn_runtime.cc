#include "worker/device/cuda/cudnn_runtime.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"

namespace moeplan::worker {
namespace {

CudaContext* g_context = nullptr;

// Stands for the handle of the runtime.
char g_runtime = 0;

// The one that the context has opened, whatever its index.
cudaError_t GetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t GetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = g_context->properties();
  return cudaSuccess;
}

template <typename Function>
void* Pointer(Function function) {
  return reinterpret_cast<void*>(function);
}

// What attention needs of the runtime; the frontend throws where it misses one.
void* FindRuntimeFunction(absl::string_view name) {
  const CudaCalls& calls = g_context->calls();
  if (name == "cudaGetDevice") return Pointer(&GetDevice);
  if (name == "cudaGetDeviceProperties") return Pointer(&GetDeviceProperties);
  if (name == "cudaMemsetAsync") return Pointer(calls.memset_async);
  if (name == "cudaMemcpyAsync") return Pointer(calls.memcpy_async);
  if (name == "cudaGetErrorString") return Pointer(calls.get_error_string);
  if (name == "cudaGetLastError") return Pointer(calls.get_last_error);
  return nullptr;
}

}  // namespace

absl::StatusOr<void*> OpenCudnn(CudaContext& context) {
  g_context = &context;
  static void* const library = dlopen("libcudnn.so.9", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return absl::UnimplementedError(
        "cuDNN cannot be loaded, so no attention is measured: the loader finds "
        "no libcudnn.so.9 (LD_LIBRARY_PATH)");
  }
  return library;
}

void* OpenCudnnLibrary(const char* name, int flags) {
  // The frontend takes an error of earlier calls for one of this.
  dlerror();
  if (!absl::StartsWith(name, "libcudart.")) return dlopen(name, flags);
  return absl::EndsWith(name, ".13") ? &g_runtime : nullptr;
}

void* FindCudnnFunction(void* library, const char* name) {
  return library == &g_runtime ? FindRuntimeFunction(name)
                               : dlsym(library, name);
}

}  // namespace moeplan::worker
