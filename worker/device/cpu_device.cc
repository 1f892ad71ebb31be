#include "worker/device/cpu_device.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/statistics.h"
#include "core/base/status_macros.h"

namespace moeplan::worker {
namespace {

// A sample whose thread was off its core for longer is spoilt.
constexpr double kMostLostShare = 0.02;
constexpr double kMostLostSeconds = 5e-6;
// More lost samples than this and the calibration says so.
constexpr double kContendedShare = 0.2;
constexpr int64_t kMostCopies = 256;

double SteadySeconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Reads a clock before and after what is timed, and what it lost to others.
class Stopwatch {
 public:
  explicit Stopwatch(bool one_thread)
      : one_thread_(one_thread),
        switches_(InvoluntarySwitches()),
        cpu_(ThreadCpuSeconds()),
        start_(SteadySeconds()) {}

  Sample Stop(int64_t runs) const {
    const double spent = SteadySeconds() - start_;
    // One thread is never off its core but for others. Of several, some always
    // wait; there only the system's count tells.
    const double lost = spent - (ThreadCpuSeconds() - cpu_);
    const bool contended =
        one_thread_ ? lost > kMostLostShare * spent + kMostLostSeconds
                    : InvoluntarySwitches() > switches_;
    return {.seconds = spent / static_cast<double>(runs),
            .fault = contended ? SampleFault::kContended : SampleFault::kNone};
  }

 private:
  const bool one_thread_;
  const int64_t switches_;
  const double cpu_;
  const double start_;
};

DeviceIdentity IdentityOf(const CpuInfo& info) {
  DeviceIdentity identity;
  identity.kind = DeviceKind::kCpu;
  identity.product = info.product;
  identity.device_hash = info.machine_hash;
  identity.multiprocessor_count = info.core_count;
  identity.memory_bytes = info.memory_bytes;
  identity.l2_bytes = info.last_cache_bytes;
  return identity;
}

}  // namespace

// One case with as many sets of operands as it takes to leave the cache.
class CpuDevice::CpuCase final : public PreparedCase {
 public:
  CpuCase(CpuDevice& device,
          std::vector<std::unique_ptr<CpuOperation>> operations)
      : device_(device), operations_(std::move(operations)) {}

  std::string backend() const override {
    return operations_.front()->backend();
  }

  absl::StatusOr<NumericsCheck> CheckNumerics() override {
    CpuOperation& first = *operations_.front();
    first.PoisonOutputs();
    first.Run();
    return first.Check();
  }

  absl::StatusOr<Sample> Time(int64_t runs) override {
    const Stopwatch watch(device_.options_.threads == 1);
    for (int64_t i = 0; i < runs; ++i) {
      operations_[next_]->Run();
      next_ = next_ + 1 == operations_.size() ? 0 : next_ + 1;
    }
    const Sample sample = watch.Stop(runs);
    ++device_.samples_;
    if (sample.fault == SampleFault::kContended) ++device_.contended_;
    return sample;
  }

  std::optional<int64_t> peak_memory_bytes() const override {
    return operations_.front()->bytes();
  }

