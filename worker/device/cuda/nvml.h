#ifndef MOEPLAN_WORKER_DEVICE_CUDA_NVML_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_NVML_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace moeplan::worker {

// As the library declares it; its header is missing from many toolkits.
struct NvmlProcess {
  unsigned pid = 0;
  unsigned long long used_bytes = 0;
  unsigned gpu_instance = 0;
  unsigned compute_instance = 0;
};

// The calls of NVIDIA's management library that the worker makes, all of which
// only read; null where the library lacks one. Each returns 0 when it could.
struct NvmlCalls {
  using Handle = void*;
  int (*init)() = nullptr;
  const char* (*error_string)(int) = nullptr;
  int (*driver_version)(char*, unsigned) = nullptr;
  int (*handle_by_pci_bus_id)(const char*, Handle*) = nullptr;
  int (*mig_mode)(Handle, unsigned* current, unsigned* pending) = nullptr;
  int (*power_limit_milliwatts)(Handle, unsigned*) = nullptr;
  int (*power_milliwatts)(Handle, unsigned*) = nullptr;
  int (*energy_millijoules)(Handle, unsigned long long*) = nullptr;
  int (*clock_megahertz)(Handle, int kind, unsigned*) = nullptr;
  int (*temperature_celsius)(Handle, int sensor, unsigned*) = nullptr;
  int (*clock_reasons)(Handle, unsigned long long*) = nullptr;
  int (*processes)(Handle, unsigned* count, NvmlProcess*) = nullptr;
};

// Those of libnvidia-ml.so.1, which is loaded once and never closed. Errors:
// NOT_FOUND where it cannot be loaded.
absl::StatusOr<NvmlCalls> LoadNvmlCalls();

// Why a device runs below its highest clock, as bits of clock_reasons.
inline constexpr uint64_t kReasonIdle = 0x1;
inline constexpr uint64_t kReasonPowerCap = 0x4;
inline constexpr uint64_t kReasonHwSlowdown = 0x8;
inline constexpr uint64_t kReasonSwThermal = 0x20;
inline constexpr uint64_t kReasonHwThermal = 0x40;
inline constexpr uint64_t kReasonHwPowerBrake = 0x80;
// Too hot, or its power supply failed. A power cap is none of them.
inline constexpr uint64_t kSlowdownReasons =
    kReasonHwSlowdown | kReasonSwThermal | kReasonHwThermal |
    kReasonHwPowerBrake;

// "SwPowerCap", "HwThermalSlowdown", ... for each bit but that of an idle
// device.
std::vector<std::string> NamesOfReasons(uint64_t reasons);

// One device as NVML sees it. Every value is absent where the library, the
// device or its rights do not give it; missing() tells which.
class Nvml {
 public:
  // The device of this PCI bus id, such as "0000:1b:00.0"; NVML counts devices
  // otherwise than CUDA does. Errors: NOT_FOUND with NVML's text.
  static absl::StatusOr<Nvml> Open(const NvmlCalls& calls,
                                   const std::string& pci_bus_id);

  std::optional<std::string> driver_version();
  std::optional<bool> is_partitioned();  // MIG is on
  std::optional<double> power_limit_watts();
  // An average of the device's own, over up to a second.
  std::optional<double> power_watts();
  // Since the driver was loaded.
  std::optional<double> energy_joules();
  std::optional<double> compute_clock_hertz();
  std::optional<double> memory_clock_hertz();
  std::optional<double> temperature_celsius();
  std::optional<uint64_t> clock_reasons();
  // Processes that compute on the device, this one included where it is seen.
  std::optional<int> process_count();

  // Names of what was asked for and not given.
  const std::set<std::string>& missing() const { return missing_; }

 private:
  Nvml(const NvmlCalls& calls, NvmlCalls::Handle handle)
      : calls_(calls), handle_(handle) {}
  // Calls function(handle, args..., &value), where there is one.
  template <typename Value, typename Function, typename... Args>
  std::optional<Value> Read(const char* name, Function function, Args... args);

  NvmlCalls calls_;
  NvmlCalls::Handle handle_;
  std::set<std::string> missing_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_NVML_H_
