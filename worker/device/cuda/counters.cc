#include "worker/device/cuda/counters.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"

namespace moeplan::worker {
namespace {

constexpr char kRange[] = "case";
constexpr char kHgmma[] = "sm__ops_path_tensor_op_hgmma_src_bf16_dst_fp32.sum";
// The only chip that multiplies by hgmma, and that has a counter for it.
constexpr char kHopper[] = "GH100";
// More passes than any set of metrics takes: a profiler that wants more is
// broken.
constexpr int kMostPasses = 64;

// A block of parameters, which CUPTI wants to hold its own size.
template <typename Params>
Params Sized(size_t size) {
  Params params = {};
  params.structSize = size;
  return params;
}
#define MOEPLAN_CUPTI_PARAMS(type) Sized<type>(type##_STRUCT_SIZE)

absl::Status ToStatus(const CuptiCalls& calls, CUptiResult result,
                      const char* call) {
  if (result == CUPTI_SUCCESS) return absl::OkStatus();
  const char* text = nullptr;
  calls.result_string(result, &text);
  const std::string message =
      absl::StrCat(call, ": ", text == nullptr ? "" : text, " (CUPTI error ",
                   static_cast<int>(result), ")");
  switch (result) {
    case CUPTI_ERROR_INSUFFICIENT_PRIVILEGES:
      return absl::PermissionDeniedError(absl::StrCat(
          "counters are for administrators on this machine (kernel module "
          "option NVreg_RestrictProfilingToAdminUsers=0 opens them): ",
          message));
    case CUPTI_ERROR_VIRTUALIZED_DEVICE_NOT_SUPPORTED:
    case CUPTI_ERROR_VIRTUALIZED_DEVICE_INSUFFICIENT_PRIVILEGES:
    case CUPTI_ERROR_CONFIDENTIAL_COMPUTING_NOT_SUPPORTED:
    case CUPTI_ERROR_MIG_DEVICE_NOT_SUPPORTED:
      return absl::UnimplementedError(message);
    default:
      return absl::InternalError(message);
  }
}

// The profiler's side on the host: metrics of a chip.
class Host {
 public:
  // `availability` may be empty, without a device.
  static absl::StatusOr<Host> Create(const CuptiCalls& calls,
                                     const std::string& chip,
                                     const std::vector<uint8_t>& availability) {
    auto params = MOEPLAN_CUPTI_PARAMS(CUpti_Profiler_Host_Initialize_Params);
    params.profilerType = CUPTI_PROFILER_TYPE_RANGE_PROFILER;
    params.pChipName = chip.c_str();
    params.pCounterAvailabilityImage =
        availability.empty() ? nullptr : availability.data();
    const CUptiResult result = calls.host_initialize(&params);
    if (result == CUPTI_ERROR_INVALID_CHIP_NAME ||
        result == CUPTI_ERROR_INVALID_PARAMETER) {
      return absl::InvalidArgumentError(
          absl::StrCat("CUPTI knows no chip ", chip, " (CUPTI error ",
                       static_cast<int>(result), ")"));
    }
    MOEPLAN_RETURN_IF_ERROR(
        ToStatus(calls, result, "cuptiProfilerHostInitialize"));
    return Host(calls, params.pHostObject);
  }
  Host(Host&& other) noexcept
      : calls_(other.calls_), object_(std::exchange(other.object_, nullptr)) {}
  Host& operator=(Host&&) = delete;
  ~Host() {
    if (object_ == nullptr) return;
    auto params = MOEPLAN_CUPTI_PARAMS(CUpti_Profiler_Host_Deinitialize_Params);
    params.pHostObject = object_;
    calls_.host_deinitialize(&params);
  }

