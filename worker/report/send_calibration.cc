#include "worker/report/send_calibration.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cpp/planner_client.h"
#include "client/cpp/retry_overload.h"
#include "client/cpp/rpc_error.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"
#include "google/protobuf/util/json_util.h"
#include "grpcpp/client_context.h"
#include "moeplan/v1/calibration.grpc.pb.h"
#include "nlohmann/json.hpp"
#include "worker/report/measurement_json.h"
#include "worker/report/operation_json.h"

namespace moeplan::worker {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(60);
constexpr size_t kIdDigits = 8;
constexpr size_t kLongestProductInId = 40;
// Of the wire: what is longer is cut rather than refused after the measuring.
constexpr size_t kLongestText = 256;
constexpr size_t kLongestBackend = 64;
constexpr size_t kLongestReason = 1024;
constexpr size_t kMostGaps = 256;
constexpr int64_t kMicrosPerSecond = 1000000;

constexpr std::pair<const char*, v1::OperationPass> kPasses[] = {
    {"forward", v1::OPERATION_PASS_FORWARD},
    {"backward", v1::OPERATION_PASS_BACKWARD},
    {"input_gradient", v1::OPERATION_PASS_INPUT_GRADIENT},
    {"weight_gradient", v1::OPERATION_PASS_WEIGHT_GRADIENT},
    {"", v1::OPERATION_PASS_NONE}};

// Everything that is measured, in one text whose bytes depend on nothing else.
std::string TextOf(const Calibration& calibration) {
  std::string text = absl::StrCat(ToJson(calibration.device).dump(), "\n",
                                  ToJson(calibration.software).dump(), "\n",
                                  ToJson(calibration.conditions).dump(), "\n",
                                  calibration.start_unix_micros, " ",
                                  calibration.end_unix_micros, "\n");
  for (const ClockTruePeak& peak : calibration.peaks) {
    absl::StrAppend(&text, peak.dtype, " ", peak.flops_per_second, "\n");
  }
  for (const std::string& gap : calibration.coverage_gaps) {
    absl::StrAppend(&text, gap, "\n");
  }
  for (const Measurement& one : calibration.measurements) {
    absl::StrAppend(&text, ToJson(one).dump(), "\n");
  }
  return text;
}

const char* KindName(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::kCuda:
      return "cuda";
    case DeviceKind::kCpu:
      return "cpu";
    case DeviceKind::kFake:
      break;
  }
  return "fake";
}

v1::DeviceKind WireKind(DeviceKind kind) {
  switch (kind) {
    case DeviceKind::kCuda:
      return v1::DEVICE_KIND_CUDA;
    case DeviceKind::kCpu:
      return v1::DEVICE_KIND_CPU;
    case DeviceKind::kFake:
      break;
  }
  return v1::DEVICE_KIND_FAKE;
}

void Fill(const DeviceIdentity& device, v1::DeviceIdentity& wire) {
  wire.set_kind(WireKind(device.kind));
  wire.set_product(device.product.substr(0, kLongestText));
  wire.set_device_hash(device.device_hash);
  wire.set_multiprocessor_count(
      static_cast<int32_t>(device.multiprocessor_count));
  wire.set_memory_bytes(device.memory_bytes);
  wire.set_l2_bytes(device.l2_bytes);
  if (device.power_limit_watts.has_value()) {
    wire.set_power_limit_watts(*device.power_limit_watts);
  }
  if (device.ecc_enabled.has_value()) {
    wire.set_ecc_enabled(*device.ecc_enabled);
  }
  wire.set_partitioned(device.partitioned);
}

void Fill(const SoftwareStack& software, v1::SoftwareStack& wire) {
  wire.set_worker_version(software.worker_version);
  wire.set_worker_revision(software.worker_revision);
  wire.set_worker_dirty(software.worker_dirty);
  wire.set_suite_hash(software.suite_hash);
  wire.set_driver_version(software.driver_version);
  wire.set_runtime_version(software.runtime_version);
  for (const std::string& version : software.library_versions) {
    wire.add_library_versions(version.substr(0, kLongestText));
  }
}

void Fill(const MeasuringConditions& conditions,
          v1::MeasuringConditions& wire) {
  wire.set_regime(conditions.regime == MeasuringRegime::kSustained
                      ? v1::MEASURING_REGIME_SUSTAINED
                      : v1::MEASURING_REGIME_BURST);
  if (conditions.compute_clock_hertz.has_value()) {
    wire.set_compute_clock_hertz(*conditions.compute_clock_hertz);
  }
  if (conditions.memory_clock_hertz.has_value()) {
    wire.set_memory_clock_hertz(*conditions.memory_clock_hertz);
  }
  if (conditions.power_watts.has_value()) {
    wire.set_power_watts(*conditions.power_watts);
  }
  if (conditions.temperature_celsius.has_value()) {
    wire.set_temperature_celsius(*conditions.temperature_celsius);
  }
  for (const std::string& reason : conditions.throttle_reasons) {
    wire.add_throttle_reasons(reason.substr(0, kLongestText));
  }
  wire.set_contended(conditions.contended);
  wire.set_seed(conditions.seed);
}

void Fill(const Timing& timing, v1::Timing& wire) {
  wire.set_median_seconds(timing.median_seconds);
  wire.set_lower_seconds(timing.lower_seconds);
  wire.set_upper_seconds(timing.upper_seconds);
  wire.set_iqr_seconds(timing.iqr_seconds);
  wire.set_sample_count(static_cast<int32_t>(timing.sample_count));
  wire.set_discarded_count(static_cast<int32_t>(timing.discarded_count));
  if (timing.drift_ratio.has_value()) {
    wire.set_drift_ratio(*timing.drift_ratio);
  }
}

