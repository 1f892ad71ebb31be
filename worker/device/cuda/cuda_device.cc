#include "worker/device/cuda/cuda_device.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"
#include "worker/device/cuda/lt_product.h"

namespace moeplan::worker {
namespace {

constexpr char kSalt[] = "moeplan-worker device ";
constexpr size_t kHashDigits = 16;
// Operands exceed the cache as often.
constexpr int64_t kCachesFilled = 2;
constexpr int64_t kMostSets = 256;
constexpr size_t kBusIdChars = 32;
constexpr int64_t kTrialNanoseconds = 1000;

// FLOPs of dense products that a multiprocessor does in a cycle, a
// multiply-add being two: NVIDIA's white papers of A100 and H100.
struct FlopsPerCycle {
  int compute_capability;
  const char* dtype;
  double flops;
};
constexpr FlopsPerCycle kFlopsPerCycle[] = {{80, "bf16", 2048},
                                            {80, "f32", 128},
                                            {90, "bf16", 4096},
                                            {90, "f32", 256},
                                            {90, "fp8", 8192}};

std::string VersionText(int version) {
  return absl::StrCat(version / 1000, ".", version % 1000 / 10);
}

}  // namespace

CudaDevice::CudaDevice(int index, CudaParts parts,
                       std::unique_ptr<CudaContext> context,
                       std::unique_ptr<CudaTimer> timer, ClockMeter clocks,
                       absl::StatusOr<Nvml> nvml)
    : parts_(std::move(parts)),
      context_(std::move(context)),
      timer_(std::move(timer)),
      clocks_(std::move(clocks)),
      nvml_(std::move(nvml)),
      monitor_(nvml_),
      counter_(*context_, index, parts_.cupti, parts_.make_operation),
      instruments_{.context = *context_,
                   .timer = *timer_,
                   .clocks = clocks_,
                   .monitor = monitor_,
                   .counter = counter_} {}

absl::StatusOr<std::unique_ptr<CudaDevice>> CudaDevice::Open(int index,
                                                             CudaParts parts) {
  MOEPLAN_ASSIGN_OR_RETURN(auto context,
                           CudaContext::Open(index, parts.calls, parts.kernels,
                                             parts.lt, parts.lt_status));
  if (parts.now_seconds) {
    context->SetClock(parts.now_seconds, parts.most_wait_seconds);
  }
  std::array<char, kBusIdChars> bus_id = {};
  MOEPLAN_RETURN_IF_ERROR(context->ToStatus(
      parts.calls.device_get_pci_bus_id(bus_id.data(),
                                        static_cast<int>(bus_id.size()), index),
      "cudaDeviceGetPCIBusId"));
  auto nvml = parts.nvml.ok() ? Nvml::Open(*parts.nvml, bus_id.data())
                              : absl::StatusOr<Nvml>(parts.nvml.status());
  MOEPLAN_ASSIGN_OR_RETURN(auto timer,
                           CudaTimer::Create(*context, parts.clock_kernels));
  MOEPLAN_ASSIGN_OR_RETURN(ClockMeter clocks,
                           ClockMeter::Create(*context, parts.clock_kernels));
  std::unique_ptr<CudaDevice> device(
      new CudaDevice(index, std::move(parts), std::move(context),
                     std::move(timer), std::move(clocks), std::move(nvml)));
  MOEPLAN_RETURN_IF_ERROR(device->Identify());
  MOEPLAN_RETURN_IF_ERROR(device->CheckKernels());
  return device;
}

absl::Status CudaDevice::Identify() {
  const cudaDeviceProp& properties = context_->properties();
  identity_.kind = DeviceKind::kCuda;
  identity_.product = properties.name;
  if (absl::StrContains(identity_.product, " MIG ") ||
      (nvml_.ok() && nvml_->is_partitioned().value_or(false))) {
    return absl::FailedPreconditionError(absl::StrCat(
        identity_.product,
        " is partitioned (MIG): a part of a device tells nothing of a whole "
        "one; ask for a whole GPU"));
  }
  if (properties.mpsEnabled != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(identity_.product,
                     " is shared with other processes (MPS): times would lie; "
                     "ask for a GPU of its own"));
  }
  const absl::string_view uuid(properties.uuid.bytes,
                               sizeof(properties.uuid.bytes));
  if (std::all_of(uuid.begin(), uuid.end(), [](char c) { return c == 0; })) {
    return absl::FailedPreconditionError(absl::StrCat(
        identity_.product, " has no UUID: it is not known which one it is"));
  }
  identity_.device_hash =
      Sha256Hex(absl::StrCat(kSalt, absl::BytesToHexString(uuid)))
          .substr(0, kHashDigits);
  identity_.multiprocessor_count = properties.multiProcessorCount;
  identity_.memory_bytes = static_cast<int64_t>(properties.totalGlobalMem);
  identity_.l2_bytes = properties.l2CacheSize;
  identity_.ecc_enabled = properties.ECCEnabled != 0;
  int driver = 0;
  int runtime = 0;
  parts_.calls.driver_get_version(&driver);
  parts_.calls.runtime_get_version(&runtime);
  software_.driver_version = absl::StrCat("CUDA ", VersionText(driver));
  software_.runtime_version =
      absl::StrCat("CUDA ", VersionText(runtime), ", compiled with ",
                   VersionText(CUDART_VERSION));
  if (nvml_.ok()) {
    identity_.power_limit_watts = nvml_->power_limit_watts();
    const auto version = nvml_->driver_version();
    if (version.has_value()) {
      software_.driver_version =
          absl::StrCat(*version, ", ", software_.driver_version);
    }
  }
  software_.library_versions = parts_.library_versions(*context_);
  return absl::OkStatus();
}

