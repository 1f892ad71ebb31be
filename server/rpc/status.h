#ifndef MOEPLAN_SERVER_RPC_STATUS_H_
#define MOEPLAN_SERVER_RPC_STATUS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/violations.h"

namespace moeplan::server {

// Errors as this server sends them: an absl::Status whose payloads are the
// details, each under the type URL of its google.rpc original, so that
// ToGrpcStatus (grpc_status.h) only has to pack them.

// Bounds of everything that leaves with an error; gRPC 1.51 loses details when
// all trailers together pass 8 KiB.
inline constexpr size_t kMaxErrorDetailBytes = 4096;
inline constexpr size_t kMaxErrorMessageBytes = 1024;
inline constexpr int kMaxFieldViolations = 20;

inline constexpr absl::string_view kErrorDomain = "moeplan";

using ErrorMetadata = std::vector<std::pair<std::string, std::string>>;

// Adds ErrorInfo, unless `status` has one. `reason` is UPPER_SNAKE_CASE.
absl::Status WithErrorInfo(absl::Status status, absl::string_view reason,
                           const ErrorMetadata& metadata = {});

// INVALID_ARGUMENT with BadRequest; OK if there are no violations. Reason
// INVALID_REQUEST, metadata "violation_count" and "violations_listed".
absl::Status InvalidRequestError(const Violations& violations);

// The same for one field.
absl::Status InvalidFieldError(absl::string_view field, absl::string_view rule,
                               absl::string_view value = "");

// OUT_OF_RANGE saying `rule`, also as the BadRequest violation of `field`:
// reason EXTRAPOLATION_REFUSED.
absl::Status ExtrapolationRefusedError(absl::string_view field,
                                       absl::string_view rule);

// `resource_type` is a full message name, "moeplan.v1.CoefficientSet".
absl::Status ResourceNotFoundError(absl::string_view resource_type,
                                   absl::string_view resource_name);

// Adds ResourceInfo to an ALREADY_EXISTS, DATA_LOSS or FAILED_PRECONDITION.
absl::Status WithResourceInfo(absl::Status status,
                              absl::string_view resource_type,
                              absl::string_view resource_name);

// UNIMPLEMENTED, reason NOT_SERVED_YET: `field` is valid, but this server does
// not serve it yet; `sentence` says what is not served and what is.
absl::Status NotServedError(absl::string_view field,
                            absl::string_view sentence);

// RESOURCE_EXHAUSTED with RetryInfo, reason OVERLOADED.
absl::Status OverloadedError(absl::string_view call_class,
                             absl::Duration retry_delay);

// RESOURCE_EXHAUSTED with QuotaFailure about `subject` and without RetryInfo,
// for time alone does not help: reason QUOTA_EXCEEDED. `rule` as in a
// violation, `value` what was asked for.
absl::Status QuotaExceededError(absl::string_view subject,
                                absl::string_view rule, int64_t value);

// UNAVAILABLE with RetryInfo, reason DRAINING.
absl::Status DrainingError();

// ABORTED with RetryInfo, reason SHUTTING_DOWN.
absl::Status AbortedByShutdownError();

// Whether `status` carries RetryInfo, and its delay.
bool GetRetryDelay(const absl::Status& status, absl::Duration* delay);

// The reason in the ErrorInfo of `status`; empty if it has none.
std::string ErrorReason(const absl::Status& status);

// `status` as it may leave: every error has an ErrorInfo, UNKNOWN and what only
// speaks to us (INTERNAL) become INTERNAL without inner texts and with
// `correlation_id` to find the log line by; the message is bounded.
absl::Status Presentable(const absl::Status& status,
                         absl::string_view correlation_id);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_RPC_STATUS_H_
