#include "server/store/store_errors.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/rpc/status.h"

namespace moeplan::server {
namespace {

constexpr char kSetType[] = "moeplan.v1.CoefficientSet";
constexpr char kCalibrationType[] = "moeplan.v1.Calibration";

std::string NameOf(absl::string_view id) {
  return absl::StrCat("coefficientSets/", id);
}

std::string CalibrationNameOf(absl::string_view id) {
  return absl::StrCat("calibrations/", id);
}

absl::Status About(absl::Status status, absl::string_view type,
                   const std::string& name, absl::string_view reason) {
  return WithErrorInfo(WithResourceInfo(std::move(status), type, name), reason,
                       {{"resource_name", name}});
}

absl::Status AboutSet(absl::Status status, absl::string_view id,
                      absl::string_view reason) {
  return About(std::move(status), kSetType, NameOf(id), reason);
}

absl::Status AboutCalibration(absl::Status status, absl::string_view id,
                              absl::string_view reason) {
  return About(std::move(status), kCalibrationType, CalibrationNameOf(id),
               reason);
}

}  // namespace

absl::Status SetExistsError(absl::string_view id) {
  return AboutSet(
      absl::AlreadyExistsError(absl::StrCat(
          NameOf(id), " exists; sets are immutable, so take another id")),
      id, "SET_EXISTS");
}

absl::Status SetIdRetiredError(absl::string_view id) {
  return AboutSet(
      absl::AlreadyExistsError(absl::StrCat(
          NameOf(id),
          " existed with other numbers and was deleted; an id never comes back "
          "with other numbers, so take another id")),
      id, "SET_EXISTS");
}

absl::Status SetMissingError(absl::string_view id) {
  return ResourceNotFoundError(kSetType, NameOf(id));
}

absl::Status SetPublishedError(absl::string_view id) {
  return AboutSet(absl::FailedPreconditionError(
                      absl::StrCat(NameOf(id),
                                   " comes with the server and cannot be "
                                   "deleted")),
                  id, "SET_PUBLISHED");
}

absl::Status SetDamagedError(absl::string_view id) {
  return AboutSet(absl::DataLossError(absl::StrCat(
                      "the stored bytes of ", NameOf(id),
                      " fail their checksum; the set is not served until it is "
                      "restored from a backup")),
                  id, "SET_DAMAGED");
}

absl::Status PublishedSetClashError(absl::string_view id,
                                    absl::string_view kept_checksum,
                                    absl::string_view new_checksum) {
  return WithErrorInfo(
      absl::FailedPreconditionError(absl::StrCat(
          "the store keeps ", NameOf(id), " with checksum ", kept_checksum,
          ", and this server comes with a set of that name and checksum ",
          new_checksum, "; a name never changes its numbers")),
      "PUBLISHED_SET_CLASH");
}

absl::Status RequestIdReusedError(absl::string_view request_id) {
  return WithErrorInfo(
      absl::AlreadyExistsError(absl::StrCat(
          "request_id ", request_id,
          " was used with another request; a new request needs a new id")),
      "REQUEST_ID_REUSED", {{"request_id", std::string(request_id)}});
}

absl::Status CalibrationExistsError(absl::string_view id) {
  return AboutCalibration(
      absl::AlreadyExistsError(
          absl::StrCat(CalibrationNameOf(id),
                       " exists; calibrations are immutable, so take another "
                       "id")),
      id, "CALIBRATION_EXISTS");
}

absl::Status CalibrationIdRetiredError(absl::string_view id) {
  return AboutCalibration(
      absl::AlreadyExistsError(absl::StrCat(
          CalibrationNameOf(id),
          " existed with other measurements and was deleted; an id never comes "
          "back with others, so take another id")),
      id, "CALIBRATION_EXISTS");
}

absl::Status CalibrationMissingError(absl::string_view id) {
  return ResourceNotFoundError(kCalibrationType, CalibrationNameOf(id));
}

absl::Status CalibrationDamagedError(absl::string_view id) {
  return AboutCalibration(
      absl::DataLossError(absl::StrCat(
          "the stored bytes of ", CalibrationNameOf(id),
          " fail their checksum; it is not served until it is restored from a "
          "backup")),
      id, "CALIBRATION_DAMAGED");
}

}  // namespace moeplan::server