 private:
  CpuDevice& device_;
  std::vector<std::unique_ptr<CpuOperation>> operations_;
  size_t next_ = 0;
};

CpuDevice::CpuDevice(const CpuDeviceOptions& options)
    : options_(options), info_(ReadCpuInfo()), identity_(IdentityOf(info_)) {
  auto dnnl = Dnnl::Load(options.threads);
  if (dnnl.ok()) {
    dnnl_ = *std::move(dnnl);
    tools_.dnnl = dnnl_.get();
  } else {
    tools_.dnnl_status = dnnl.status();
  }
}

SoftwareStack CpuDevice::software() const {
  SoftwareStack software;
  software.driver_version = info_.kernel_release;
  if (dnnl_ != nullptr) {
    software.library_versions.push_back(
        absl::StrCat("onednn ", dnnl_->version()));
  }
  software.library_versions.push_back(
      absl::StrCat("threads ", options_.threads));
  return software;
}

std::vector<std::string> CpuDevice::dtypes() const {
  if (info_.has_bf16()) return {"f32", "bf16"};
  return {"f32"};
}

double CpuDevice::NowSeconds() { return SteadySeconds(); }

MeasuringConditions CpuDevice::Conditions() {
  MeasuringConditions conditions;
  clocks_.push_back(MeasureClockHertz());
  conditions.compute_clock_hertz = Median(clocks_);
  conditions.contended = static_cast<double>(contended_) >
                         kContendedShare * static_cast<double>(samples_);
  return conditions;
}

std::vector<std::string> CpuDevice::CoverageGaps() {
  std::vector<std::string> gaps;
  if (dnnl_ == nullptr) {
    gaps.push_back(std::string(tools_.dnnl_status.message()));
  }
  gaps.push_back(
      "clock-true peak: what a core of this CPU does in a cycle is not known, "
      "so that no rate is checked against it");
  gaps.push_back("executed FLOPs and moved bytes: no counters are read");
  gaps.push_back("power and energy: no counters are read");
  if (info_.flags.contains("hypervisor")) {
    gaps.push_back(
        "virtual machine: what the host takes from it is not all seen");
  }
  if (contended_ > 0) {
    gaps.push_back(absl::StrFormat(
        "contention: %d of %d samples were lost to other processes", contended_,
        samples_));
  }
  return gaps;
}

MadeOperation CpuDevice::MakeOperation(const Case& one, uint64_t seed) const {
  switch (KindOf(one.operation)) {
    case OperationKind::kGemm:
    case OperationKind::kGroupedGemm:
      return MakeProduct(one, tools_, seed);
    case OperationKind::kAttention:
      return MakeAttention(one, tools_, seed);
    case OperationKind::kRouting:
      return MakeRouting(one, seed);
    case OperationKind::kMoeBlock:
      return MakeMoeBlock(one, tools_, seed);
    case OperationKind::kElementwise:
    case OperationKind::kCrossEntropy:
    case OperationKind::kOptimizer:
    case OperationKind::kCopy:
    case OperationKind::kLaunch:
      break;
  }
  return MakeMemoryBound(one, tools_, seed);
}

absl::StatusOr<std::unique_ptr<PreparedCase>> CpuDevice::Prepare(
    const Case& one) {
  const std::vector<std::string> known = dtypes();
  if (std::find(known.begin(), known.end(), one.dtype) == known.end()) {
    return absl::UnimplementedError(
        absl::StrCat("this CPU has no arithmetic for ", one.dtype));
  }
  if (!one.backend.empty()) {
    return absl::UnimplementedError(
        absl::StrCat("the CPU has no backend \"", one.backend, "\""));
  }
  const int64_t available = AvailableMemoryBytes();
  const double needed = CostOf(one.operation, ElementBytes(one.dtype)).bytes;
  if (available > 0 && needed > static_cast<double>(available)) {
    return absl::ResourceExhaustedError(absl::StrFormat(
        "operands of %.3g bytes; %d are available", needed, available));
  }
  try {
    std::vector<std::unique_ptr<CpuOperation>> operations;
    MOEPLAN_ASSIGN_OR_RETURN(auto first, MakeOperation(one, one.seed));
    const int64_t rotated =
        std::min(2 * info_.last_cache_bytes, options_.most_rotated_bytes);
    const int64_t copies =
        std::clamp<int64_t>(rotated / first->bytes(), 1, kMostCopies);
    operations.push_back(std::move(first));
    for (int64_t i = 1; i < copies; ++i) {
      MOEPLAN_ASSIGN_OR_RETURN(
          auto copy, MakeOperation(one, one.seed + static_cast<uint64_t>(i)));
      operations.push_back(std::move(copy));
    }
    return std::make_unique<CpuCase>(*this, std::move(operations));
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError("operands could not be allocated");
  }
}

}  // namespace moeplan::worker
