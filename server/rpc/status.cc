#include "server/rpc/status.h"

#include <google/protobuf/message_lite.h>

#include <algorithm>
#include <optional>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "moeplan/v1/error_details.pb.h"

namespace moeplan::server {
namespace {

constexpr char kBadRequest[] = "type.googleapis.com/google.rpc.BadRequest";
constexpr char kErrorInfo[] = "type.googleapis.com/google.rpc.ErrorInfo";
constexpr char kQuotaFailure[] = "type.googleapis.com/google.rpc.QuotaFailure";
constexpr char kResourceInfo[] = "type.googleapis.com/google.rpc.ResourceInfo";
constexpr char kRetryInfo[] = "type.googleapis.com/google.rpc.RetryInfo";
constexpr absl::Duration kComeBackAfterRestart = absl::Seconds(2);

// What is left of kMaxErrorDetailBytes for the violations beside the message,
// the ErrorInfo and the wrapping.
constexpr size_t kMaxBadRequestBytes =
    kMaxErrorDetailBytes - kMaxErrorMessageBytes - 320;

void SetDetail(absl::Status& status, const char* type_url,
               const google::protobuf::MessageLite& detail) {
  status.SetPayload(type_url, absl::Cord(detail.SerializeAsString()));
}

// Whatever stands in a proto string has to be UTF-8, or the client's decoder
// refuses the whole answer.
std::string Printable(absl::string_view text) {
  std::string out(text);
  for (char& c : out) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte > 0x7e) c = '?';
  }
  return out;
}

void SetRetryInfo(absl::Status& status, absl::Duration delay) {
  v1::RetryInfo info;
  const int64_t nanos = absl::ToInt64Nanoseconds(delay);
  info.mutable_retry_delay()->set_seconds(nanos / 1000000000);
  info.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(nanos % 1000000000));
  SetDetail(status, kRetryInfo, info);
}

absl::string_view StandardReason(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return "OK";
    case absl::StatusCode::kCancelled:
      return "CLIENT_LEFT";
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kInternal:
      return "INTERNAL";
    case absl::StatusCode::kInvalidArgument:
      return "INVALID_REQUEST";
    case absl::StatusCode::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case absl::StatusCode::kNotFound:
      return "NOT_FOUND";
    case absl::StatusCode::kAlreadyExists:
      return "ALREADY_EXISTS";
    case absl::StatusCode::kPermissionDenied:
      return "PERMISSION_DENIED";
    case absl::StatusCode::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case absl::StatusCode::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case absl::StatusCode::kAborted:
      return "ABORTED";
    case absl::StatusCode::kOutOfRange:
      return "OUT_OF_RANGE";
    case absl::StatusCode::kUnimplemented:
      return "NOT_SERVED_YET";
    case absl::StatusCode::kUnavailable:
      return "UNAVAILABLE";
    case absl::StatusCode::kDataLoss:
      return "DATA_LOSS";
    case absl::StatusCode::kUnauthenticated:
      return "UNAUTHENTICATED";
    default:
      return "INTERNAL";
  }
}

bool IsPresentableCode(absl::StatusCode code) {
  return code != absl::StatusCode::kUnknown &&
         code != absl::StatusCode::kInternal && static_cast<int>(code) >= 0 &&
         static_cast<int>(code) <= 16;
}

// Length of the UTF-8 sequence at the start of `text`; 0 if there is none.
// Overlong forms and surrogates are refused as well, as decoders do.
size_t SequenceLength(absl::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t length = lead < 0x80             ? 1
                        : (lead & 0xe0) == 0xc0 ? 2
                        : (lead & 0xf0) == 0xe0 ? 3
                        : (lead & 0xf8) == 0xf0 ? 4
                                                : 0;
  if (length > text.size()) return 0;
  uint32_t point = length == 1 ? lead : lead & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0) != 0x80) return 0;
    point = point << 6 | (byte & 0x3fu);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  if (point < kLeast[length] || point > 0x10ffff || surrogate) return 0;
  return length;
}

