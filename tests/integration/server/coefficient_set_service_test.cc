// CoefficientSetService over gRPC: immutability, idempotency, paging, and the
// codes that the proto's comments list.

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "moeplan/v1/coefficient_set.grpc.pb.h"
#include "tests/integration/server/in_process_server.h"
#include "tests/testing/raw_call.h"

namespace moeplan::server {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::moeplan::testing::DecodeDetails;
using ::moeplan::testing::ErrorDetails;
using ::testing::HasSubstr;

constexpr char kRequestId[] = "5c1a9a5e-6a9e-4f0e-9d5b-3f6b6f1f7c11";

class CoefficientSetServiceTest : public ::testing::Test {
 protected:
  CoefficientSetServiceTest()
      : stub_(v1::CoefficientSetService::NewStub(server_.channel())) {}

  grpc::Status Get(const std::string& name) {
    grpc::ClientContext context;
    v1::GetCoefficientSetRequest request;
    request.set_name(name);
    v1::GetCoefficientSetResponse response;
    grpc::Status status =
        stub_->GetCoefficientSet(&context, request, &response);
    set_ = response.coefficient_set();
    return status;
  }
  grpc::Status Create(const v1::CreateCoefficientSetRequest& request) {
    grpc::ClientContext context;
    v1::CreateCoefficientSetResponse response;
    grpc::Status status =
        stub_->CreateCoefficientSet(&context, request, &response);
    set_ = response.coefficient_set();
    return status;
  }
  grpc::Status Delete(const std::string& name,
                      const std::string& request_id = "") {
    grpc::ClientContext context;
    v1::DeleteCoefficientSetRequest request;
    request.set_name(name);
    request.set_request_id(request_id);
    v1::DeleteCoefficientSetResponse response;
    return stub_->DeleteCoefficientSet(&context, request, &response);
  }
  grpc::Status List(const v1::ListCoefficientSetsRequest& request) {
    grpc::ClientContext context;
    page_.Clear();
    return stub_->ListCoefficientSets(&context, request, &page_);
  }

  // The published dense set under another id.
  v1::CreateCoefficientSetRequest Copy(const std::string& id) {
    EXPECT_TRUE(Get("coefficientSets/chinchilla-2024-besiroglu").ok());
    v1::CreateCoefficientSetRequest request;
    request.set_coefficient_set_id(id);
    *request.mutable_coefficient_set() = set_;
    return request;
  }

