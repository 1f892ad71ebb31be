#include "server/convert/hardware_budget_convert.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "core/calibration/measurement.h"
#include "server/convert/resource_name.h"

namespace moeplan::server {
namespace {

constexpr int kMostOptions = 64;
constexpr int64_t kMostDevices = 1000000;
constexpr int64_t kLongestText = 128;
constexpr double kMostWallSeconds = 10 * 366 * 86400.0;
constexpr double kLeastGoodput = 1e-9;
constexpr double kMostPrice = 1e12;

void RequireText(const FieldPath& field, const std::string& text,
                 int64_t shortest, Violations& violations) {
  const int64_t length = static_cast<int64_t>(text.size());
  if (length >= shortest && length <= kLongestText) return;
  violations.Add(
      field,
      absl::StrCat("must have ", shortest, " to ", kLongestText, " characters"),
      text);
}

HardwareOptionQuery OptionFromWire(const FieldPath& field,
                                   const v1::HardwareOption& wire,
                                   Violations& violations) {
  HardwareOptionQuery option;
  switch (wire.hardware_case()) {
    case v1::HardwareOption::kCalibration:
      option.calibration_id = ParseCalibrationName(
          field / "calibration", wire.calibration(), violations);
      break;
    case v1::HardwareOption::kSelector: {
      const FieldPath selector = field / "selector";
      option.product = wire.selector().product();
      option.dtype = wire.selector().dtype();
      RequireText(selector / "product", option.product, 1, violations);
      if (ElementBytes(option.dtype) == 0) {
        violations.Add(selector / "dtype",
                       "must be bf16, fp16, f32, tf32, fp8 or f64",
                       option.dtype);
      }
      break;
    }
    case v1::HardwareOption::HARDWARE_NOT_SET:
      violations.Add(field / "hardware",
                     "must be set to one of calibration and selector");
  }
  option.device_count = wire.device_count();
  violations.RequireIntegerWithin(field / "device_count", option.device_count,
                                  1, kMostDevices);
  if (wire.has_price_per_hour()) {
    option.price_per_hour = wire.price_per_hour();
    violations.RequireWithin(field / "price_per_hour", wire.price_per_hour(), 0,
                             kMostPrice);
  }
  RequireText(field / "label", wire.label(), 0, violations);
  return option;
}

double WallSecondsFromWire(const FieldPath& field,
                           const v1::HardwareBudget& wire,
                           Violations& violations) {
  constexpr int32_t kNanosPerSecond = 1000000000;
  const google::protobuf::Duration& duration = wire.wall_duration();
  const bool nanos_are_legal =
      duration.nanos() >= 0 && duration.nanos() < kNanosPerSecond;
  const double seconds = static_cast<double>(duration.seconds()) +
                         1e-9 * static_cast<double>(duration.nanos());
  if (!nanos_are_legal || !(seconds > 0 && seconds <= kMostWallSeconds)) {
    violations.AddNumber(field, "must be above 0 and at most 10 years",
                         seconds);
  }
  return seconds;
}

}  // namespace

HardwareBudgetQuery HardwareBudgetFromWire(const FieldPath& field,
                                           const v1::HardwareBudget& wire,
                                           Violations& violations) {
  HardwareBudgetQuery budget;
  const FieldPath options = field / "options";
  if (wire.options_size() < 1 || wire.options_size() > kMostOptions) {
    violations.AddInteger(
        options, absl::StrCat("must hold 1 to ", kMostOptions, " options"),
        wire.options_size());
  }
  for (int i = 0; i < wire.options_size() && i < kMostOptions; ++i) {
    budget.options.push_back(
        OptionFromWire(options[i], wire.options(i), violations));
  }
  budget.wall_seconds =
      WallSecondsFromWire(field / "wall_duration", wire, violations);
  if (wire.has_goodput()) {
    budget.goodput = {wire.goodput(), AssumptionSource::kUser};
    violations.RequireWithin(field / "goodput", wire.goodput(), kLeastGoodput,
                             1);
  }
  return budget;
}

ServingDemand ServingDemandOnDevices(const v1::ServingDemand& wire,
                                     const ServingMemoryAccounting& memory) {
  ServingDemand demand;
  demand.prefill_tokens = wire.prefill_tokens();
  demand.decode_tokens = wire.decode_tokens();
  if (wire.context_tokens() != 0) demand.context_tokens = wire.context_tokens();
  demand.most_sequences = wire.concurrent_sequences();
  demand.bytes_per_weight = memory.bytes_per_weight;
  demand.bytes_per_cache_element = memory.bytes_per_cache_element;
  if (wire.max_seconds_per_output_token() != 0) {
    demand.most_seconds_per_output_token = wire.max_seconds_per_output_token();
  }
  return demand;
}

}  // namespace moeplan::server
