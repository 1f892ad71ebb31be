#include "worker/device/cpu_info.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <limits>
#include <sstream>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/base/sha256.h"

namespace moeplan::worker {
namespace {

constexpr char kSalt[] = "moeplan-worker device ";
constexpr size_t kHashDigits = 16;
// Of a 64-bit multiplication on every x86-64 and ARMv8 server core.
constexpr double kMultiplyCycles = 3;

std::string ReadText(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The kibibytes of a line such as "MemTotal:  16000 kB", in bytes.
int64_t MemoryLine(absl::string_view name) {
  const std::string text = ReadText("/proc/meminfo");
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::ConsumePrefix(&line, name)) continue;
    absl::ConsumeSuffix(&line, "kB");
    int64_t kibi = 0;
    if (absl::SimpleAtoi(absl::StripAsciiWhitespace(line), &kibi)) {
      return kibi * 1024;
    }
  }
  return 0;
}

int64_t LastCacheBytes() {
#ifdef _SC_LEVEL3_CACHE_SIZE
  for (const int name :
       {_SC_LEVEL4_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE, _SC_LEVEL2_CACHE_SIZE}) {
    const long bytes = sysconf(name);
    if (bytes > 0) return bytes;
  }
#endif
  return 0;
}

}  // namespace

void ParseCpuInfo(absl::string_view text, CpuInfo& info) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (parts.size() != 2) continue;
    const absl::string_view name = absl::StripAsciiWhitespace(parts[0]);
    const absl::string_view value = absl::StripAsciiWhitespace(parts[1]);
    if (name == "model name" && info.product.empty()) {
      info.product = std::string(value);
    }
    if (name == "flags" && info.flags.empty()) {
      for (const absl::string_view flag :
           absl::StrSplit(value, ' ', absl::SkipEmpty())) {
        info.flags.insert(std::string(flag));
      }
    }
  }
}

CpuInfo ReadCpuInfo() {
  CpuInfo info;
  ParseCpuInfo(ReadText("/proc/cpuinfo"), info);
  utsname system;
  if (uname(&system) == 0) {
    info.kernel_release = system.release;
    if (info.product.empty()) info.product = system.machine;
  }
  if (info.product.empty()) info.product = "CPU";
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof(cores), &cores) == 0) {
    info.core_count = std::max(1, CPU_COUNT(&cores));
  }
  info.memory_bytes = MemoryLine("MemTotal:");
  info.last_cache_bytes = LastCacheBytes();
  const std::string id = ReadText("/etc/machine-id");
  if (!id.empty()) {
    info.machine_hash =
        Sha256Hex(absl::StrCat(kSalt, id)).substr(0, kHashDigits);
  }
  return info;
}

int64_t AvailableMemoryBytes() { return MemoryLine("MemAvailable:"); }

double MeasureClockHertz() {
  constexpr int kSteps = 200000;
  constexpr int kTries = 5;
  double shortest = std::numeric_limits<double>::infinity();
  uint64_t value = 3;
  // Not known to the compiler, which would take shifts for a constant.
  uint64_t factor = 3;
  asm volatile("" : "+r"(factor));
  for (int i = 0; i < kTries; ++i) {
    const auto start = std::chrono::steady_clock::now();
    for (int step = 0; step < kSteps; ++step) {
      value *= factor;
      // Keeps each product, in a register.
      asm volatile("" : "+r"(value));
    }
    const std::chrono::duration<double> spent =
        std::chrono::steady_clock::now() - start;
    shortest = std::min(shortest, spent.count());
  }
  return kMultiplyCycles * kSteps / shortest;
}

double ThreadCpuSeconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) +
         1e-9 * static_cast<double>(time.tv_nsec);
}

int64_t InvoluntarySwitches() {
  rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_nivcsw : 0;
}

}  // namespace moeplan::worker
