#include "worker/device/cuda/cupti_calls.h"

#include <dlfcn.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace moeplan::worker {
namespace {

// Finds functions in a library, and remembers one that is not there.
class Finder {
 public:
  explicit Finder(void* library) : library_(library) {}

  template <typename Function>
  void Find(const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library_, name));
    if (function == nullptr) missing_ = name;
  }
  const std::string& missing() const { return missing_; }

 private:
  void* const library_;
  std::string missing_;
};

}  // namespace

absl::StatusOr<CuptiCalls> LoadCuptiCalls() {
  void* const library = dlopen("libcupti.so.13", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return absl::NotFoundError(
        "libcupti.so.13 cannot be loaded (LD_LIBRARY_PATH may name its "
        "folder)");
  }
  CuptiCalls calls;
  Finder finder(library);
  finder.Find("cuptiGetResultString", calls.result_string);
  finder.Find("cuptiProfilerInitialize", calls.initialize);
  finder.Find("cuptiDeviceGetChipName", calls.chip_name);
  finder.Find("cuptiProfilerGetCounterAvailability", calls.availability);
  finder.Find("cuptiProfilerHostInitialize", calls.host_initialize);
  finder.Find("cuptiProfilerHostDeinitialize", calls.host_deinitialize);
  finder.Find("cuptiProfilerHostConfigAddMetrics", calls.add_metrics);
  finder.Find("cuptiProfilerHostGetConfigImageSize", calls.config_size);
  finder.Find("cuptiProfilerHostGetConfigImage", calls.config_image);
  finder.Find("cuptiProfilerHostGetNumOfPasses", calls.pass_count);
  finder.Find("cuptiProfilerHostEvaluateToGpuValues", calls.evaluate);
  finder.Find("cuptiRangeProfilerEnable", calls.enable);
  finder.Find("cuptiRangeProfilerDisable", calls.disable);
  finder.Find("cuptiRangeProfilerGetCounterDataSize", calls.data_size);
  finder.Find("cuptiRangeProfilerCounterDataImageInitialize",
              calls.data_initialize);
  finder.Find("cuptiRangeProfilerSetConfig", calls.set_config);
  finder.Find("cuptiRangeProfilerStart", calls.start);
  finder.Find("cuptiRangeProfilerStop", calls.stop);
  finder.Find("cuptiRangeProfilerPushRange", calls.push_range);
  finder.Find("cuptiRangeProfilerPopRange", calls.pop_range);
  finder.Find("cuptiRangeProfilerDecodeData", calls.decode);
  if (!finder.missing().empty()) {
    return absl::NotFoundError(
        absl::StrCat("libcupti.so.13 lacks ", finder.missing()));
  }
  void* const driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (driver != nullptr) {
    Finder(driver).Find("cuCtxGetCurrent", calls.current_context);
  }
  return calls;
}

}  // namespace moeplan::worker
