#include "worker/open_device.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status_macros.h"
#include "worker/device/cpu_device.h"
#include "worker/device/open_cuda.h"

namespace moeplan::worker {
namespace {

constexpr int kMostIndex = 1023;

}  // namespace

absl::StatusOr<DeviceRequest> ParseDeviceRequest(absl::string_view text) {
  DeviceRequest request;
  absl::string_view rest = text;
  if (text == "cpu") return request;
  if (text == "auto") {
    request.kind = DeviceKind::kCuda;
    request.falls_back = true;
    return request;
  }
  if (absl::ConsumePrefix(&rest, "cuda")) {
    request.kind = DeviceKind::kCuda;
    if (rest.empty()) return request;
    if (absl::ConsumePrefix(&rest, ":") &&
        absl::SimpleAtoi(rest, &request.cuda_index) &&
        request.cuda_index >= 0 && request.cuda_index <= kMostIndex) {
      return request;
    }
  } else if (absl::ConsumePrefix(&rest, "fake")) {
    request.kind = DeviceKind::kFake;
    if (rest.empty()) return request;
    if (absl::ConsumePrefix(&rest, ":")) {
      MOEPLAN_ASSIGN_OR_RETURN(request.fault, FakeFaultOf(std::string(rest)));
      return request;
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--device must be cpu, cuda, cuda:N, auto or fake; got \"", text, "\""));
}

absl::StatusOr<OpenedDevice> OpenRequested(const DeviceRequest& request,
                                           const DeviceSettings& settings) {
  OpenedDevice opened;
  if (request.kind == DeviceKind::kFake) {
    MOEPLAN_ASSIGN_OR_RETURN(opened.device,
                             FakeDevice::Open({.fault = request.fault}));
    return opened;
  }
  if (request.kind == DeviceKind::kCuda) {
    auto cuda = OpenCudaDevice(
        {.index = request.cuda_index, .counters = settings.counters});
    if (cuda.ok()) {
      opened.device = *std::move(cuda);
      return opened;
    }
    if (!request.falls_back) return cuda.status();
    opened.fallback_reason = std::string(cuda.status().message());
  }
  opened.device = std::make_unique<CpuDevice>(
      CpuDeviceOptions{.threads = settings.threads});
  return opened;
}

}  // namespace moeplan::worker
