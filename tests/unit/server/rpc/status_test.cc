#include "server/rpc/status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "moeplan/v1/error_details.pb.h"
#include "server/rpc/grpc_status.h"

namespace moeplan::server {
namespace {

using ::testing::HasSubstr;

// The details by the last part of their type URL.
std::map<std::string, std::string> Details(const grpc::Status& status) {
  v1::ErrorStatus error;
  EXPECT_TRUE(error.ParseFromString(status.error_details()));
  EXPECT_EQ(error.code(), static_cast<int>(status.error_code()));
  EXPECT_EQ(error.message(), status.error_message());
  std::map<std::string, std::string> details;
  for (const auto& any : error.details()) {
    const std::string prefix = "type.googleapis.com/google.rpc.";
    EXPECT_TRUE(absl::StartsWith(any.type_url(), prefix)) << any.type_url();
    EXPECT_TRUE(
        details.emplace(any.type_url().substr(prefix.size()), any.value())
            .second);
  }
  return details;
}

grpc::Status Sent(const absl::Status& status) {
  return ToGrpcStatus(Presentable(status, "0123456789abcdef"));
}

// As gRPC sends it: bytes that are no printable ASCII, and %, take three.
size_t EncodedMessageBytes(const grpc::Status& status) {
  size_t bytes = 0;
  for (const char c : status.error_message()) {
    bytes += (c < 0x20 || c > 0x7e || c == '%') ? 3 : 1;
  }
  return bytes;
}

TEST(StatusTest, EveryCodeLeavesWithAnErrorInfoAndUnknownDoesNotLeave) {
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status sent =
        Sent(absl::Status(static_cast<absl::StatusCode>(code), "why"));
    EXPECT_NE(sent.error_code(), grpc::StatusCode::UNKNOWN);
    if (code != 2) {
      EXPECT_EQ(static_cast<int>(sent.error_code()), code);
    }
    v1::ErrorInfo info;
    ASSERT_TRUE(info.ParseFromString(Details(sent)["ErrorInfo"]));
    EXPECT_EQ(info.domain(), "moeplan");
    EXPECT_FALSE(info.reason().empty());
    EXPECT_LE(info.reason().size(), 63u);
    for (const char c : info.reason()) {
      EXPECT_TRUE((c >= 'A' && c <= 'Z') || c == '_') << info.reason();
    }
  }
  EXPECT_EQ(
      Sent(absl::Status(static_cast<absl::StatusCode>(99), "why")).error_code(),
      grpc::StatusCode::INTERNAL);
}

TEST(StatusTest, ViolationsComeWithPathRuleAndValue) {
  Violations violations;
  violations.AddNumber("runs.loss[3]", "must be finite and > 0", -1);
  const grpc::Status sent = Sent(InvalidRequestError(violations));
  EXPECT_EQ(sent.error_message(),
            "runs.loss[3] must be finite and > 0; got -1");
  v1::BadRequest bad;
  ASSERT_TRUE(bad.ParseFromString(Details(sent)["BadRequest"]));
  ASSERT_EQ(bad.field_violations_size(), 1);
  EXPECT_EQ(bad.field_violations(0).field(), "runs.loss[3]");
  EXPECT_EQ(bad.field_violations(0).description(),
            "must be finite and > 0; got -1");
}

// gRPC 1.51 loses the details when all trailers pass 8 KiB; the binary one
// travels in base64.
TEST(StatusTest, EverythingFitsAtTheCap) {
  for (const std::string& filler :
       {std::string("x"), std::string("%"), std::string("\xc3\xa9"),
        std::string("\n")}) {
    Violations violations;
    std::string field = "field";
    while (field.size() < 120) field += filler;
    for (int i = 0; i < 1000; ++i) {
      violations.Add(absl::StrCat(field, "[", i, "]"), "must be right",
                     std::string(200, 'v'));
    }
    const grpc::Status sent = Sent(InvalidRequestError(violations));
    const size_t trailers =
        EncodedMessageBytes(sent) + (sent.error_details().size() + 2) / 3 * 4;
    EXPECT_LE(sent.error_details().size(), kMaxErrorDetailBytes);
    EXPECT_LE(trailers, 7900u) << filler;
    v1::BadRequest bad;
    ASSERT_TRUE(bad.ParseFromString(Details(sent)["BadRequest"]));
    EXPECT_GE(bad.field_violations_size(), 5);
    EXPECT_LE(bad.field_violations_size(), kMaxFieldViolations);
    v1::ErrorInfo info;
    ASSERT_TRUE(info.ParseFromString(Details(sent)["ErrorInfo"]));
    EXPECT_EQ(info.metadata().at("violation_count"), "1000");
    EXPECT_EQ(info.metadata().at("violations_listed"),
              absl::StrCat(bad.field_violations_size()));
  }
}

TEST(StatusTest, AtMostTwentyViolationsAreListed) {
  Violations violations;
  for (int i = 0; i < 50; ++i) {
    violations.Add(absl::StrCat("f[", i, "]"), "wrong");
  }
  v1::BadRequest bad;
  ASSERT_TRUE(bad.ParseFromString(
      Details(Sent(InvalidRequestError(violations)))["BadRequest"]));
  EXPECT_EQ(bad.field_violations_size(), 20);
}

TEST(StatusTest, LongMessagesAreCutBetweenCharacters) {
  std::string text;
  while (text.size() < 5000) text += "\xe2\x82\xac";  // the euro sign
  const grpc::Status sent = Sent(absl::NotFoundError(text));
  EXPECT_LE(EncodedMessageBytes(sent), 1400u);
  ASSERT_GT(sent.error_message().size(), 100u);
  const std::string& cut = sent.error_message();
  EXPECT_EQ(cut.substr(cut.size() - 3), "...");
  EXPECT_EQ((cut.size() - 3) % 3, 0u);
}

TEST(StatusTest, InternalTextsStayInside) {
  for (const absl::Status& status :
       {absl::InternalError("SQLite: no such table /var/lib"),
        absl::UnknownError("secret")}) {
    const grpc::Status sent = Sent(status);
    EXPECT_EQ(sent.error_code(), grpc::StatusCode::INTERNAL);
    EXPECT_THAT(sent.error_message(), HasSubstr("0123456789abcdef"));
    EXPECT_EQ(sent.error_details().find("SQLite"), std::string::npos);
    EXPECT_EQ(sent.error_details().find("secret"), std::string::npos);
  }
}

TEST(StatusTest, OverloadAndDrainingSayWhenToComeBack) {
  absl::Duration delay;
  ASSERT_TRUE(GetRetryDelay(OverloadedError("search", absl::Milliseconds(1250)),
                            &delay));
  EXPECT_EQ(delay, absl::Milliseconds(1250));
  EXPECT_TRUE(GetRetryDelay(DrainingError(), &delay));
  EXPECT_TRUE(GetRetryDelay(AbortedByShutdownError(), &delay));
  EXPECT_FALSE(GetRetryDelay(absl::NotFoundError("x"), &delay));
  v1::RetryInfo retry;
  ASSERT_TRUE(retry.ParseFromString(
      Details(Sent(OverloadedError("fit", absl::Seconds(3))))["RetryInfo"]));
  EXPECT_EQ(retry.retry_delay().seconds(), 3);
}

// Waiting does not help, so nothing says when to come back.
TEST(StatusTest, AQuotaNamesItsLimitAndWhatWasAskedFor) {
  const absl::Status status =
      QuotaExceededError("calibrations", "must be at most 2", 3);
  absl::Duration delay;
  EXPECT_FALSE(GetRetryDelay(status, &delay));
  const grpc::Status sent = Sent(status);
  EXPECT_EQ(sent.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(sent.error_message(), "calibrations must be at most 2; got 3");
  v1::QuotaFailure quota;
  ASSERT_TRUE(quota.ParseFromString(Details(sent)["QuotaFailure"]));
  ASSERT_EQ(quota.violations_size(), 1);
  EXPECT_EQ(quota.violations(0).subject(), "calibrations");
  EXPECT_EQ(quota.violations(0).description(), "must be at most 2; got 3");
}

TEST(StatusTest, MissingResourceIsNamed) {
  v1::ResourceInfo info;
  ASSERT_TRUE(info.ParseFromString(Details(Sent(ResourceNotFoundError(
      "moeplan.v1.CoefficientSet", "coefficientSets/x")))["ResourceInfo"]));
  EXPECT_EQ(info.resource_type(), "moeplan.v1.CoefficientSet");
  EXPECT_EQ(info.resource_name(), "coefficientSets/x");
}

TEST(StatusTest, BytesThatAreNotUtf8DoNotBreakTheDetails) {
  const grpc::Status sent =
      Sent(InvalidFieldError("name", "must be a name", "\xff\xfe\x80"));
  EXPECT_EQ(Details(sent).count("BadRequest"), 1u);
}

}  // namespace
}  // namespace moeplan::server
