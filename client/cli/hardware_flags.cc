#include "client/cli/hardware_flags.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/quantity_option.h"

namespace moeplan::cli {
namespace {

constexpr char kGroup[] = "Device time";
constexpr char kPrefix[] = "calibrations/";

}  // namespace

void AddHardwareFlags(CLI::App& command, HardwareFlags& flags) {
  command
      .add_option("--calibration", flags.calibrations,
                  "Measured hardware to plan for instead of --compute, as "
                  "moeplan-worker reported it; repeat it to compare machines")
      ->type_name("ID")
      ->group(kGroup);
  AddQuantity(
      command, "--wall-hours", QuantityKind::kCount,
      [&flags](double hours) { flags.wall_hours = hours; },
      "Hours from the first to the last step, on each of these machines")
      ->group(kGroup);
  AddWholeQuantity(
      command, "--devices", QuantityKind::kCount,
      [&flags](int64_t count) { flags.devices = count; },
      "Devices used at once, each with the whole model unless it is split "
      "(default: 1)")
      ->group(kGroup);
  AddQuantity(
      command, "--price-per-hour", QuantityKind::kCount,
      [&flags](double price) { flags.price_per_hour = price; },
      "Price of one device for one hour, in any currency")
      ->group(kGroup);
  AddQuantity(
      command, "--goodput", QuantityKind::kCount,
      [&flags](double share) { flags.goodput = share; },
      "Share of the time that ends in kept steps, after restarts, checkpoints "
      "and stragglers (default: 1)")
      ->type_name("SHARE")
      ->group(kGroup);
  AddTrainingFlags(command, flags.training);
}

absl::Status FinishHardwareFlags(const HardwareFlags& flags,
                                 v1::OptimalConfigRequest& request) {
  if (flags.calibrations.empty()) {
    const bool has_any = flags.wall_hours != 0 || flags.devices != 1 ||
                         flags.price_per_hour.has_value() ||
                         flags.goodput.has_value() ||
                         flags.training.setup.ByteSizeLong() > 0;
    if (!has_any) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "device time, its devices, layout and network need the machine, such "
        "as --calibration my-h200");
  }
  if (flags.wall_hours == 0) {
    return absl::InvalidArgumentError(
        "--calibration needs the time there is, such as --wall-hours 24");
  }
  if (request.has_budget()) {
    return absl::InvalidArgumentError(
        "--compute does not go with --calibration: the budget is either FLOPs "
        "or device time");
  }
  v1::HardwareBudget* budget = request.mutable_budget()->mutable_hardware();
  const double seconds = std::min(flags.wall_hours * 3600, 1e12);
  const double whole = std::floor(seconds);
  budget->mutable_wall_duration()->set_seconds(static_cast<int64_t>(whole));
  budget->mutable_wall_duration()->set_nanos(
      static_cast<int32_t>((seconds - whole) * 1e9));
  for (const std::string& id : flags.calibrations) {
    v1::HardwareOption* option = budget->add_options();
    option->set_calibration(
        absl::StartsWith(id, kPrefix) ? id : absl::StrCat(kPrefix, id));
    option->set_device_count(
        static_cast<int32_t>(std::min<int64_t>(flags.devices, INT32_MAX)));
    if (flags.price_per_hour.has_value()) {
      option->set_price_per_hour(*flags.price_per_hour);
    }
  }
  if (flags.goodput.has_value()) budget->set_goodput(*flags.goodput);
  *request.mutable_training_setup() =
      FinishTrainingFlags(flags.training, flags.devices);
  return absl::OkStatus();
}

}  // namespace moeplan::cli
