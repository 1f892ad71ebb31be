#include "worker/device/cuda/device_monitor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "core/base/statistics.h"

namespace moeplan::worker {
namespace {

constexpr double kLookSeconds = 0.01;
constexpr double kLongLookSeconds = 0.1;
// More lost samples than this and the calibration says so.
constexpr double kContendedShare = 0.2;

void Keep(std::optional<double> value, std::vector<double>& values) {
  if (value.has_value()) values.push_back(*value);
}

}  // namespace

void DeviceMonitor::Restart() {
  energy_joules_.reset();
  next_look_seconds_ = next_long_look_seconds_ =
      -std::numeric_limits<double>::infinity();
}

SampleFault DeviceMonitor::Look(double now_seconds) {
  ++samples_;
  if (!nvml_.ok()) return SampleFault::kNone;
  if (now_seconds >= next_long_look_seconds_) {
    LookAtAll(now_seconds);
    next_long_look_seconds_ = now_seconds + kLongLookSeconds;
  }
  if (now_seconds >= next_look_seconds_) {
    const uint64_t reasons = nvml_->clock_reasons().value_or(0);
    reasons_seen_ |= reasons;
    fault_ = (reasons & kSlowdownReasons) != 0 ? SampleFault::kSlowdown
             : is_shared_                      ? SampleFault::kContended
                                               : SampleFault::kNone;
    next_look_seconds_ = now_seconds + kLookSeconds;
  }
  if (fault_ == SampleFault::kContended) ++contended_;
  return fault_;
}

void DeviceMonitor::LookAtAll(double now_seconds) {
  // One of them is this process; its number is of no use, since a container
  // sees another one than NVML.
  is_shared_ = nvml_->process_count().value_or(0) > 1;
  Keep(nvml_->temperature_celsius(), temperatures_);
  Keep(nvml_->memory_clock_hertz(), memory_clocks_);
  Keep(nvml_->power_watts(), power_watts_);
  const std::optional<double> energy = nvml_->energy_joules();
  // A counter that went back has started anew.
  if (energy.has_value() && energy_joules_.has_value() &&
      *energy >= *energy_joules_) {
    spent_joules_ += *energy - *energy_joules_;
    spent_seconds_ += now_seconds - energy_at_seconds_;
  }
  energy_joules_ = energy;
  energy_at_seconds_ = now_seconds;
}

void DeviceMonitor::AddTo(MeasuringConditions& conditions) const {
  if (spent_seconds_ > 0) {
    conditions.power_watts = spent_joules_ / spent_seconds_;
  } else if (!power_watts_.empty()) {
    conditions.power_watts = Mean(power_watts_);
  }
  if (!temperatures_.empty()) {
    conditions.temperature_celsius = Median(temperatures_);
  }
  if (!memory_clocks_.empty()) {
    conditions.memory_clock_hertz = Median(memory_clocks_);
  }
  conditions.throttle_reasons = NamesOfReasons(reasons_seen_);
  conditions.contended = static_cast<double>(contended_) >
                         kContendedShare * static_cast<double>(samples_);
}

std::vector<std::string> DeviceMonitor::Gaps() const {
  std::vector<std::string> gaps;
  if (!nvml_.ok()) {
    gaps.push_back(absl::StrCat(
        "power, temperature, reasons of throttling and other processes: ",
        nvml_.status().message()));
    return gaps;
  }
  if (!nvml_->missing().empty()) {
    gaps.push_back(absl::StrCat("NVML does not give: ",
                                absl::StrJoin(nvml_->missing(), ", ")));
  }
  if (contended_ > 0) {
    gaps.push_back(absl::StrFormat(
        "contention: %d of %d samples were lost to other processes on the "
        "device",
        contended_, samples_));
  }
  return gaps;
}

}  // namespace moeplan::worker