  absl::StatusOr<std::vector<uint8_t>> ConfigOf(
      std::vector<const char*> metrics) {
    auto add =
        MOEPLAN_CUPTI_PARAMS(CUpti_Profiler_Host_ConfigAddMetrics_Params);
    add.pHostObject = object_;
    add.ppMetricNames = metrics.data();
    add.numMetrics = metrics.size();
    if (calls_.add_metrics(&add) != CUPTI_SUCCESS) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the chip lacks one of the counters ", metrics[0], " and others"));
    }
    auto size =
        MOEPLAN_CUPTI_PARAMS(CUpti_Profiler_Host_GetConfigImageSize_Params);
    size.pHostObject = object_;
    MOEPLAN_RETURN_IF_ERROR(ToStatus(calls_, calls_.config_size(&size),
                                     "cuptiProfilerHostGetConfigImageSize"));
    std::vector<uint8_t> config(size.configImageSize);
    auto image =
        MOEPLAN_CUPTI_PARAMS(CUpti_Profiler_Host_GetConfigImage_Params);
    image.pHostObject = object_;
    image.configImageSize = config.size();
    image.pConfigImage = config.data();
    MOEPLAN_RETURN_IF_ERROR(ToStatus(calls_, calls_.config_image(&image),
                                     "cuptiProfilerHostGetConfigImage"));
    return config;
  }

  absl::StatusOr<std::vector<double>> Evaluate(
      std::vector<const char*> metrics, const std::vector<uint8_t>& data) {
    std::vector<double> values(metrics.size());
    auto params =
        MOEPLAN_CUPTI_PARAMS(CUpti_Profiler_Host_EvaluateToGpuValues_Params);
    params.pHostObject = object_;
    params.pCounterDataImage = data.data();
    params.counterDataImageSize = data.size();
    params.rangeIndex = 0;
    params.ppMetricNames = metrics.data();
    params.numMetrics = metrics.size();
    params.pMetricValues = values.data();
    MOEPLAN_RETURN_IF_ERROR(ToStatus(calls_, calls_.evaluate(&params),
                                     "cuptiProfilerHostEvaluateToGpuValues"));
    return values;
  }

 private:
  Host(const CuptiCalls& calls, CUpti_Profiler_Host_Object* object)
      : calls_(calls), object_(object) {}

  const CuptiCalls& calls_;
  CUpti_Profiler_Host_Object* object_;
};

// The profiler's side on the device, enabled while it lives.
class Target {
 public:
  static absl::StatusOr<Target> Enable(const CuptiCalls& calls,
                                       CUcontext context) {
    auto params = MOEPLAN_CUPTI_PARAMS(CUpti_RangeProfiler_Enable_Params);
    params.ctx = context;
    MOEPLAN_RETURN_IF_ERROR(
        ToStatus(calls, calls.enable(&params), "cuptiRangeProfilerEnable"));
    return Target(calls, params.pRangeProfilerObject);
  }
  Target(Target&& other) noexcept
      : calls_(other.calls_), object_(std::exchange(other.object_, nullptr)) {}
  Target& operator=(Target&&) = delete;
  ~Target() {
    if (object_ == nullptr) return;
    auto params = MOEPLAN_CUPTI_PARAMS(CUpti_RangeProfiler_Disable_Params);
    params.pRangeProfilerObject = object_;
    calls_.disable(&params);
  }

