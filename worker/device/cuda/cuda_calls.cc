#include "worker/device/cuda/cuda_calls.h"

namespace moeplan::worker {

const CudaCalls& RealCudaCalls() {
  static constexpr CudaCalls kCalls = {
      .get_device_count = &cudaGetDeviceCount,
      .get_device_properties = &cudaGetDeviceProperties,
      .device_get_attribute = &cudaDeviceGetAttribute,
      .device_get_pci_bus_id = &cudaDeviceGetPCIBusId,
      .driver_get_version = &cudaDriverGetVersion,
      .runtime_get_version = &cudaRuntimeGetVersion,
      .set_device = &cudaSetDevice,
      .get_last_error = &cudaGetLastError,
      .get_error_name = &cudaGetErrorName,
      .get_error_string = &cudaGetErrorString,
      .mem_get_info = &cudaMemGetInfo,
      .malloc = &cudaMalloc,
      .free = &cudaFree,
      .memcpy_async = &cudaMemcpyAsync,
      .memcpy_2d_async = &cudaMemcpy2DAsync,
      .memset_async = &cudaMemsetAsync,
      .stream_create_with_priority = &cudaStreamCreateWithPriority,
      .stream_destroy = &cudaStreamDestroy,
      .stream_wait_event = &cudaStreamWaitEvent,
      .stream_begin_capture = &cudaStreamBeginCapture,
      .stream_end_capture = &cudaStreamEndCapture,
      .graph_instantiate = &cudaGraphInstantiate,
      .graph_upload = &cudaGraphUpload,
      .graph_launch = &cudaGraphLaunch,
      .graph_exec_destroy = &cudaGraphExecDestroy,
      .graph_destroy = &cudaGraphDestroy,
      .event_create_with_flags = &cudaEventCreateWithFlags,
      .event_record = &cudaEventRecord,
      .event_query = &cudaEventQuery,
      .event_elapsed_time = &cudaEventElapsedTime,
      .event_destroy = &cudaEventDestroy};
  return kCalls;
}

}  // namespace moeplan::worker
