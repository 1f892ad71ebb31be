#ifndef MOEPLAN_WORKER_DEVICE_CPU_INFO_H_
#define MOEPLAN_WORKER_DEVICE_CPU_INFO_H_

#include <cstdint>
#include <set>
#include <string>

#include "absl/strings/string_view.h"

namespace moeplan::worker {

// What Linux says of the processor.
struct CpuInfo {
  std::string product;          // "AMD EPYC"
  std::set<std::string> flags;  // "avx512f", ...
  int64_t core_count = 1;       // that this process may use
  int64_t memory_bytes = 0;
  int64_t last_cache_bytes = 0;  // 0: unknown
  std::string kernel_release;
  std::string machine_hash;  // salted hash of the machine's id; empty: unknown

  // bf16 products that are not emulated.
  bool has_bf16() const {
    return flags.contains("avx512_bf16") || flags.contains("amx_bf16");
  }
};

CpuInfo ReadCpuInfo();

// Product and flags of a text such as /proc/cpuinfo's; the others are left.
void ParseCpuInfo(absl::string_view text, CpuInfo& info);

// Bytes that new buffers may take; 0: unknown.
int64_t AvailableMemoryBytes();

// Hertz of this core now, by a chain of multiplications that take three cycles
// each. Takes about 1 ms. What a virtual machine reports is its nominal clock.
double MeasureClockHertz();

// CPU seconds of this thread.
double ThreadCpuSeconds();

// Times that this process was pushed off its core.
int64_t InvoluntarySwitches();

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CPU_INFO_H_