// `text` with '?' for every byte that is not UTF-8, which would make the
// details undecodable.
std::string Utf8Only(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = SequenceLength(text);
    if (length == 0) {
      out += '?';
      text.remove_prefix(1);
    } else {
      out.append(text.data(), length);
      text.remove_prefix(length);
    }
  }
  return out;
}

// gRPC sends bytes outside printable ASCII, and '%', as three each.
std::string BoundedMessage(absl::string_view any_message) {
  std::string message = Utf8Only(any_message.substr(0, 4096));
  constexpr size_t kMaxEncodedBytes = kMaxErrorMessageBytes + 256;
  size_t encoded = 0;
  size_t size = 0;
  for (; size < message.size() && size < kMaxErrorMessageBytes; ++size) {
    const auto byte = static_cast<unsigned char>(message[size]);
    encoded += (byte < 0x20 || byte > 0x7e || byte == '%') ? 3 : 1;
    if (encoded > kMaxEncodedBytes) break;
  }
  if (size == message.size()) return message;
  size = size > 3 ? size - 3 : 0;
  while (size > 0 &&
         (static_cast<unsigned char>(message[size]) & 0xc0) == 0x80) {
    --size;
  }
  return absl::StrCat(absl::string_view(message).substr(0, size), "...");
}

v1::BadRequest BadRequestOf(const Violations& violations) {
  v1::BadRequest details;
  size_t bytes = 0;
  for (const Violation& violation : violations.kept()) {
    v1::BadRequest::FieldViolation one;
    one.set_field(Printable(violation.field));
    one.set_description(violation.value.empty()
                            ? Printable(violation.rule)
                            : Printable(absl::StrCat(violation.rule, "; got ",
                                                     violation.value)));
    bytes += one.ByteSizeLong() + 4;
    const int listed = details.field_violations_size();
    if (listed >= kMaxFieldViolations) break;
    if (listed > 0 && bytes > kMaxBadRequestBytes) break;
    *details.add_field_violations() = std::move(one);
  }
  return details;
}

}  // namespace

absl::Status WithErrorInfo(absl::Status status, absl::string_view reason,
                           const ErrorMetadata& metadata) {
  if (status.ok() || status.GetPayload(kErrorInfo).has_value()) return status;
  v1::ErrorInfo info;
  info.set_reason(std::string(reason.substr(0, 63)));
  info.set_domain(std::string(kErrorDomain));
  constexpr size_t kMaxValueBytes = 128;
  for (const auto& [key, value] : metadata) {
    (*info.mutable_metadata())[key] =
        Printable(absl::string_view(value).substr(0, kMaxValueBytes));
  }
  SetDetail(status, kErrorInfo, info);
  return status;
}

absl::Status InvalidRequestError(const Violations& violations) {
  absl::Status status = violations.ToStatus();
  if (status.ok()) return status;
  const v1::BadRequest details = BadRequestOf(violations);
  SetDetail(status, kBadRequest, details);
  return WithErrorInfo(
      std::move(status), "INVALID_REQUEST",
      {{"violation_count", absl::StrCat(violations.count())},
       {"violations_listed", absl::StrCat(details.field_violations_size())}});
}

absl::Status InvalidFieldError(absl::string_view field, absl::string_view rule,
                               absl::string_view value) {
  Violations violations;
  violations.Add(FieldPath(field), rule, value);
  return InvalidRequestError(violations);
}

absl::Status ExtrapolationRefusedError(absl::string_view field,
                                       absl::string_view rule) {
  absl::Status status = absl::OutOfRangeError(rule);
  v1::BadRequest details;
  v1::BadRequest::FieldViolation* violation = details.add_field_violations();
  violation->set_field(Printable(field));
  violation->set_description(Printable(rule.substr(0, 512)));
  SetDetail(status, kBadRequest, details);
  return WithErrorInfo(std::move(status), "EXTRAPOLATION_REFUSED");
}

absl::Status ResourceNotFoundError(absl::string_view resource_type,
                                   absl::string_view resource_name) {
  return WithErrorInfo(
      WithResourceInfo(absl::NotFoundError(
                           absl::StrCat(Printable(resource_name.substr(0, 128)),
                                        " does not exist on this server")),
                       resource_type, resource_name),
      "NOT_FOUND", {{"resource_name", std::string(resource_name)}});
}