  // The counter data of one range.
  absl::StatusOr<std::vector<uint8_t>> Count(
      std::vector<const char*> metrics, const std::vector<uint8_t>& config,
      const std::function<absl::Status()>& run) {
    auto size =
        MOEPLAN_CUPTI_PARAMS(CUpti_RangeProfiler_GetCounterDataSize_Params);
    size.pRangeProfilerObject = object_;
    size.pMetricNames = metrics.data();
    size.numMetrics = metrics.size();
    size.maxNumOfRanges = 1;
    size.maxNumRangeTreeNodes = 1;
    MOEPLAN_RETURN_IF_ERROR(ToStatus(calls_, calls_.data_size(&size),
                                     "cuptiRangeProfilerGetCounterDataSize"));
    std::vector<uint8_t> data(size.counterDataSize);
    auto initialize = MOEPLAN_CUPTI_PARAMS(
        CUpti_RangeProfiler_CounterDataImage_Initialize_Params);
    initialize.pRangeProfilerObject = object_;
    initialize.counterDataSize = data.size();
    initialize.pCounterData = data.data();
    MOEPLAN_RETURN_IF_ERROR(
        ToStatus(calls_, calls_.data_initialize(&initialize),
                 "cuptiRangeProfilerCounterDataImageInitialize"));
    auto set = MOEPLAN_CUPTI_PARAMS(CUpti_RangeProfiler_SetConfig_Params);
    set.pRangeProfilerObject = object_;
    set.configSize = config.size();
    set.pConfig = config.data();
    set.counterDataImageSize = data.size();
    set.pCounterDataImage = data.data();
    set.range = CUPTI_UserRange;
    set.replayMode = CUPTI_UserReplay;
    set.maxRangesPerPass = 1;
    set.numNestingLevels = 1;
    set.minNestingLevel = 1;
    MOEPLAN_RETURN_IF_ERROR(ToStatus(calls_, calls_.set_config(&set),
                                     "cuptiRangeProfilerSetConfig"));
    MOEPLAN_RETURN_IF_ERROR(RunPasses(run));
    auto decode = MOEPLAN_CUPTI_PARAMS(CUpti_RangeProfiler_DecodeData_Params);
    decode.pRangeProfilerObject = object_;
    MOEPLAN_RETURN_IF_ERROR(ToStatus(calls_, calls_.decode(&decode),
                                     "cuptiRangeProfilerDecodeData"));
    if (decode.numOfRangeDropped > 0) {
      return absl::InternalError("CUPTI dropped the range that was counted");
    }
    return data;
  }

 private:
  Target(const CuptiCalls& calls, CUpti_RangeProfiler_Object* object)
      : calls_(calls), object_(object) {}

  absl::Status RunPasses(const std::function<absl::Status()>& run) {
    for (int pass = 0; pass < kMostPasses; ++pass) {
      auto start = MOEPLAN_CUPTI_PARAMS(CUpti_RangeProfiler_Start_Params);
      start.pRangeProfilerObject = object_;
      MOEPLAN_RETURN_IF_ERROR(
          ToStatus(calls_, calls_.start(&start), "cuptiRangeProfilerStart"));
      auto push = MOEPLAN_CUPTI_PARAMS(CUpti_RangeProfiler_PushRange_Params);
      push.pRangeProfilerObject = object_;
      push.pRangeName = kRange;
      MOEPLAN_RETURN_IF_ERROR(ToStatus(calls_, calls_.push_range(&push),
                                       "cuptiRangeProfilerPushRange"));
      const absl::Status ran = run();
      auto pop = MOEPLAN_CUPTI_PARAMS(CUpti_RangeProfiler_PopRange_Params);
      pop.pRangeProfilerObject = object_;
      const absl::Status popped = ToStatus(calls_, calls_.pop_range(&pop),
                                           "cuptiRangeProfilerPopRange");
      auto stop = MOEPLAN_CUPTI_PARAMS(CUpti_RangeProfiler_Stop_Params);
      stop.pRangeProfilerObject = object_;
      const absl::Status stopped =
          ToStatus(calls_, calls_.stop(&stop), "cuptiRangeProfilerStop");
      MOEPLAN_RETURN_IF_ERROR(ran);
      MOEPLAN_RETURN_IF_ERROR(popped);
      MOEPLAN_RETURN_IF_ERROR(stopped);
      if (stop.isAllPassSubmitted != 0) return absl::OkStatus();
    }
    return absl::InternalError("CUPTI never had passes enough");
  }

  const CuptiCalls& calls_;
  CUpti_RangeProfiler_Object* object_;
};

}  // namespace

std::vector<const char*> CounterMetrics(NumberFormat format,
                                        const std::string& chip) {
  std::vector<const char*> metrics;
  switch (format) {
    case NumberFormat::kF32:
      metrics = {"smsp__sass_thread_inst_executed_op_ffma_pred_on.sum",
                 "smsp__sass_thread_inst_executed_op_fadd_pred_on.sum",
                 "smsp__sass_thread_inst_executed_op_fmul_pred_on.sum"};
      break;
    case NumberFormat::kBf16:
      metrics = {"sm__ops_path_tensor_src_bf16_dst_fp32.sum"};
      if (chip == kHopper) metrics.push_back(kHgmma);
      break;
    case NumberFormat::kE4m3:
      metrics = {"sm__ops_path_tensor_src_fp8.sum"};
      break;
  }
  metrics.insert(metrics.end(),
                 {"dram__bytes_read.sum", "dram__bytes_write.sum"});
  return metrics;
}

