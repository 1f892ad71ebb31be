#ifndef MOEPLAN_TESTING_RAW_CALL_H_
#define MOEPLAN_TESTING_RAW_CALL_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "grpcpp/support/status.h"
#include "moeplan/v1/error_details.pb.h"

namespace moeplan::testing {

// How a call ended.
struct RawAnswer {
  grpc::Status status;
  // Bytes of the first message of the answer; empty where there was none.
  std::string message;
  // Whether the call was given up by CallRaw with messages still to come.
  bool left_stream = false;
};

// Calls `method` ("/package.Service/Method") with `request` as the bytes of its
// message, whatever they are. Of a streamed answer the first kMessagesTaken
// messages are taken, then the call is cancelled: a fit of a blink is seen to
// its end, one of minutes is left. Blocks; thread-safe.
inline constexpr int kMessagesTaken = 3;
RawAnswer CallRaw(const std::shared_ptr<grpc::Channel>& channel,
                  const std::string& method, const std::string& request,
                  absl::Duration timeout = absl::Seconds(30));

// The details of an error, by the messages' own decoders.
struct ErrorDetails {
  // Whether the trailer was there and every detail in it could be decoded.
  bool decoded = false;
  bool has_error_info = false;
  bool has_bad_request = false;
  bool has_resource_info = false;
  bool has_retry_info = false;
  v1::ErrorStatus status;
  v1::ErrorInfo error_info;
  v1::BadRequest bad_request;
  v1::ResourceInfo resource_info;
  v1::RetryInfo retry_info;
};
ErrorDetails DecodeDetails(const grpc::Status& status);

}  // namespace moeplan::testing

#endif  // MOEPLAN_TESTING_RAW_CALL_H_