  InProcessServer server_;
  std::unique_ptr<v1::CoefficientSetService::Stub> stub_;
  v1::CoefficientSet set_;
  v1::ListCoefficientSetsResponse page_;
};

TEST_F(CoefficientSetServiceTest, CopyOfAPublishedSetAnswersAlike) {
  const v1::CreateCoefficientSetRequest request = Copy("mine");
  const std::string published_checksum = set_.checksum();
  ASSERT_TRUE(Create(request).ok());
  EXPECT_EQ(set_.name(), "coefficientSets/mine");
  EXPECT_EQ(set_.checksum(), published_checksum);
  EXPECT_FALSE(set_.published());
  EXPECT_GT(set_.create_time().seconds(), 0);
  const v1::CoefficientSet created = set_;
  ASSERT_TRUE(Get("coefficientSets/mine").ok());
  EXPECT_TRUE(MessageDifferencer::Equals(created, set_));
}

TEST_F(CoefficientSetServiceTest, RepeatedCreateReturnsTheFirstAnswer) {
  v1::CreateCoefficientSetRequest request = Copy("mine");
  request.set_request_id(kRequestId);
  ASSERT_TRUE(Create(request).ok());
  const v1::CoefficientSet first = set_;
  ASSERT_TRUE(Create(request).ok());
  EXPECT_TRUE(MessageDifferencer::Equals(first, set_));

  request.mutable_coefficient_set()->add_caveats("another body");
  const grpc::Status reused = Create(request);
  EXPECT_EQ(reused.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(DecodeDetails(reused).error_info.reason(), "REQUEST_ID_REUSED");
}

TEST_F(CoefficientSetServiceTest, TakenIdsAreRefused) {
  for (const char* id : {"joint-2025", "mine"}) {
    v1::CreateCoefficientSetRequest request = Copy(id);
    (void)Create(request);
    const grpc::Status taken = Create(request);
    EXPECT_EQ(taken.error_code(), grpc::StatusCode::ALREADY_EXISTS);
    EXPECT_EQ(DecodeDetails(taken).error_info.reason(), "SET_EXISTS");
    EXPECT_EQ(DecodeDetails(taken).resource_info.resource_name(),
              absl::StrCat("coefficientSets/", id));
  }
}

TEST_F(CoefficientSetServiceTest, BadSetsAreRefusedWithPaths) {
  v1::CreateCoefficientSetRequest request = Copy("Bad Id");
  v1::CoefficientSet* set = request.mutable_coefficient_set();
  set->mutable_coefficients(0)->set_value(
      std::numeric_limits<double>::quiet_NaN());
  set->mutable_convention()->set_loss_unit(v1::LOSS_UNIT_UNSPECIFIED);
  request.set_request_id("not a uuid");
  const grpc::Status status = Create(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const ErrorDetails details = DecodeDetails(status);
  std::vector<std::string> fields;
  for (const auto& violation : details.bad_request.field_violations()) {
    fields.push_back(violation.field());
  }
  EXPECT_THAT(fields, ::testing::IsSupersetOf(
                          {"coefficient_set_id", "request_id",
                           "coefficient_set.coefficients[0].value",
                           "coefficient_set.convention.loss_unit"}));
}

TEST_F(CoefficientSetServiceTest, DeletingIsIdempotentAndIdsStayRetired) {
  ASSERT_TRUE(Create(Copy("mine")).ok());
  ASSERT_TRUE(Delete("coefficientSets/mine", kRequestId).ok());
  ASSERT_TRUE(Delete("coefficientSets/mine", kRequestId).ok());
  EXPECT_EQ(Get("coefficientSets/mine").error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Delete("coefficientSets/mine").error_code(),
            grpc::StatusCode::NOT_FOUND);
  v1::CreateCoefficientSetRequest other = Copy("mine");
  other.mutable_coefficient_set()->mutable_coefficients(0)->set_value(
      1.01 * other.coefficient_set().coefficients(0).value());
  EXPECT_EQ(Create(other).error_code(), grpc::StatusCode::ALREADY_EXISTS);
}

TEST_F(CoefficientSetServiceTest, PublishedAndDefaultSetsStay) {
  const grpc::Status published =
      Delete("coefficientSets/fine-grained-2024-e16");
  EXPECT_EQ(published.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(DecodeDetails(published).error_info.reason(), "SET_PUBLISHED");
  const grpc::Status standard = Delete("coefficientSets/joint-2025");
  EXPECT_EQ(standard.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_TRUE(Get("coefficientSets/joint-2025").ok());
}

TEST_F(CoefficientSetServiceTest, MalformedNamesAreInvalid) {
  for (const char* name :
       {"", "joint-2025", "coefficientSets/", "coefficientSets/UPPER",
        "coefficientSets/a/b", "calibrations/joint-2025"}) {
    EXPECT_EQ(Get(name).error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << name;
    EXPECT_EQ(Delete(name).error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << name;
  }
}

// AIP-158; twice the largest page, so that the cap is passed.
TEST_F(CoefficientSetServiceTest, PagesVisitEverySetOnce) {
  const v1::CreateCoefficientSetRequest copy = Copy("x");
  constexpr int kSets = 1000;
  for (int i = 0; i < kSets; ++i) {
    v1::CreateCoefficientSetRequest request = copy;
    request.set_coefficient_set_id(absl::StrCat("set-", i));
    ASSERT_TRUE(Create(request).ok());
  }
  for (const int page_size : {0, 7, 1000}) {
    const int largest = page_size == 0 ? 50 : std::min(page_size, 500);
    v1::ListCoefficientSetsRequest request;
    request.set_page_size(page_size);
    std::vector<std::string> names;
    do {
      ASSERT_TRUE(List(request).ok());
      EXPECT_LE(page_.coefficient_sets_size(), largest);
      EXPECT_GT(page_.coefficient_sets_size(), 0);
      for (const auto& set : page_.coefficient_sets()) {
        if (!names.empty()) {
          EXPECT_LT(names.back(), set.name());
        }
        names.push_back(set.name());
      }
      request.set_page_token(page_.next_page_token());
    } while (!page_.next_page_token().empty());
    EXPECT_EQ(names.size(), size_t{kSets + 7});
  }
}

TEST_F(CoefficientSetServiceTest, TokensBelongToTheirArguments) {
  v1::ListCoefficientSetsRequest request;
  request.set_page_size(2);
  ASSERT_TRUE(List(request).ok());
  ASSERT_FALSE(page_.next_page_token().empty());
  request.set_page_token(page_.next_page_token());
  request.set_page_size(3);  // may change
  EXPECT_TRUE(List(request).ok());
  request.set_family("joint");
  EXPECT_EQ(List(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  for (const char* token : {"made-up", "!!!", "AAAAAAAAAAAAAAAAAAAAAAAA"}) {
    v1::ListCoefficientSetsRequest bad;
    bad.set_page_token(token);
    const grpc::Status status = List(bad);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr("page_token"));
  }
}

TEST_F(CoefficientSetServiceTest, FiltersLeaveTheOthersOut) {
  ASSERT_TRUE(Create(Copy("mine")).ok());
  v1::ListCoefficientSetsRequest request;
  request.set_family("fine_grained");
  ASSERT_TRUE(List(request).ok());
  EXPECT_EQ(page_.coefficient_sets_size(), 4);  // the dense one is of "dense"
  request.clear_family();
  request.set_published_only(true);
  ASSERT_TRUE(List(request).ok());
  EXPECT_EQ(page_.coefficient_sets_size(), 7);
  request.set_family("no-such-family");
  EXPECT_EQ(List(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  v1::ListCoefficientSetsRequest negative;
  negative.set_page_size(-1);
  EXPECT_EQ(List(negative).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

}  // namespace
}  // namespace moeplan::server
