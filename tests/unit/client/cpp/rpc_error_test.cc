#include "client/cpp/rpc_error.h"

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/cpp/request_id.h"
#include "grpcpp/support/status.h"
#include "gtest/gtest.h"
#include "moeplan/v1/error_details.pb.h"

namespace moeplan::client {
namespace {

void AddDetail(const char* name, const google::protobuf::Message& detail,
               v1::ErrorStatus& status) {
  google::protobuf::Any* any = status.add_details();
  any->set_type_url(std::string("type.googleapis.com/google.rpc.") + name);
  any->set_value(detail.SerializeAsString());
}

// RFC 4122: version 4 and the variant with bits 10, in lower case.
bool IsUuidOfVersion4(const std::string& id) {
  const std::string form = "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx";
  if (id.size() != form.size()) return false;
  for (size_t i = 0; i < form.size(); ++i) {
    const std::string allowed = form[i] == 'x'   ? "0123456789abcdef"
                                : form[i] == 'v' ? "89ab"
                                                 : std::string(1, form[i]);
    if (allowed.find(id[i]) == std::string::npos) return false;
  }
  return true;
}

TEST(RpcErrorTest, DecodesEveryDetailOfAServerError) {
  v1::ErrorStatus details;
  v1::ErrorInfo info;
  info.set_reason("INVALID_REQUEST");
  info.set_domain("moeplan");
  (*info.mutable_metadata())["violation_count"] = "23";
  AddDetail("ErrorInfo", info, details);
  v1::BadRequest bad_request;
  auto* violation = bad_request.add_field_violations();
  violation->set_field("budget.train_flops");
  violation->set_description("must be finite and > 0; got -1");
  AddDetail("BadRequest", bad_request, details);
  v1::RetryInfo retry;
  retry.mutable_retry_delay()->set_nanos(250000000);
  AddDetail("RetryInfo", retry, details);
  v1::ResourceInfo resource;
  resource.set_resource_name("coefficientSets/joint-2025");
  AddDetail("ResourceInfo", resource, details);

  const RpcError error = DecodeRpcError(ToAbslStatus(
      grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "1 field is wrong",
                   details.SerializeAsString())));

  EXPECT_EQ(error.code, absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(error.message, "1 field is wrong");
  EXPECT_EQ(error.reason, "INVALID_REQUEST");
  ASSERT_EQ(error.field_violations.size(), 1u);
  EXPECT_EQ(error.field_violations[0].field, "budget.train_flops");
  EXPECT_EQ(error.field_violations[0].description,
            "must be finite and > 0; got -1");
  EXPECT_EQ(error.field_violation_count, 23);
  EXPECT_EQ(error.retry_delay, absl::Milliseconds(250));
  EXPECT_EQ(error.resource_name, "coefficientSets/joint-2025");
}

TEST(RpcErrorTest, AnErrorWithoutDetailsKeepsCodeAndMessage) {
  const RpcError error = DecodeRpcError(ToAbslStatus(
      grpc::Status(grpc::StatusCode::UNAVAILABLE, "no connection")));
  EXPECT_EQ(error.code, absl::StatusCode::kUnavailable);
  EXPECT_EQ(error.message, "no connection");
  EXPECT_TRUE(error.reason.empty());
  EXPECT_TRUE(error.field_violations.empty());
  EXPECT_FALSE(error.retry_delay.has_value());
}

TEST(RpcErrorTest, GarbageInTheTrailerIsLeftOut) {
  const RpcError error = DecodeRpcError(ToAbslStatus(grpc::Status(
      grpc::StatusCode::INTERNAL, "broken", "\xff\xff not a message")));
  EXPECT_EQ(error.message, "broken");
  EXPECT_TRUE(error.metadata.empty());
}

TEST(RpcErrorTest, AnOversizedMessageIsNoOverload) {
  // The library itself raises RESOURCE_EXHAUSTED, without details.
  EXPECT_FALSE(DecodeRpcError(ToAbslStatus(grpc::Status(
                                  grpc::StatusCode::RESOURCE_EXHAUSTED,
                                  "Received message larger than max")))
                   .IsOverload());
}

TEST(RequestIdTest, IdsAreRandomUuidsOfVersion4) {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = NewRequestId();
    ASSERT_TRUE(IsUuidOfVersion4(id)) << id;
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 1000u);
}

}  // namespace
}  // namespace moeplan::client
