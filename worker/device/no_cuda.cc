#include "absl/status/status.h"
#include "worker/device/open_cuda.h"

namespace moeplan::worker {

absl::StatusOr<std::unique_ptr<Device>> OpenCudaDevice(
    const CudaDeviceOptions& /*options*/) {
  return absl::UnimplementedError(
      "this build of moeplan-worker has no CUDA; it measures --device cpu");
}

}  // namespace moeplan::worker
