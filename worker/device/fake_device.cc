#include "worker/device/fake_device.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace moeplan::worker {
namespace {

constexpr double kFlopsPerSecond = 10e12;
constexpr double kPeakFlopsPerSecond = 12e12;
constexpr double kBytesPerSecond = 500e9;
constexpr double kLaunchSeconds = 5e-6;
constexpr double kExpertSeconds = 2e-6;
constexpr double kNoise = 0.005;
constexpr double kLargeNoise = 0.3;
constexpr double kPowerCap = 1.25;
constexpr double kImpossible = 0.01;
constexpr double kDriftPerSample = 0.002;

constexpr std::pair<const char*, FakeFault> kFaults[] = {
    {"none", FakeFault::kNone},
    {"power_cap", FakeFault::kPowerCap},
    {"thermal_slowdown", FakeFault::kThermalSlowdown},
    {"contention", FakeFault::kContention},
    {"some_contention", FakeFault::kSomeContention},
    {"noise", FakeFault::kNoise},
    {"out_of_memory", FakeFault::kOutOfMemory},
    {"out_of_memory_later", FakeFault::kOutOfMemoryLater},
    {"ecc_error", FakeFault::kEccError},
    {"device_lost", FakeFault::kDeviceLost},
    {"counters_denied", FakeFault::kCountersDenied},
    {"no_driver", FakeFault::kNoDriver},
    {"unsupported", FakeFault::kUnsupported},
    {"wrong_numerics", FakeFault::kWrongNumerics},
    {"not_finite", FakeFault::kNotFinite},
    {"above_peak", FakeFault::kAbovePeak},
    {"drift", FakeFault::kDrift}};

double ActiveExperts(const Operation& operation) {
  const auto* grouped = std::get_if<GroupedGemm>(&operation);
  if (grouped == nullptr) return 0;
  return static_cast<double>(std::count_if(
      grouped->rows_per_expert.begin(), grouped->rows_per_expert.end(),
      [](int64_t rows) { return rows > 0; }));
}

}  // namespace

absl::StatusOr<FakeFault> FakeFaultOf(const std::string& name) {
  std::string known;
  for (const auto& [text, fault] : kFaults) {
    if (name == text) return fault;
    absl::StrAppend(&known, known.empty() ? "" : ", ", text);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "a fake device knows no fault \"", name, "\", only ", known));
}

class FakeDevice::FakeCase final : public PreparedCase {
 public:
  FakeCase(FakeDevice& device, const Case& one) : device_(device), case_(one) {
    const OperationCost cost = CostOf(one.operation, ElementBytes(one.dtype));
    seconds_ =
        kLaunchSeconds + kExpertSeconds * ActiveExperts(one.operation) +
        std::max(cost.flops / kFlopsPerSecond, cost.bytes / kBytesPerSecond);
  }

  std::string backend() const override { return "fake"; }

  absl::StatusOr<NumericsCheck> CheckNumerics() override {
    double error = 1e-7;
    if (Hits(FakeFault::kWrongNumerics)) error = 0.5;
    if (Hits(FakeFault::kNotFinite)) {
      error = std::numeric_limits<double>::quiet_NaN();
    }
    return NumericsCheck{
        .relative_error = error, .most_allowed = 1e-5, .output = "output"};
  }

  absl::StatusOr<Sample> Time(int64_t runs) override {
    if (Hits(FakeFault::kOutOfMemoryLater)) {
      return absl::ResourceExhaustedError("no workspace left");
    }
    if (Hits(FakeFault::kEccError)) {
      return absl::DataLossError("double bit error");
    }
    if (Hits(FakeFault::kDeviceLost)) {
      return absl::UnavailableError("the device has fallen off the bus");
    }
    ++samples_;
    const double spread = Hits(FakeFault::kNoise) ? kLargeNoise : kNoise;
    double seconds = seconds_ * (1 + spread * device_.rng_.Uniform(-1, 1));
    if (Hits(FakeFault::kPowerCap)) seconds *= kPowerCap;
    if (Hits(FakeFault::kAbovePeak)) seconds *= kImpossible;
    if (Hits(FakeFault::kDrift)) {
      seconds *= 1 + kDriftPerSample * static_cast<double>(samples_);
    }
    device_.now_seconds_ += seconds * static_cast<double>(runs);
    return Sample{.seconds = seconds, .fault = Fault()};
  }

  std::optional<int64_t> peak_memory_bytes() const override {
    return static_cast<int64_t>(
        CostOf(case_.operation, ElementBytes(case_.dtype)).bytes);
  }

  std::optional<double> executed_flops() const override {
    if (Hits(FakeFault::kCountersDenied)) return std::nullopt;
    return CostOf(case_.operation, ElementBytes(case_.dtype)).flops;
  }

 private:
  bool Hits(FakeFault fault) const { return device_.Hits(case_, fault); }

  SampleFault Fault() const {
    if (Hits(FakeFault::kThermalSlowdown)) return SampleFault::kSlowdown;
    if (Hits(FakeFault::kContention) ||
        (Hits(FakeFault::kSomeContention) && samples_ % 2 == 0)) {
      return SampleFault::kContended;
    }
    return SampleFault::kNone;
  }

  FakeDevice& device_;
  const Case case_;
  double seconds_ = 0;
  int64_t samples_ = 0;
};

FakeDevice::FakeDevice(const FakeDeviceOptions& options)
    : options_(options), rng_(options.seed) {
  identity_.kind = DeviceKind::kFake;
  identity_.product = "made-up device";
  identity_.device_hash = "fake";
  identity_.multiprocessor_count = 16;
  identity_.memory_bytes = int64_t{16} << 30;
}

absl::StatusOr<std::unique_ptr<FakeDevice>> FakeDevice::Open(
    const FakeDeviceOptions& options) {
  if (options.fault == FakeFault::kNoDriver) {
    return absl::UnavailableError("no driver is loaded for the fake device");
  }
  return std::unique_ptr<FakeDevice>(new FakeDevice(options));
}

SoftwareStack FakeDevice::software() const {
  SoftwareStack software;
  software.driver_version = "fake 1";
  return software;
}

std::vector<ClockTruePeak> FakeDevice::ClockTruePeaks() {
  return {{"bf16", kPeakFlopsPerSecond}, {"f32", kPeakFlopsPerSecond}};
}

MeasuringConditions FakeDevice::Conditions() {
  MeasuringConditions conditions;
  conditions.compute_clock_hertz = 1e9;
  if (options_.fault == FakeFault::kPowerCap) {
    conditions.throttle_reasons = {"SwPowerCap"};
  } else if (options_.fault == FakeFault::kThermalSlowdown) {
    conditions.throttle_reasons = {"HwThermalSlowdown"};
  }
  return conditions;
}

std::vector<std::string> FakeDevice::CoverageGaps() {
  if (options_.fault != FakeFault::kCountersDenied) return {};
  return {"executed FLOPs: counters denied (no permission)"};
}

bool FakeDevice::Hits(const Case& one, FakeFault fault) const {
  return options_.fault == fault &&
         absl::StrContains(NameOf(one), options_.case_text);
}

absl::StatusOr<std::unique_ptr<PreparedCase>> FakeDevice::Prepare(
    const Case& one) {
  ++prepared_count_;
  if (Hits(one, FakeFault::kUnsupported)) {
    return absl::UnimplementedError("no kernel for this case");
  }
  if (Hits(one, FakeFault::kOutOfMemory)) {
    return absl::ResourceExhaustedError("operands do not fit");
  }
  return std::make_unique<FakeCase>(*this, one);
}

}  // namespace moeplan::worker
