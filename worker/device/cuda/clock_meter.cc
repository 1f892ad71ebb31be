#include "worker/device/cuda/clock_meter.h"

#include <algorithm>
#include <utility>

#include "core/base/statistics.h"
#include "core/base/status_macros.h"

namespace moeplan::worker {
namespace {

constexpr double kLeastWindowSeconds = 0.05;

// Cycles a second of the median multiprocessor that both readings reached.
std::optional<double> HertzBetween(const std::vector<ClockReading>& before,
                                   const std::vector<ClockReading>& after) {
  std::vector<double> hertz;
  for (size_t i = 0; i < before.size(); ++i) {
    // A counter of cycles that went back was reset in between.
    if (before[i].nanoseconds == 0 ||
        after[i].nanoseconds <= before[i].nanoseconds ||
        after[i].cycles <= before[i].cycles) {
      continue;
    }
    hertz.push_back(
        1e9 * static_cast<double>(after[i].cycles - before[i].cycles) /
        static_cast<double>(after[i].nanoseconds - before[i].nanoseconds));
  }
  if (hertz.empty()) return std::nullopt;
  return Median(hertz);
}

}  // namespace

absl::StatusOr<ClockMeter> ClockMeter::Create(CudaContext& context,
                                              ClockKernels& kernels) {
  const int count = context.properties().multiProcessorCount;
  MOEPLAN_ASSIGN_OR_RETURN(
      DeviceBuffer readings,
      context.Allocate(count * static_cast<int64_t>(sizeof(ClockReading))));
  return ClockMeter(context, kernels, std::move(readings));
}

absl::Status ClockMeter::Look(double now_seconds) {
  if (!readings_.empty() &&
      now_seconds - read_at_seconds_ < kLeastWindowSeconds) {
    return absl::OkStatus();
  }
  const int count = context_->properties().multiProcessorCount;
  MOEPLAN_RETURN_IF_ERROR(context_->ToStatus(
      kernels_->ReadClocks(count, device_readings_.as<ClockReading>(),
                           context_->stream()),
      "reading clocks"));
  std::vector<ClockReading> readings(static_cast<size_t>(count));
  MOEPLAN_RETURN_IF_ERROR(context_->Download(
      device_readings_.data(), device_readings_.bytes(), readings.data()));
  if (!readings_.empty()) {
    const std::optional<double> hertz = HertzBetween(readings_, readings);
    if (hertz.has_value()) hertz_.push_back(*hertz);
  }
  readings_ = std::move(readings);
  read_at_seconds_ = now_seconds;
  return absl::OkStatus();
}

std::optional<double> ClockMeter::median_hertz() const {
  if (hertz_.empty()) return std::nullopt;
  return Median(hertz_);
}

std::optional<double> ClockMeter::highest_hertz() const {
  if (hertz_.empty()) return std::nullopt;
  return *std::max_element(hertz_.begin(), hertz_.end());
}

}  // namespace moeplan::worker