void Fill(const Measurement& one, v1::Measurement& wire) {
  const OperationParts parts = PartsOf(one.operation);
  // The kinds of the wire follow an unspecified one, in core's order.
  wire.set_operation(
      static_cast<v1::OperationKind>(static_cast<int>(parts.kind) + 1));
  for (const auto& [name, pass] : kPasses) {
    if (parts.pass == name) wire.set_pass(pass);
  }
  for (const NamedSize& size : parts.sizes) {
    v1::Dimension& dimension = *wire.add_dimensions();
    dimension.set_name(size.name);
    dimension.set_value(size.value);
  }
  for (const int64_t rows : parts.rows_per_expert) {
    wire.add_rows_per_expert(rows);
  }
  wire.set_case_name(one.case_name);
  wire.set_dtype(one.dtype);
  wire.set_backend(one.backend.substr(0, kLongestBackend));
  wire.set_disposition(
      static_cast<v1::Disposition>(static_cast<int>(one.disposition) + 1));
  wire.set_disposition_reason(one.disposition_reason.substr(0, kLongestReason));
  if (one.timing.has_value()) Fill(*one.timing, *wire.mutable_timing());
  if (one.executed_flops.has_value()) {
    wire.set_executed_flops(*one.executed_flops);
  }
  if (one.counted_moved_bytes.has_value()) {
    wire.set_counted_moved_bytes(*one.counted_moved_bytes);
  }
  if (one.peak_memory_bytes.has_value()) {
    wire.set_peak_memory_bytes(*one.peak_memory_bytes);
  }
}

void Fill(int64_t unix_micros, google::protobuf::Timestamp& wire) {
  wire.set_seconds(unix_micros / kMicrosPerSecond);
  wire.set_nanos(static_cast<int32_t>(unix_micros % kMicrosPerSecond * 1000));
}

v1::CreateCalibrationRequest RequestOf(const Calibration& calibration) {
  v1::CreateCalibrationRequest request;
  request.set_calibration_id(CalibrationIdOf(calibration));
  request.set_request_id(RequestIdOf(calibration));
  v1::Calibration& wire = *request.mutable_calibration();
  Fill(calibration.device, *wire.mutable_device());
  Fill(calibration.software, *wire.mutable_software());
  Fill(calibration.conditions, *wire.mutable_conditions());
  for (const ClockTruePeak& peak : calibration.peaks) {
    v1::ClockTruePeak& one = *wire.add_peaks();
    one.set_dtype(peak.dtype);
    one.set_flops_per_second(peak.flops_per_second);
  }
  for (const Measurement& one : calibration.measurements) {
    Fill(one, *wire.add_measurements());
  }
  const size_t gaps = std::min(calibration.coverage_gaps.size(), kMostGaps);
  for (size_t i = 0; i < gaps; ++i) {
    wire.add_coverage_gaps(
        calibration.coverage_gaps[i].substr(0, kLongestReason));
  }
  Fill(calibration.start_unix_micros, *wire.mutable_measure_start_time());
  Fill(calibration.end_unix_micros, *wire.mutable_measure_end_time());
  return request;
}

}  // namespace

std::string RequestIdOf(const Calibration& calibration) {
  std::string digits = Sha256Hex(TextOf(calibration)).substr(0, 32);
  // RFC 9562: version 8 (what the bits mean is ours) and its variant.
  digits[12] = '8';
  digits[16] = 'a';
  return absl::StrCat(digits.substr(0, 8), "-", digits.substr(8, 4), "-",
                      digits.substr(12, 4), "-", digits.substr(16, 4), "-",
                      digits.substr(20, 12));
}

std::string CalibrationIdOf(const Calibration& calibration) {
  std::string id = absl::StrCat(KindName(calibration.device.kind), "-");
  for (const char each :
       calibration.device.product.substr(0, kLongestProductInId)) {
    const unsigned char letter = static_cast<unsigned char>(each);
    if (absl::ascii_isalnum(letter)) {
      id += absl::ascii_tolower(letter);
    } else if (id.back() != '-') {
      id += '-';
    }
  }
  if (id.back() != '-') id += '-';
  return id + Sha256Hex(TextOf(calibration)).substr(0, kIdDigits);
}

absl::StatusOr<std::string> CreateRequestJson(const Calibration& calibration) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(
      RequestOf(calibration), &json, options);
  if (status.ok()) return json;
  return absl::InternalError(
      absl::StrCat("the calibration cannot be printed: ", status.ToString()));
}

absl::StatusOr<std::string> SendCalibration(const Calibration& calibration,
                                            const std::string& server) {
  const v1::CreateCalibrationRequest request = RequestOf(calibration);
  const auto stub =
      v1::CalibrationService::NewStub(client::MakeChannel(server));
  const absl::Time deadline = absl::Now() + kTimeout;
  v1::CreateCalibrationResponse response;
  MOEPLAN_RETURN_IF_ERROR(
      client::RetryOverload(deadline, client::RealRetryClock(), [&] {
        grpc::ClientContext context;
        context.set_deadline(absl::ToChronoTime(deadline));
        response.Clear();
        return client::ToAbslStatus(
            stub->CreateCalibration(&context, request, &response));
      }));
  return response.calibration().name();
}

}  // namespace moeplan::worker
