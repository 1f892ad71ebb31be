#ifndef MOEPLAN_WORKER_OPEN_DEVICE_H_
#define MOEPLAN_WORKER_OPEN_DEVICE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/calibration/measurement.h"
#include "worker/device/device.h"
#include "worker/device/fake_device.h"

namespace moeplan::worker {

// What --device asks for.
struct DeviceRequest {
  DeviceKind kind = DeviceKind::kCpu;
  int cuda_index = 0;
  // "auto": the CPU where there is no CUDA device.
  bool falls_back = false;
  FakeFault fault = FakeFault::kNone;
};

// cpu, cuda, cuda:N, auto, fake or fake:FAULT. Errors: INVALID_ARGUMENT.
absl::StatusOr<DeviceRequest> ParseDeviceRequest(absl::string_view text);

struct DeviceSettings {
  int threads = 1;        // of a CPU
  bool counters = false;  // of CUDA
};

struct OpenedDevice {
  std::unique_ptr<Device> device;
  // Why it is another one than asked for first; empty: it is not.
  std::string fallback_reason;
};

// Errors: those of OpenCudaDevice and of FakeDevice::Open.
absl::StatusOr<OpenedDevice> OpenRequested(const DeviceRequest& request,
                                           const DeviceSettings& settings);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_OPEN_DEVICE_H_