absl::Status WithResourceInfo(absl::Status status,
                              absl::string_view resource_type,
                              absl::string_view resource_name) {
  v1::ResourceInfo info;
  info.set_resource_type(std::string(resource_type));
  info.set_resource_name(Printable(resource_name.substr(0, 128)));
  info.set_description(
      Printable(absl::string_view(status.message()).substr(0, 256)));
  SetDetail(status, kResourceInfo, info);
  return status;
}

absl::Status NotServedError(absl::string_view field,
                            absl::string_view sentence) {
  return WithErrorInfo(
      absl::UnimplementedError(absl::StrCat(field, ": ", sentence)),
      "NOT_SERVED_YET", {{"field", std::string(field)}});
}

absl::Status OverloadedError(absl::string_view call_class,
                             absl::Duration retry_delay) {
  absl::Status status = absl::ResourceExhaustedError(
      absl::StrCat("the server has as many ", call_class,
                   " calls as it takes; try again in ",
                   absl::ToInt64Milliseconds(retry_delay), " ms"));
  SetRetryInfo(status, retry_delay);
  return WithErrorInfo(std::move(status), "OVERLOADED",
                       {{"call_class", std::string(call_class)}});
}

absl::Status QuotaExceededError(absl::string_view subject,
                                absl::string_view rule, int64_t value) {
  absl::Status status = absl::ResourceExhaustedError(
      absl::StrCat(subject, " ", rule, "; got ", value));
  v1::QuotaFailure details;
  v1::QuotaFailure::Violation* violation = details.add_violations();
  violation->set_subject(std::string(subject));
  violation->set_description(absl::StrCat(rule, "; got ", value));
  SetDetail(status, kQuotaFailure, details);
  return WithErrorInfo(
      std::move(status), "QUOTA_EXCEEDED",
      {{"subject", std::string(subject)}, {"value", absl::StrCat(value)}});
}

absl::Status DrainingError() {
  absl::Status status = absl::UnavailableError(
      "the server is shutting down and takes no new work of this kind; try "
      "another replica, or again after the restart");
  SetRetryInfo(status, kComeBackAfterRestart);
  return WithErrorInfo(std::move(status), "DRAINING");
}

absl::Status AbortedByShutdownError() {
  absl::Status status = absl::AbortedError(
      "the server is shutting down and stopped the work; nothing was stored; "
      "try another replica, or again after the restart");
  SetRetryInfo(status, kComeBackAfterRestart);
  return WithErrorInfo(std::move(status), "SHUTTING_DOWN");
}

bool GetRetryDelay(const absl::Status& status, absl::Duration* delay) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kRetryInfo);
  v1::RetryInfo info;
  if (!payload.has_value() || !info.ParseFromString(std::string(*payload))) {
    return false;
  }
  *delay = absl::Seconds(info.retry_delay().seconds()) +
           absl::Nanoseconds(info.retry_delay().nanos());
  return true;
}

std::string ErrorReason(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kErrorInfo);
  v1::ErrorInfo info;
  if (!payload.has_value() || !info.ParseFromString(std::string(*payload))) {
    return "";
  }
  return info.reason();
}

absl::Status Presentable(const absl::Status& status,
                         absl::string_view correlation_id) {
  if (status.ok()) return status;
  if (!IsPresentableCode(status.code())) {
    return WithErrorInfo(
        absl::InternalError(absl::StrCat(
            "internal error; the server's log has it under correlation id ",
            correlation_id)),
        "INTERNAL", {{"correlation_id", std::string(correlation_id)}});
  }
  absl::Status bounded(status.code(), BoundedMessage(status.message()));
  status.ForEachPayload(
      [&bounded](absl::string_view type_url, const absl::Cord& payload) {
        bounded.SetPayload(type_url, payload);
      });
  return WithErrorInfo(std::move(bounded), StandardReason(status.code()));
}

}  // namespace moeplan::server