absl::StatusOr<int64_t> CounterPasses(const CuptiCalls& calls,
                                      const std::string& chip,
                                      const std::vector<const char*>& metrics) {
  MOEPLAN_ASSIGN_OR_RETURN(Host host, Host::Create(calls, chip, {}));
  MOEPLAN_ASSIGN_OR_RETURN(std::vector<uint8_t> config, host.ConfigOf(metrics));
  auto params = MOEPLAN_CUPTI_PARAMS(CUpti_Profiler_Host_GetNumOfPasses_Params);
  params.configImageSize = config.size();
  params.pConfigImage = config.data();
  MOEPLAN_RETURN_IF_ERROR(ToStatus(calls, calls.pass_count(&params),
                                   "cuptiProfilerHostGetNumOfPasses"));
  return static_cast<int64_t>(params.numOfPasses);
}

absl::Status Counters::Prepare() {
  if (!chip_.empty()) return absl::OkStatus();
  if (calls_.current_context == nullptr ||
      calls_.current_context(&context_) != CUDA_SUCCESS ||
      context_ == nullptr) {
    return absl::InternalError("the driver gives no context to count in");
  }
  auto initialize = MOEPLAN_CUPTI_PARAMS(CUpti_Profiler_Initialize_Params);
  MOEPLAN_RETURN_IF_ERROR(ToStatus(calls_, calls_.initialize(&initialize),
                                   "cuptiProfilerInitialize"));
  auto available =
      MOEPLAN_CUPTI_PARAMS(CUpti_Profiler_GetCounterAvailability_Params);
  available.ctx = context_;
  MOEPLAN_RETURN_IF_ERROR(ToStatus(calls_, calls_.availability(&available),
                                   "cuptiProfilerGetCounterAvailability"));
  availability_.resize(available.counterAvailabilityImageSize);
  available.pCounterAvailabilityImage = availability_.data();
  MOEPLAN_RETURN_IF_ERROR(ToStatus(calls_, calls_.availability(&available),
                                   "cuptiProfilerGetCounterAvailability"));
  auto chip = MOEPLAN_CUPTI_PARAMS(CUpti_Device_GetChipName_Params);
  chip.deviceIndex = static_cast<size_t>(device_index_);
  MOEPLAN_RETURN_IF_ERROR(
      ToStatus(calls_, calls_.chip_name(&chip), "cuptiDeviceGetChipName"));
  chip_ = chip.pChipName;
  return absl::OkStatus();
}

absl::StatusOr<CounterReading> Counters::Count(
    NumberFormat format, const std::function<absl::Status()>& run) {
  MOEPLAN_RETURN_IF_ERROR(Prepare());
  const std::vector<const char*> metrics = CounterMetrics(format, chip_);
  MOEPLAN_ASSIGN_OR_RETURN(Host host,
                           Host::Create(calls_, chip_, availability_));
  MOEPLAN_ASSIGN_OR_RETURN(const std::vector<uint8_t> config,
                           host.ConfigOf(metrics));
  MOEPLAN_ASSIGN_OR_RETURN(Target target, Target::Enable(calls_, context_));
  MOEPLAN_ASSIGN_OR_RETURN(const std::vector<uint8_t> data,
                           target.Count(metrics, config, run));
  MOEPLAN_ASSIGN_OR_RETURN(const std::vector<double> values,
                           host.Evaluate(metrics, data));
  CounterReading reading;
  reading.operations = format == NumberFormat::kF32
                           ? 2 * values[0] + values[1] + values[2]
                           : values[0];
  if (absl::string_view(metrics[1]) == kHgmma)
    reading.hgmma_operations = values[1];
  reading.moved_bytes = values[values.size() - 2] + values.back();
  return reading;
}

}  // namespace moeplan::worker