absl::Status CudaDevice::CheckKernels() {
  const cudaError_t error =
      parts_.clock_kernels.Spin(kTrialNanoseconds, context_->stream());
  if (error == cudaErrorNoKernelImageForDevice ||
      error == cudaErrorUnsupportedPtxVersion) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "this build has no kernels for %s (compute capability %d.%d); "
        "`scripts/build cuda-all` makes one for more devices",
        identity_.product, context_->properties().major,
        context_->properties().minor));
  }
  MOEPLAN_RETURN_IF_ERROR(context_->ToStatus(error, "the first kernel"));
  return context_->Wait();
}

SoftwareStack CudaDevice::software() const { return software_; }

std::vector<std::string> CudaDevice::dtypes() const {
  std::vector<std::string> dtypes = {"bf16", "f32"};
  if (MultipliesE4m3(*context_)) dtypes.push_back("fp8");
  return dtypes;
}

std::vector<ClockTruePeak> CudaDevice::ClockTruePeaks() {
  std::vector<ClockTruePeak> peaks;
  const std::optional<double> hertz = clocks_.highest_hertz();
  if (!hertz.has_value()) return peaks;
  for (const FlopsPerCycle& known : kFlopsPerCycle) {
    if (known.compute_capability != context_->compute_capability()) continue;
    peaks.push_back({.dtype = known.dtype,
                     .flops_per_second =
                         known.flops * *hertz *
                         static_cast<double>(identity_.multiprocessor_count)});
  }
  return peaks;
}

MeasuringConditions CudaDevice::Conditions() {
  MeasuringConditions conditions;
  conditions.compute_clock_hertz = clocks_.median_hertz();
  monitor_.AddTo(conditions);
  return conditions;
}

std::vector<std::string> CudaDevice::CoverageGaps() {
  std::vector<std::string> gaps;
  if (context_->lt() == nullptr) {
    gaps.push_back(std::string(context_->lt_status().message()));
  }
  if (ClockTruePeaks().empty()) {
    gaps.push_back(absl::StrFormat(
        "clock-true peak: what a multiprocessor of compute capability %d.%d "
        "does in a cycle is not known, or its clock could not be read, so that "
        "no rate is checked against it",
        context_->properties().major, context_->properties().minor));
  }
  for (std::string& gap : monitor_.Gaps()) gaps.push_back(std::move(gap));
  if (!counter_.status().ok()) {
    gaps.push_back(
        absl::StrCat("executed FLOPs and moved bytes are not counted: ",
                     counter_.status().message()));
  }
  gaps.push_back(
      "grouped products: one cuBLASLt product for each expert; frameworks with "
      "one launch for all experts are faster where experts are many and small");
  if (instruments_.late_samples > 0) {
    gaps.push_back(absl::StrFormat(
        "host: %d of %d samples were lost because the host was not quick "
        "enough",
        instruments_.late_samples, instruments_.samples));
  }
  return gaps;
}

int64_t CudaDevice::MostSets(const Case& one, int64_t set_bytes) const {
  size_t free = 0;
  size_t total = 0;
  if (parts_.calls.mem_get_info(&free, &total) != cudaSuccess) return 1;
  const int64_t bytes = std::max<int64_t>(set_bytes, 1);
  // Workspaces are held and hardly touched: they displace nothing.
  const auto touched = static_cast<int64_t>(
      CostOf(one.operation, ElementBytes(one.dtype)).bytes);
  const int64_t wanted = kCachesFilled * identity_.l2_bytes /
                             std::clamp<int64_t>(touched, 1, bytes) +
                         1;
  const int64_t held = 1 + static_cast<int64_t>(free / 2) / bytes;
  return std::min({wanted, held, kMostSets});
}

absl::StatusOr<std::unique_ptr<PreparedCase>> CudaDevice::Prepare(
    const Case& one) {
  MOEPLAN_RETURN_IF_ERROR(Usable());
  MOEPLAN_ASSIGN_OR_RETURN(const NumberFormat format,
                           ProductFormatOf(one.dtype));
  const int64_t bytes_before = context_->allocated_bytes();
  context_->ResetPeak();
  std::vector<std::unique_ptr<CudaOperation>> operations;
  MOEPLAN_ASSIGN_OR_RETURN(auto first, parts_.make_operation(one, *context_));
  const int64_t peak_bytes = context_->peak_bytes() - bytes_before;
  const int64_t sets = MostSets(one, first->bytes());
  operations.push_back(std::move(first));
  for (int64_t i = 1; i < sets; ++i) {
    Case other = one;
    other.seed += static_cast<uint64_t>(i);
    auto operation = parts_.make_operation(other, *context_);
    // Fewer sets do: what could be measured with them is measured.
    if (absl::IsResourceExhausted(operation.status())) break;
    MOEPLAN_RETURN_IF_ERROR(operation.status());
    operations.push_back(*std::move(operation));
  }
  MOEPLAN_RETURN_IF_ERROR(context_->Wait());
  return std::make_unique<CudaCase>(instruments_, format, std::move(operations),
                                    peak_bytes);
}

}  // namespace moeplan::worker
