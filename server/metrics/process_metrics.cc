#include "server/metrics/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace moeplan::server {
namespace {

using prometheus::MetricType;

std::string ReadFile(const char* path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The fields of /proc/self/stat after the program's name, which may hold
// blanks; [0] is field 3 of proc(5).
std::vector<std::string> StatFields() {
  const std::string text = ReadFile("/proc/self/stat");
  const size_t end = text.rfind(')');
  if (end == std::string::npos) return {};
  return absl::StrSplit(text.substr(end + 1), ' ', absl::SkipWhitespace());
}

// Seconds since 1970 at which the machine started.
std::optional<double> BootTimeSeconds() {
  const std::string text = ReadFile("/proc/stat");
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    double seconds = 0;
    if (absl::StartsWith(line, "btime ") &&
        absl::SimpleAtod(line.substr(6), &seconds)) {
      return seconds;
    }
  }
  return std::nullopt;
}

std::optional<double> OpenDescriptors() {
  std::error_code error;
  const std::filesystem::directory_iterator entries("/proc/self/fd", error);
  if (error) return std::nullopt;
  return static_cast<double>(std::distance(begin(entries), end(entries)));
}

class ProcessMetrics final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    std::vector<prometheus::MetricFamily> families;
    const auto add = [&families](const char* name, const char* help,
                                 MetricType type, std::optional<double> value) {
      if (!value.has_value()) return;
      families.push_back(ScrapedFamily(name, help, type, {{{}, *value}}));
    };
    const std::vector<std::string> fields = StatFields();
    // `number` is that of proc(5).
    const auto stat = [&fields](size_t number) -> std::optional<double> {
      double value = 0;
      if (number - 3 >= fields.size()) return std::nullopt;
      if (!absl::SimpleAtod(fields[number - 3], &value)) return std::nullopt;
      return value;
    };
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    const auto page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
    if (stat(14) && stat(15)) {
      add("process_cpu_seconds_total", "CPU time, user and system.",
          MetricType::Counter, (*stat(14) + *stat(15)) / ticks);
    }
    add("process_threads", "Threads.", MetricType::Gauge, stat(20));
    const std::optional<double> boot = BootTimeSeconds();
    if (boot && stat(22)) {
      add("process_start_time_seconds", "Start, Unix time.", MetricType::Gauge,
          *boot + *stat(22) / ticks);
    }
    add("process_virtual_memory_bytes", "Address space.", MetricType::Gauge,
        stat(23));
    if (stat(24)) {
      add("process_resident_memory_bytes", "Memory in RAM.", MetricType::Gauge,
          *stat(24) * page_bytes);
    }
    add("process_open_fds", "Open file descriptors.", MetricType::Gauge,
        OpenDescriptors());
    rlimit limit = {};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
      add("process_max_fds", "Limit of open file descriptors.",
          MetricType::Gauge, static_cast<double>(limit.rlim_cur));
    }
    return families;
  }
};

}  // namespace

std::shared_ptr<prometheus::Collectable> NewProcessMetrics() {
  return std::make_shared<ProcessMetrics>();
}

}  // namespace moeplan::server
