#ifndef MOEPLAN_WORKER_DEVICE_CUDA_CUDA_DEVICE_H_
#define MOEPLAN_WORKER_DEVICE_CUDA_CUDA_DEVICE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/device/cuda/case_counter.h"
#include "worker/device/cuda/clock_meter.h"
#include "worker/device/cuda/cuda_case.h"
#include "worker/device/cuda/cuda_context.h"
#include "worker/device/cuda/cuda_operation.h"
#include "worker/device/cuda/cuda_timer.h"
#include "worker/device/cuda/device_monitor.h"
#include "worker/device/cuda/nvml.h"
#include "worker/device/device.h"
#include "worker/kernels/clock_kernels.h"
#include "worker/kernels/kernels.h"

namespace moeplan::worker {

// What a CUDA device is made of; tests give their own. What is referred to
// outlives the device.
struct CudaParts {
  const CudaCalls& calls;
  Kernels& kernels;
  ClockKernels& clock_kernels;
  const LtCalls* lt = nullptr;  // null where it could not be loaded
  absl::Status lt_status;       // and why
  absl::StatusOr<NvmlCalls> nvml;
  absl::StatusOr<CuptiCalls> cupti;  // an error: nothing is counted
  CaseCounter::Maker make_operation;
  // Such as "cublasLt 13.1.0, compiled with 13.1.0".
  std::function<std::vector<std::string>(CudaContext&)> library_versions;
  // Of the host, in seconds; empty: the steady one.
  std::function<double()> now_seconds = {};
  double most_wait_seconds = 60;
};

// A whole CUDA device.
class CudaDevice final : public Device {
 public:
  // Errors: those of CudaContext::Open; FAILED_PRECONDITION where only a part
  // of a device is given (MIG) or it is shared (MPS), since times would lie,
  // where it does not say which one it is, or where this build has no kernels
  // for it.
  static absl::StatusOr<std::unique_ptr<CudaDevice>> Open(int index,
                                                          CudaParts parts);

  const DeviceIdentity& identity() const override { return identity_; }
  SoftwareStack software() const override;
  // fp8 from compute capability 8.9 on.
  std::vector<std::string> dtypes() const override;
  double NowSeconds() override { return context_->NowSeconds(); }
  // Where the arithmetic of a multiprocessor in a cycle is known: at the
  // highest clock that was run over 50 ms, so that no case is taken for wrong
  // that ran while the others were slowed down by their power.
  std::vector<ClockTruePeak> ClockTruePeaks() override;
  // The compute clock is the median of what was really run.
  MeasuringConditions Conditions() override;
  std::vector<std::string> CoverageGaps() override;
  absl::Status Usable() override { return context_->broken(); }
  // Sets of operands are added until they exceed the L2 cache twice, as far as
  // half of the free memory holds them.
  absl::StatusOr<std::unique_ptr<PreparedCase>> Prepare(
      const Case& one) override;

  CudaContext& context() { return *context_; }

 private:
  CudaDevice(int index, CudaParts parts, std::unique_ptr<CudaContext> context,
             std::unique_ptr<CudaTimer> timer, ClockMeter clocks,
             absl::StatusOr<Nvml> nvml);
  absl::Status Identify();
  absl::Status CheckKernels();
  int64_t MostSets(const Case& one, int64_t set_bytes) const;

  const CudaParts parts_;
  std::unique_ptr<CudaContext> context_;
  std::unique_ptr<CudaTimer> timer_;
  ClockMeter clocks_;
  absl::StatusOr<Nvml> nvml_;
  DeviceMonitor monitor_;
  CaseCounter counter_;
  CudaInstruments instruments_;
  DeviceIdentity identity_;
  SoftwareStack software_;
};

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_DEVICE_CUDA_CUDA_DEVICE_H_
