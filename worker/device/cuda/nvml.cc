#include "worker/device/cuda/nvml.h"

#include <dlfcn.h>

#include <array>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace moeplan::worker {
namespace {

constexpr int kSuccess = 0;
constexpr int kInsufficientSize = 7;
constexpr int kClockOfMultiprocessors = 1;
constexpr int kClockOfMemory = 2;
constexpr int kSensorOfGpu = 0;
constexpr int kMostProcesses = 64;

constexpr std::pair<uint64_t, const char*> kReasons[] = {
    {0x2, "ApplicationsClocksSetting"},
    {kReasonPowerCap, "SwPowerCap"},
    {kReasonHwSlowdown, "HwSlowdown"},
    {0x10, "SyncBoost"},
    {kReasonSwThermal, "SwThermalSlowdown"},
    {kReasonHwThermal, "HwThermalSlowdown"},
    {kReasonHwPowerBrake, "HwPowerBrakeSlowdown"},
    {0x100, "DisplayClockSetting"}};

template <typename Function>
void Find(void* library, const char* name, Function& function) {
  if (function == nullptr) {
    function = reinterpret_cast<Function>(dlsym(library, name));
  }
}

std::string TextOf(const NvmlCalls& calls, int error) {
  if (calls.error_string == nullptr) return absl::StrCat("NVML error ", error);
  return absl::StrCat(calls.error_string(error), " (NVML error ", error, ")");
}

}  // namespace

absl::StatusOr<NvmlCalls> LoadNvmlCalls() {
  void* const library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return absl::NotFoundError(
        "libnvidia-ml.so.1 cannot be loaded (in a container it takes the "
        "driver's capability \"utility\")");
  }
  NvmlCalls calls;
  Find(library, "nvmlInit_v2", calls.init);
  Find(library, "nvmlErrorString", calls.error_string);
  Find(library, "nvmlSystemGetDriverVersion", calls.driver_version);
  Find(library, "nvmlDeviceGetHandleByPciBusId_v2", calls.handle_by_pci_bus_id);
  Find(library, "nvmlDeviceGetMigMode", calls.mig_mode);
  Find(library, "nvmlDeviceGetEnforcedPowerLimit",
       calls.power_limit_milliwatts);
  Find(library, "nvmlDeviceGetPowerUsage", calls.power_milliwatts);
  Find(library, "nvmlDeviceGetTotalEnergyConsumption",
       calls.energy_millijoules);
  Find(library, "nvmlDeviceGetClockInfo", calls.clock_megahertz);
  Find(library, "nvmlDeviceGetTemperature", calls.temperature_celsius);
  Find(library, "nvmlDeviceGetCurrentClocksEventReasons", calls.clock_reasons);
  // Its name before driver 535.
  Find(library, "nvmlDeviceGetCurrentClocksThrottleReasons",
       calls.clock_reasons);
  Find(library, "nvmlDeviceGetComputeRunningProcesses_v3", calls.processes);
  return calls;
}

std::vector<std::string> NamesOfReasons(uint64_t reasons) {
  std::vector<std::string> names;
  for (const auto& [bit, name] : kReasons) {
    if ((reasons & bit) != 0) names.emplace_back(name);
  }
  return names;
}

absl::StatusOr<Nvml> Nvml::Open(const NvmlCalls& calls,
                                const std::string& pci_bus_id) {
  if (calls.init == nullptr || calls.handle_by_pci_bus_id == nullptr) {
    return absl::NotFoundError("NVML lacks the calls that open a device");
  }
  if (const int error = calls.init(); error != kSuccess) {
    return absl::NotFoundError(
        absl::StrCat("NVML could not be started: ", TextOf(calls, error)));
  }
  NvmlCalls::Handle handle = nullptr;
  const int error = calls.handle_by_pci_bus_id(pci_bus_id.c_str(), &handle);
  if (error != kSuccess) {
    return absl::NotFoundError(absl::StrCat(
        "NVML does not know device ", pci_bus_id, ": ", TextOf(calls, error)));
  }
  return Nvml(calls, handle);
}

template <typename Value, typename Function, typename... Args>
std::optional<Value> Nvml::Read(const char* name, Function function,
                                Args... args) {
  Value value = {};
  if (function == nullptr || function(handle_, args..., &value) != kSuccess) {
    missing_.insert(name);
    return std::nullopt;
  }
  return value;
}

std::optional<std::string> Nvml::driver_version() {
  std::array<char, 96> text = {};
  if (calls_.driver_version == nullptr ||
      calls_.driver_version(text.data(), text.size()) != kSuccess) {
    missing_.insert("driver version");
    return std::nullopt;
  }
  return std::string(text.data());
}

std::optional<bool> Nvml::is_partitioned() {
  unsigned current = 0;
  unsigned pending = 0;
  // Devices without partitions answer with an error: they have none.
  if (calls_.mig_mode == nullptr ||
      calls_.mig_mode(handle_, &current, &pending) != kSuccess) {
    return std::nullopt;
  }
  return current != 0;
}

std::optional<double> Nvml::power_limit_watts() {
  const auto value =
      Read<unsigned>("power limit", calls_.power_limit_milliwatts);
  if (!value.has_value()) return std::nullopt;
  return 1e-3 * *value;
}

std::optional<double> Nvml::power_watts() {
  const auto value = Read<unsigned>("power", calls_.power_milliwatts);
  if (!value.has_value()) return std::nullopt;
  return 1e-3 * *value;
}

std::optional<double> Nvml::energy_joules() {
  const auto value =
      Read<unsigned long long>("energy", calls_.energy_millijoules);
  if (!value.has_value()) return std::nullopt;
  return 1e-3 * static_cast<double>(*value);
}

std::optional<double> Nvml::compute_clock_hertz() {
  const auto value = Read<unsigned>("compute clock", calls_.clock_megahertz,
                                    kClockOfMultiprocessors);
  if (!value.has_value()) return std::nullopt;
  return 1e6 * *value;
}

std::optional<double> Nvml::memory_clock_hertz() {
  const auto value =
      Read<unsigned>("memory clock", calls_.clock_megahertz, kClockOfMemory);
  if (!value.has_value()) return std::nullopt;
  return 1e6 * *value;
}

std::optional<double> Nvml::temperature_celsius() {
  return Read<unsigned>("temperature", calls_.temperature_celsius,
                        kSensorOfGpu);
}

std::optional<uint64_t> Nvml::clock_reasons() {
  return Read<unsigned long long>("reasons of throttling",
                                  calls_.clock_reasons);
}

std::optional<int> Nvml::process_count() {
  std::array<NvmlProcess, kMostProcesses> processes = {};
  unsigned count = kMostProcesses;
  const int error = calls_.processes == nullptr
                        ? kInsufficientSize + 1
                        : calls_.processes(handle_, &count, processes.data());
  // Where there are more, `count` says how many.
  if (error != kSuccess && error != kInsufficientSize) {
    missing_.insert("processes on the device");
    return std::nullopt;
  }
  return static_cast<int>(count);
}

}  // namespace moeplan::worker
