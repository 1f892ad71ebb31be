#ifndef MOEPLAN_WORKER_DEVICE_CPU_DEVICE_H_
#define MOEPLAN_WORKER_DEVICE_CPU_DEVICE_H_

#include <memory>
#include <string>
#include <vector>

#include "worker/device/cpu_info.h"
#include "worker/device/cpu_operation.h"
#include "worker/device/device.h"
#include "worker/device/dnnl.h"

namespace moeplan::worker {

struct CpuDeviceOptions {
  // Of oneDNN. More than one on busy cores measures the scheduler: each product
  // ends when the last thread was given its turn. Memory-bound loops always run
  // on one.
  int threads = 1;
  // Operands are copied until they exceed the last-level cache twice or have
  // this size, so that each run reads memory as it would within a large model.
  int64_t most_rotated_bytes = int64_t{64} << 20;
};

// The CPU that this runs on. Matrix products by oneDNN where it can be loaded
// (else they are unsupported, and CoverageGaps says so), everything else by
// loops of our own.
class CpuDevice final : public Device {
 public:
  explicit CpuDevice(const CpuDeviceOptions& options);

  const DeviceIdentity& identity() const override { return identity_; }
  SoftwareStack software() const override;
  // f32, and bf16 where the processor multiplies it.
  std::vector<std::string> dtypes() const override;
  double NowSeconds() override;
  // None: how much a core can do in a cycle is not known.
  std::vector<ClockTruePeak> ClockTruePeaks() override { return {}; }
  MeasuringConditions Conditions() override;
  std::vector<std::string> CoverageGaps() override;
  absl::StatusOr<std::unique_ptr<PreparedCase>> Prepare(
      const Case& one) override;

  const CpuTools& tools() const { return tools_; }

 private:
  class CpuCase;

  MadeOperation MakeOperation(const Case& one, uint64_t seed) const;

  const CpuDeviceOptions options_;
  const CpuInfo info_;
  DeviceIdentity identity_;
  std::unique_ptr<Dnnl> dnnl_;
  CpuTools tools_;
  std::vector<double> clocks_;
  int64_t samples_ = 0;
  int64_t contended_ = 0;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CPU_DEVICE_H_
