#ifndef MOEPLAN_TESTS_TESTING_CUDA_FAKE_NVML_H_
#define MOEPLAN_TESTS_TESTING_CUDA_FAKE_NVML_H_

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "worker/device/cuda/nvml.h"

namespace moeplan::worker {

// What the management library says of one device, changed by tests at will. One
// at a time.
class FakeNvml {
 public:
  FakeNvml() {
    if (current_ != nullptr) std::abort();
    current_ = this;
    calls.init = [] { return current_->init_error; };
    calls.error_string = [](int) { return "as planted"; };
    calls.driver_version = [](char* text, unsigned length) {
      std::strncpy(text, "580.95.05", length);
      return 0;
    };
    calls.handle_by_pci_bus_id = [](const char* id, NvmlCalls::Handle* handle) {
      *handle = current_;
      return current_->pci_bus_id == id ? 0 : kNotFound;
    };
    calls.mig_mode = [](NvmlCalls::Handle, unsigned* current, unsigned*) {
      *current = current_->is_partitioned ? 1 : 0;
      return 0;
    };
    calls.power_limit_milliwatts = Unsigned<&FakeNvml::power_limit_milliwatts>;
    calls.power_milliwatts = Unsigned<&FakeNvml::power_milliwatts>;
    calls.energy_millijoules = Unsigned<&FakeNvml::energy_millijoules>;
    calls.clock_reasons = Unsigned<&FakeNvml::clock_reasons>;
    calls.clock_megahertz = [](NvmlCalls::Handle, int kind, unsigned* value) {
      *value = kind == 2 ? 3201 : 1980;
      return 0;
    };
    calls.temperature_celsius = [](NvmlCalls::Handle, int, unsigned* value) {
      *value = current_->temperature_celsius;
      return 0;
    };
    calls.processes = [](NvmlCalls::Handle, unsigned* count, NvmlProcess*) {
      ++current_->looks_at_processes;
      const unsigned room = *count;
      *count = current_->process_count;
      return current_->process_count > room ? kInsufficientSize : 0;
    };
  }
  ~FakeNvml() { current_ = nullptr; }
  FakeNvml(const FakeNvml&) = delete;
  FakeNvml& operator=(const FakeNvml&) = delete;

  static constexpr int kNotFound = 6;
  static constexpr int kInsufficientSize = 7;

  // Tests take symbols out of it.
  NvmlCalls calls;
  int init_error = 0;
  std::string pci_bus_id = "0000:1b:00.0";
  bool is_partitioned = false;
  unsigned power_limit_milliwatts = 700'000;
  unsigned power_milliwatts = 650'000;
  unsigned long long energy_millijoules = 1'000'000;
  unsigned long long clock_reasons = 0;
  unsigned temperature_celsius = 60;
  unsigned process_count = 1;
  int looks_at_processes = 0;

 private:
  template <auto Member, typename Value>
  static int Unsigned(NvmlCalls::Handle, Value* value) {
    *value = current_->*Member;
    return 0;
  }

  inline static FakeNvml* current_ = nullptr;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_TESTS_TESTING_CUDA_FAKE_NVML_H_
