#ifndef MOEPLAN_WORKER_DEVICE_OPEN_CUDA_H_
#define MOEPLAN_WORKER_DEVICE_OPEN_CUDA_H_

#include <memory>

#include "absl/status/statusor.h"
#include "worker/device/device.h"

namespace moeplan::worker {

struct CudaDeviceOptions {
  int index = 0;  // as CUDA counts devices
  // Counts what each case executes, in a run of its own behind the timed ones.
  // Most machines allow that to administrators only.
  bool counters = false;
};

// Opens a CUDA device. On a machine without a driver it fails within a second.
// Errors: UNIMPLEMENTED this build has no CUDA; NOT_FOUND no driver, one that
// is too old, no device, or none of this index; FAILED_PRECONDITION a device
// that is partitioned or shared; UNAVAILABLE the device is lost. The message is
// a sentence for whoever started the worker.
absl::StatusOr<std::unique_ptr<Device>> OpenCudaDevice(
    const CudaDeviceOptions& options);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_OPEN_CUDA_H_
