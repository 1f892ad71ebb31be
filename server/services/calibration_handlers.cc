#include "server/services/calibration_handlers.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"
#include "server/convert/calibration_convert.h"
#include "server/convert/page_token.h"
#include "server/convert/resource_name.h"
#include "server/convert/timestamp_convert.h"
#include "server/rpc/status.h"
#include "server/services/calibration_catalog.h"
#include "server/services/request_hash.h"

namespace moeplan::server {
namespace {

// A page stays below the 4 MiB that stock clients take.
constexpr size_t kMostPageBytes = 3 << 20;
constexpr size_t kLongestProduct = 256;

void SetStored(absl::string_view id, const std::string& checksum,
               absl::Time create_time, v1::Calibration* wire) {
  wire->set_name(CalibrationName(id));
  wire->set_checksum(checksum);
  TimestampToWire(create_time, wire->mutable_create_time());
}

void TimeModelsToWire(const TimeModels& models,
                      v1::GetCalibrationResponse* response) {
  for (const auto& [dtype, model] : models) {
    v1::DerivedTimeModel* one = response->add_time_models();
    one->set_dtype(dtype);
    if (model.ok()) {
      TimeModelToWire(*model, one->mutable_time_model());
    } else {
      one->set_no_model_reason(std::string(model.status().message()));
    }
  }
}

// A place as the page token holds it: "1700000000123/id".
std::string PlaceText(const CalibrationPlace& place) {
  return absl::StrCat(absl::ToUnixMillis(place.create_time), "/", place.id);
}

// `text` is of PlaceText, for tokens are signed; or empty.
CalibrationPlace ParsePlace(const std::string& text) {
  CalibrationPlace place;
  const std::pair<std::string, std::string> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  int64_t milliseconds = 0;
  if (absl::SimpleAtoi(parts.first, &milliseconds)) {
    place.create_time = absl::FromUnixMillis(milliseconds);
    place.id = parts.second;
  }
  return place;
}

CalibrationFilter FilterFromWire(const v1::ListCalibrationsRequest& request,
                                 Violations& violations) {
  if (request.product().size() > kLongestProduct) {
    violations.Add("product", "must have at most 256 bytes", request.product());
  }
  if (!request.dtype().empty() && ElementBytes(request.dtype()) == 0) {
    violations.Add("dtype", "must be empty, bf16, fp16, f32, tf32, fp8 or f64",
                   request.dtype());
  }
  return {.product = request.product(), .dtype = request.dtype()};
}

}  // namespace

absl::Status HandleCreateCalibration(
    const ServiceEnvironment& environment, CallContext&,
    const v1::CreateCalibrationRequest& request,
    v1::CreateCalibrationResponse* response) {
  Violations violations;
  const std::string& id = request.calibration_id();
  RequireResourceId("calibration_id", id, violations);
  CheckRequestId("request_id", request.request_id(), violations);
  if (!request.has_calibration()) {
    violations.Add("calibration", "must be set");
  }
  std::optional<Calibration> calibration =
      CalibrationFromWire("calibration", request.calibration(), violations);
  if (!violations.empty()) return InvalidRequestError(violations);

  const absl::Time now = absl::Now();
  std::string payload = EncodeStoredCalibration(*calibration);
  v1::Calibration* stored = response->mutable_calibration();
  CalibrationToWire(*calibration, /*with_measurements=*/false, stored);
  SetStored(id, Sha256Hex(payload), now, stored);
  MOEPLAN_ASSIGN_OR_RETURN(
      const WriteOutcome outcome,
      environment.calibrations->Create(IdempotencyOf(request), id, *calibration,
                                       std::move(payload),
                                       response->SerializeAsString(), now));
  if (outcome.replayed && !response->ParseFromString(outcome.result)) {
    return absl::InternalError("a kept answer does not parse");
  }
  return absl::OkStatus();
}

absl::Status HandleGetCalibration(const ServiceEnvironment& environment,
                                  CallContext& call,
                                  const v1::GetCalibrationRequest& request,
                                  v1::GetCalibrationResponse* response) {
  Violations violations;
  const std::string id =
      ParseCalibrationName("name", request.name(), violations);
  if (!violations.empty()) return InvalidRequestError(violations);
  MOEPLAN_ASSIGN_OR_RETURN(const CalibrationPointer served,
                           environment.calibrations->Find(id));
  MOEPLAN_ASSIGN_OR_RETURN(const TimeModels* models,
                           served->time_models(&call.interrupter()));
  MOEPLAN_ASSIGN_OR_RETURN(const Calibration calibration, served->Read());
  v1::Calibration* wire = response->mutable_calibration();
  CalibrationToWire(calibration, /*with_measurements=*/true, wire);
  SetStored(id, served->checksum(), served->create_time(), wire);
  TimeModelsToWire(*models, response);
  return absl::OkStatus();
}

absl::Status HandleListCalibrations(const ServiceEnvironment& environment,
                                    CallContext&,
                                    const v1::ListCalibrationsRequest& request,
                                    v1::ListCalibrationsResponse* response) {
  Violations violations;
  const int page_size = PageSize("page_size", request.page_size(), violations);
  const CalibrationFilter filter = FilterFromWire(request, violations);
  const std::string arguments =
      absl::StrCat("calibrations\n", filter.dtype, "\n", filter.product);
  const CalibrationPlace after = ParsePlace(ParsePageToken(
      "page_token", request.page_token(), arguments, violations));
  if (!violations.empty()) return InvalidRequestError(violations);

  MOEPLAN_ASSIGN_OR_RETURN(
      const CalibrationPage page,
      environment.calibrations->List(filter, after, page_size));
  size_t bytes = 0;
  for (size_t i = 0; i < page.calibrations.size(); ++i) {
    const ListedCalibration& listed = page.calibrations[i];
    v1::Calibration one;
    // A damaged one is missing here and DATA_LOSS by its name.
    if (listed.summary.ok() && one.ParseFromString(listed.summary->summary)) {
      SetStored(listed.id, listed.summary->checksum,
                listed.summary->create_time, &one);
      bytes += one.ByteSizeLong();
      *response->add_calibrations() = std::move(one);
    }
    const bool is_last = i + 1 == page.calibrations.size();
    if (is_last ? page.has_more : bytes > kMostPageBytes) {
      response->set_next_page_token(
          PageToken(PlaceText(listed.place), arguments));
      break;
    }
  }
  return absl::OkStatus();
}

absl::Status HandleDeleteCalibration(
    const ServiceEnvironment& environment, CallContext&,
    const v1::DeleteCalibrationRequest& request,
    v1::DeleteCalibrationResponse*) {
  Violations violations;
  const std::string id =
      ParseCalibrationName("name", request.name(), violations);
  CheckRequestId("request_id", request.request_id(), violations);
  if (!violations.empty()) return InvalidRequestError(violations);
  return environment.calibrations->Delete(IdempotencyOf(request), id).status();
}

}  // namespace moeplan::server
