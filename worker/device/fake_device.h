#ifndef MOEPLAN_WORKER_DEVICE_FAKE_DEVICE_H_
#define MOEPLAN_WORKER_DEVICE_FAKE_DEVICE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/rng.h"
#include "worker/device/device.h"

namespace moeplan::worker {

// What goes wrong on a fake device.
enum class FakeFault {
  kNone,
  kPowerCap,          // slower, and says so: how devices run, so cases pass
  kThermalSlowdown,   // every sample is spoilt
  kContention,        // others use the device in every sample
  kSomeContention,    // ... in every second one
  kNoise,             // times spread by 30 %
  kOutOfMemory,       // operands do not fit
  kOutOfMemoryLater,  // ... only when the case runs
  kEccError,          // an uncorrected memory error while running
  kDeviceLost,
  kCountersDenied,
  kNoDriver,
  kUnsupported,
  kWrongNumerics,
  kNotFinite,  // outputs keep their poison
  kAbovePeak,  // times that cannot be
  kDrift,      // slower with every sample
};

// "none", "power_cap", ...; INVALID_ARGUMENT lists what there is.
absl::StatusOr<FakeFault> FakeFaultOf(const std::string& name);

struct FakeDeviceOptions {
  FakeFault fault = FakeFault::kNone;
  // Only cases whose name holds this text are hit; empty: all.
  std::string case_text = {};
  uint64_t seed = 1;
};

// A made-up device with a clock of its own that no run waits for: a case takes
//   5 us + 2 us per expert with rows + max(FLOPs / 10 TFLOP/s, bytes / 500
//   GB/s)
// with half a per cent of noise. Its clock-true peak is 12 TFLOP/s.
class FakeDevice final : public Device {
 public:
  // Errors: UNAVAILABLE with kNoDriver.
  static absl::StatusOr<std::unique_ptr<FakeDevice>> Open(
      const FakeDeviceOptions& options);

  const DeviceIdentity& identity() const override { return identity_; }
  SoftwareStack software() const override;
  std::vector<std::string> dtypes() const override { return {"bf16", "f32"}; }
  double NowSeconds() override { return now_seconds_; }
  void Idle(double seconds) override { now_seconds_ += seconds; }
  std::vector<ClockTruePeak> ClockTruePeaks() override;
  MeasuringConditions Conditions() override;
  std::vector<std::string> CoverageGaps() override;
  absl::StatusOr<std::unique_ptr<PreparedCase>> Prepare(
      const Case& one) override;

  // Cases prepared until now: those that were really run.
  int prepared_count() const { return prepared_count_; }

 private:
  class FakeCase;

  explicit FakeDevice(const FakeDeviceOptions& options);
  bool Hits(const Case& one, FakeFault fault) const;

  const FakeDeviceOptions options_;
  DeviceIdentity identity_;
  double now_seconds_ = 0;
  int prepared_count_ = 0;
  Rng rng_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_FAKE_DEVICE_H_
