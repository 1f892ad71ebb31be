#include "tests/testing/cuda/fake_cupti.h"

#include <cstdlib>

namespace moeplan::worker {
namespace {

FakeCupti* current = nullptr;

constexpr size_t kImageBytes = 16;

// OK where the order of calls is kept.
CUptiResult In(bool order) {
  return order ? CUPTI_SUCCESS : CUPTI_ERROR_INVALID_OPERATION;
}

}  // namespace

struct FakeCuptiCalls {
  static CUresult CurrentContext(CUcontext* context) {
    *context =
        current->has_context ? reinterpret_cast<CUcontext>(current) : nullptr;
    return CUDA_SUCCESS;
  }
  static CUptiResult ResultString(CUptiResult, const char** text) {
    *text = "as planted";
    return CUPTI_SUCCESS;
  }
  static CUptiResult Initialize(CUpti_Profiler_Initialize_Params*) {
    return CUPTI_SUCCESS;
  }
  static CUptiResult ChipName(CUpti_Device_GetChipName_Params* params) {
    params->pChipName = current->chip.c_str();
    return CUPTI_SUCCESS;
  }
  static CUptiResult Availability(
      CUpti_Profiler_GetCounterAvailability_Params* params) {
    params->counterAvailabilityImageSize = kImageBytes;
    return CUPTI_SUCCESS;
  }
  static CUptiResult HostInitialize(
      CUpti_Profiler_Host_Initialize_Params* params) {
    ++current->hosts_;
    params->pHostObject =
        reinterpret_cast<CUpti_Profiler_Host_Object*>(current);
    return CUPTI_SUCCESS;
  }
  static CUptiResult HostDeinitialize(
      CUpti_Profiler_Host_Deinitialize_Params*) {
    --current->hosts_;
    return CUPTI_SUCCESS;
  }
  static CUptiResult AddMetrics(
      CUpti_Profiler_Host_ConfigAddMetrics_Params* params) {
    for (size_t i = 0; i < params->numMetrics; ++i) {
      if (!current->counters.contains(params->ppMetricNames[i])) {
        return CUPTI_ERROR_INVALID_PARAMETER;
      }
    }
    return CUPTI_SUCCESS;
  }
  static CUptiResult ConfigSize(
      CUpti_Profiler_Host_GetConfigImageSize_Params* params) {
    params->configImageSize = kImageBytes;
    return CUPTI_SUCCESS;
  }
  static CUptiResult ConfigImage(CUpti_Profiler_Host_GetConfigImage_Params*) {
    return CUPTI_SUCCESS;
  }
  static CUptiResult PassCount(
      CUpti_Profiler_Host_GetNumOfPasses_Params* params) {
    params->numOfPasses = static_cast<size_t>(current->passes);
    return CUPTI_SUCCESS;
  }
  static CUptiResult Evaluate(
      CUpti_Profiler_Host_EvaluateToGpuValues_Params* params) {
    for (size_t i = 0; i < params->numMetrics; ++i) {
      params->pMetricValues[i] = current->values_[params->ppMetricNames[i]];
    }
    return CUPTI_SUCCESS;
  }
  static CUptiResult Enable(CUpti_RangeProfiler_Enable_Params* params) {
    if (current->enable_result != CUPTI_SUCCESS) return current->enable_result;
    params->pRangeProfilerObject =
        reinterpret_cast<CUpti_RangeProfiler_Object*>(current);
    current->is_enabled_ = true;
    current->done_passes_ = 0;
    return In(params->ctx != nullptr);
  }
  static CUptiResult Disable(CUpti_RangeProfiler_Disable_Params*) {
    const bool was_enabled = current->is_enabled_;
    current->is_enabled_ = false;
    return In(was_enabled && !current->is_started_);
  }
  static CUptiResult DataSize(
      CUpti_RangeProfiler_GetCounterDataSize_Params* params) {
    params->counterDataSize = kImageBytes;
    return In(current->is_enabled_);
  }
  static CUptiResult DataInitialize(
      CUpti_RangeProfiler_CounterDataImage_Initialize_Params* params) {
    return In(params->counterDataSize == kImageBytes);
  }
  static CUptiResult SetConfig(CUpti_RangeProfiler_SetConfig_Params* params) {
    return In(current->is_enabled_ && params->range == CUPTI_UserRange &&
              params->replayMode == CUPTI_UserReplay &&
              params->configSize == kImageBytes);
  }
  static CUptiResult Start(CUpti_RangeProfiler_Start_Params*) {
    const bool may_start = current->is_enabled_ && !current->is_started_;
    current->is_started_ = true;
    return In(may_start);
  }
  static CUptiResult Stop(CUpti_RangeProfiler_Stop_Params* params) {
    const bool may_stop = current->is_started_ && !current->is_in_range_;
    current->is_started_ = false;
    ++current->done_passes_;
    params->isAllPassSubmitted = current->done_passes_ >= current->passes;
    return In(may_stop);
  }
  static CUptiResult PushRange(CUpti_RangeProfiler_PushRange_Params*) {
    current->at_push_ = current->counters;
    current->is_in_range_ = true;
    return In(current->is_started_);
  }
  static CUptiResult PopRange(CUpti_RangeProfiler_PopRange_Params*) {
    for (const auto& [name, value] : current->counters) {
      current->values_[name] = value - current->at_push_[name];
    }
    const bool was_in_range = current->is_in_range_;
    current->is_in_range_ = false;
    return In(was_in_range);
  }
  static CUptiResult Decode(CUpti_RangeProfiler_DecodeData_Params*) {
    return In(!current->is_started_ && current->done_passes_ > 0);
  }
};

FakeCupti::FakeCupti() {
  if (current != nullptr) std::abort();
  current = this;
  using Own = FakeCuptiCalls;
  calls = {.current_context = &Own::CurrentContext,
           .result_string = &Own::ResultString,
           .initialize = &Own::Initialize,
           .chip_name = &Own::ChipName,
           .availability = &Own::Availability,
           .host_initialize = &Own::HostInitialize,
           .host_deinitialize = &Own::HostDeinitialize,
           .add_metrics = &Own::AddMetrics,
           .config_size = &Own::ConfigSize,
           .config_image = &Own::ConfigImage,
           .pass_count = &Own::PassCount,
           .evaluate = &Own::Evaluate,
           .enable = &Own::Enable,
           .disable = &Own::Disable,
           .data_size = &Own::DataSize,
           .data_initialize = &Own::DataInitialize,
           .set_config = &Own::SetConfig,
           .start = &Own::Start,
           .stop = &Own::Stop,
           .push_range = &Own::PushRange,
           .pop_range = &Own::PopRange,
           .decode = &Own::Decode};
}

FakeCupti::~FakeCupti() { current = nullptr; }

}  // namespace moeplan::worker
