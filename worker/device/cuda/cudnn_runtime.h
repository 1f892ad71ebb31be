#ifndef MOEPLAN_WORKER_DEVICE_CUDA_CUDNN_RUNTIME_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_CUDNN_RUNTIME_H_

#include <dlfcn.h>

#include "absl/status/statusor.h"
#include "worker/device/cuda/cuda_context.h"

namespace moeplan::worker {

// What cuDNN's frontend, which is compiled into the worker, finds its functions
// with. It would look for a shared CUDA runtime, of version 12 first, in which
// structures differ; it is given the calls of the worker's context instead.

// The handle of libcudnn.so.9, loaded once and never closed. From now on the
// frontend calls the runtime and asks for the properties of `context`, which
// outlives what it does. Errors: UNIMPLEMENTED it cannot be loaded.
absl::StatusOr<void*> OpenCudnn(CudaContext& context);

// As dlopen and dlsym; for the frontend alone.
void* OpenCudnnLibrary(const char* name, int flags);
void* FindCudnnFunction(void* library, const char* name);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_CUDNN_RUNTIME_H_
