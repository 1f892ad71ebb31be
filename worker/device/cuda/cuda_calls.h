#ifndef MOEPLAN_WORKER_DEVICE_CUDA_CUDA_CALLS_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_CUDA_CALLS_H_

// The C header only: the C++ one overloads these names.
#include <cuda_runtime_api.h>

namespace moeplan::worker {

// The calls of CUDA's runtime that the worker makes; none of them waits without
// end, since a device may never finish what it was given. Tests fill this table
// with a device of their own in the host's memory, which can run out of memory,
// lose itself or compute wrongly.
struct CudaCalls {
  decltype(&cudaGetDeviceCount) get_device_count = nullptr;
  decltype(&cudaGetDeviceProperties) get_device_properties = nullptr;
  decltype(&cudaDeviceGetAttribute) device_get_attribute = nullptr;
  decltype(&cudaDeviceGetPCIBusId) device_get_pci_bus_id = nullptr;
  decltype(&cudaDriverGetVersion) driver_get_version = nullptr;
  decltype(&cudaRuntimeGetVersion) runtime_get_version = nullptr;
  decltype(&cudaSetDevice) set_device = nullptr;
  decltype(&cudaGetLastError) get_last_error = nullptr;
  decltype(&cudaGetErrorName) get_error_name = nullptr;
  decltype(&cudaGetErrorString) get_error_string = nullptr;
  decltype(&cudaMemGetInfo) mem_get_info = nullptr;
  decltype(&cudaMalloc) malloc = nullptr;
  decltype(&cudaFree) free = nullptr;
  decltype(&cudaMemcpyAsync) memcpy_async = nullptr;
  decltype(&cudaMemcpy2DAsync) memcpy_2d_async = nullptr;
  decltype(&cudaMemsetAsync) memset_async = nullptr;
  decltype(&cudaStreamCreateWithPriority) stream_create_with_priority = nullptr;
  decltype(&cudaStreamDestroy) stream_destroy = nullptr;
  decltype(&cudaStreamWaitEvent) stream_wait_event = nullptr;
  decltype(&cudaStreamBeginCapture) stream_begin_capture = nullptr;
  decltype(&cudaStreamEndCapture) stream_end_capture = nullptr;
  decltype(&cudaGraphInstantiate) graph_instantiate = nullptr;
  decltype(&cudaGraphUpload) graph_upload = nullptr;
  decltype(&cudaGraphLaunch) graph_launch = nullptr;
  decltype(&cudaGraphExecDestroy) graph_exec_destroy = nullptr;
  decltype(&cudaGraphDestroy) graph_destroy = nullptr;
  decltype(&cudaEventCreateWithFlags) event_create_with_flags = nullptr;
  decltype(&cudaEventRecord) event_record = nullptr;
  decltype(&cudaEventQuery) event_query = nullptr;
  decltype(&cudaEventElapsedTime) event_elapsed_time = nullptr;
  decltype(&cudaEventDestroy) event_destroy = nullptr;
};

// Those of the runtime that is linked in. They answer with
// cudaErrorInsufficientDriver where the machine has no driver.
const CudaCalls& RealCudaCalls();

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_CUDA_CALLS_H_
