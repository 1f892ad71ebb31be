#include "tests/testing/raw_call.h"

#include <vector>

#include "grpcpp/client_context.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"

namespace moeplan::testing {
namespace {

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  if (!buffer.Valid() || !buffer.Dump(&slices).ok()) return "";
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// The next event of the call; whether it went well.
bool Next(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool good = false;
  return queue.Next(&tag, &good) && good;
}

}  // namespace

RawAnswer CallRaw(const std::shared_ptr<grpc::Channel>& channel,
                  const std::string& method, const std::string& request,
                  absl::Duration timeout) {
  RawAnswer answer;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  context.set_wait_for_ready(false);
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(channel);
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  if (Next(queue)) {
    const grpc::Slice slice(request);
    call->Write(grpc::ByteBuffer(&slice, 1),
                grpc::WriteOptions().set_last_message(), nullptr);
    Next(queue);
    for (int taken = 0; !answer.left_stream; ++taken) {
      grpc::ByteBuffer buffer;
      call->Read(&buffer, nullptr);
      if (!Next(queue)) break;
      if (taken == 0) answer.message = BytesOf(buffer);
      if (taken == kMessagesTaken) {
        answer.left_stream = true;
        context.TryCancel();
      }
    }
  }
  call->Finish(&answer.status, nullptr);
  Next(queue);
  return answer;
}

ErrorDetails DecodeDetails(const grpc::Status& status) {
  ErrorDetails details;
  details.decoded = !status.error_details().empty() &&
                    details.status.ParseFromString(status.error_details());
  const auto take = [&details](const google::protobuf::Any& any,
                               const char* name, auto* message, bool* has) {
    if (any.type_url() != std::string("type.googleapis.com/google.rpc.") + name)
      return;
    *has = true;
    if (!message->ParseFromString(any.value())) details.decoded = false;
  };
  for (const google::protobuf::Any& any : details.status.details()) {
    take(any, "ErrorInfo", &details.error_info, &details.has_error_info);
    take(any, "BadRequest", &details.bad_request, &details.has_bad_request);
    take(any, "ResourceInfo", &details.resource_info,
         &details.has_resource_info);
    take(any, "RetryInfo", &details.retry_info, &details.has_retry_info);
  }
  return details;
}

}  // namespace moeplan::testing
