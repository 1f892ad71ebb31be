// CalibrationService over gRPC: immutability, idempotency, paging, models of
// time, and the codes that the proto's comments list.

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "moeplan/v1/calibration.grpc.pb.h"
#include "server/convert/calibration_convert.h"
#include "tests/integration/server/in_process_server.h"
#include "tests/testing/made_up_calibration.h"
#include "tests/testing/raw_call.h"

namespace moeplan::server {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::moeplan::testing::DecodeDetails;
using ::moeplan::testing::ErrorDetails;
using ::moeplan::testing::MadeUpCalibration;
using ::moeplan::testing::MadeUpDevice;
using ::moeplan::testing::MadeUpMeasurement;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr char kRequestId[] = "5c1a9a5e-6a9e-4f0e-9d5b-3f6b6f1f7c11";

v1::CreateCalibrationRequest Request(
    const std::string& id, const Calibration& calibration = MadeUpCalibration(),
    const std::string& request_id = "") {
  v1::CreateCalibrationRequest request;
  request.set_calibration_id(id);
  request.set_request_id(request_id);
  CalibrationToWire(calibration, /*with_measurements=*/true,
                    request.mutable_calibration());
  return request;
}

// One product and one copy, in a number format.
Calibration SmallCalibration(const std::string& product,
                             const std::string& dtype) {
  Calibration calibration = MadeUpDevice();
  calibration.device.product = product;
  calibration.measurements = {MadeUpMeasurement(Gemm{512, 512, 512}, dtype),
                              MadeUpMeasurement(Copy{1 << 20}, dtype)};
  return calibration;
}

class CalibrationServiceTest : public ::testing::Test {
 protected:
  CalibrationServiceTest()
      : stub_(v1::CalibrationService::NewStub(server_.channel())) {}

  grpc::Status Create(const v1::CreateCalibrationRequest& request) {
    grpc::ClientContext context;
    created_.Clear();
    return stub_->CreateCalibration(&context, request, &created_);
  }
  grpc::Status Get(const std::string& name) {
    grpc::ClientContext context;
    // Sanitizers on a busy machine take longer than the server gives of itself.
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Minutes(2)));
    v1::GetCalibrationRequest request;
    request.set_name(name);
    got_.Clear();
    return stub_->GetCalibration(&context, request, &got_);
  }
  grpc::Status List(const v1::ListCalibrationsRequest& request) {
    grpc::ClientContext context;
    page_.Clear();
    return stub_->ListCalibrations(&context, request, &page_);
  }
  grpc::Status Delete(const std::string& name,
                      const std::string& request_id = "") {
    grpc::ClientContext context;
    v1::DeleteCalibrationRequest request;
    request.set_name(name);
    request.set_request_id(request_id);
    v1::DeleteCalibrationResponse response;
    return stub_->DeleteCalibration(&context, request, &response);
  }

  // All names that `request` lists, page by page.
  std::vector<std::string> Names(v1::ListCalibrationsRequest request) {
    std::vector<std::string> names;
    do {
      const grpc::Status status = List(request);
      EXPECT_TRUE(status.ok()) << status.error_message();
      for (const v1::Calibration& one : page_.calibrations()) {
        names.push_back(one.name());
      }
      request.set_page_token(page_.next_page_token());
    } while (!page_.next_page_token().empty());
    return names;
  }
  std::vector<std::string> Names(const std::string& product,
                                 const std::string& dtype) {
    v1::ListCalibrationsRequest request;
    request.set_product(product);
    request.set_dtype(dtype);
    return Names(request);
  }

  InProcessServer server_;
  std::unique_ptr<v1::CalibrationService::Stub> stub_;
  v1::CreateCalibrationResponse created_;
  v1::GetCalibrationResponse got_;
  v1::ListCalibrationsResponse page_;
};

TEST_F(CalibrationServiceTest, WhatWasMeasuredComesBack) {
  const v1::CreateCalibrationRequest request = Request("mine");
  ASSERT_TRUE(Create(request).ok());
  const v1::Calibration& created = created_.calibration();
  EXPECT_EQ(created.name(), "calibrations/mine");
  EXPECT_EQ(created.checksum().size(), 64u);
  EXPECT_GT(created.create_time().seconds(), 0);
  EXPECT_EQ(created.measurements_size(), 0);

  ASSERT_TRUE(Get("calibrations/mine").ok());
  v1::Calibration got = got_.calibration();
  EXPECT_EQ(got.checksum(), created.checksum());
  got.clear_name();
  got.clear_checksum();
  got.clear_create_time();
  EXPECT_TRUE(MessageDifferencer::Equals(got, request.calibration()));

  v1::ListCalibrationsRequest all;
  ASSERT_TRUE(List(all).ok());
  ASSERT_EQ(page_.calibrations_size(), 1);
  EXPECT_TRUE(MessageDifferencer::Equals(page_.calibrations(0), created));
}

TEST_F(CalibrationServiceTest, ModelOfTimeIsDerivedFromTheMeasurements) {
  Calibration calibration = MadeUpCalibration();
  // Measured, but not enough for a model; and not passed at all.
  calibration.measurements.push_back(MadeUpMeasurement(Copy{1 << 20}, "f32"));
  Measurement skipped = MadeUpMeasurement(Copy{1 << 20}, "fp8");
  skipped.disposition = Disposition::kSkipped;
  skipped.timing.reset();
  calibration.measurements.push_back(skipped);
  ASSERT_TRUE(Create(Request("mine", calibration)).ok());
  ASSERT_TRUE(Get("calibrations/mine").ok());
  ASSERT_EQ(got_.time_models_size(), 2);
  const v1::DerivedTimeModel& bf16 = got_.time_models(0);
  EXPECT_EQ(bf16.dtype(), "bf16");
  ASSERT_TRUE(bf16.has_time_model());
  EXPECT_EQ(bf16.time_model().time_model_version(), kTimeModelVersion);
  EXPECT_EQ(bf16.time_model().block_count(), 2);
  EXPECT_GT(bf16.time_model().fits_size(), 5);
  const v1::DerivedTimeModel& f32 = got_.time_models(1);
  EXPECT_EQ(f32.dtype(), "f32");
  EXPECT_FALSE(f32.has_time_model());
  EXPECT_THAT(f32.no_model_reason(), HasSubstr("dense product"));

  // Fitted once, the same for ever.
  const v1::GetCalibrationResponse first = got_;
  ASSERT_TRUE(Get("calibrations/mine").ok());
  EXPECT_TRUE(MessageDifferencer::Equals(first, got_));
}

TEST_F(CalibrationServiceTest, TimesThatAdmitNoModelSayThat) {
  Calibration calibration = MadeUpDevice();
  calibration.peaks.clear();
  for (const double seconds : {1e-300, 1e300}) {
    for (const int64_t size : {64, 128}) {
      for (const Operation& operation :
           {Operation(Gemm{size, size, size}), Operation(Copy{size})}) {
        Measurement one = MadeUpMeasurement(operation);
        absl::StrAppend(&one.case_name, seconds);
        one.timing->median_seconds = seconds;
        one.timing->lower_seconds = seconds;
        one.timing->upper_seconds = seconds;
        calibration.measurements.push_back(one);
      }
    }
  }
  ASSERT_TRUE(Create(Request("mine", calibration)).ok());
  // Numbers or a reason, but no error of ours.
  const grpc::Status status = Get("calibrations/mine");
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(got_.time_models_size(), 1);
}

TEST_F(CalibrationServiceTest, ThousandsOfMeasurementsTravelInOneMessage) {
  Calibration calibration = MadeUpDevice();
  for (int64_t i = 0; i < 2000; ++i) {
    const int64_t size = 64 + i;
    calibration.measurements.push_back(
        MadeUpMeasurement(i % 2 == 0 ? Operation(Gemm{size, 2 * size, size})
                                     : Operation(Copy{1024 * size})));
  }
  const v1::CreateCalibrationRequest request = Request("big", calibration);
  const grpc::Status status = Create(request);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_TRUE(Get("calibrations/big").ok());
  EXPECT_EQ(got_.calibration().measurements_size(), 2000);
  EXPECT_TRUE(got_.time_models(0).has_time_model());
}

// A fit that takes seconds does not hold its thread for a caller who left: the
// call is over when it is logged.
TEST_F(CalibrationServiceTest, AFitEndsWithTheDeadlineOfItsCall) {
  Calibration calibration = MadeUpCalibration();
  for (int64_t i = 0; calibration.measurements.size() < 20000; ++i) {
    calibration.measurements.push_back(
        MadeUpMeasurement(Gemm{100 + i % 97, 200 + i, 300 + 7 * (i % 89)}));
  }
  const grpc::Status created = Create(Request("big", calibration));
  ASSERT_TRUE(created.ok()) << created.error_message();
  grpc::ClientContext context;
  const absl::Time asked = absl::Now();
  context.set_deadline(absl::ToChronoTime(asked + absl::Milliseconds(300)));
  v1::GetCalibrationRequest request;
  request.set_name("calibrations/big");
  EXPECT_EQ(stub_->GetCalibration(&context, request, &got_).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  while (server_.Log().find("GetCalibration") == std::string::npos &&
         absl::Now() < asked + absl::Minutes(1)) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  const absl::Duration took = absl::Now() - asked;
  std::cout << "stopped after " << took << "\n";
  EXPECT_THAT(server_.Log(), HasSubstr("DEADLINE_EXCEEDED"));
  // A step over 20,000 measurements takes milliseconds; sanitizers and a busy
  // machine make that more, and the whole fit with it.
  EXPECT_LT(took, absl::Seconds(3));
}

TEST_F(CalibrationServiceTest, RepeatedCreateReturnsTheFirstAnswer) {
  v1::CreateCalibrationRequest request =
      Request("mine", MadeUpCalibration(), kRequestId);
  ASSERT_TRUE(Create(request).ok());
  const v1::CreateCalibrationResponse first = created_;
  ASSERT_TRUE(Create(request).ok());
  EXPECT_TRUE(MessageDifferencer::Equals(first, created_));

  request.mutable_calibration()->add_coverage_gaps("another body");
  const grpc::Status reused = Create(request);
  EXPECT_EQ(reused.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(DecodeDetails(reused).error_info.reason(), "REQUEST_ID_REUSED");
}

TEST_F(CalibrationServiceTest, TakenIdsAreRefused) {
  ASSERT_TRUE(Create(Request("mine")).ok());
  const grpc::Status taken = Create(Request("mine"));
  EXPECT_EQ(taken.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(DecodeDetails(taken).error_info.reason(), "CALIBRATION_EXISTS");
  EXPECT_EQ(DecodeDetails(taken).resource_info.resource_name(),
            "calibrations/mine");
}

TEST_F(CalibrationServiceTest, AllFaultsAreSaidAtOnceWithTheirPaths) {
  v1::CreateCalibrationRequest request = Request("Bad Id");
  request.set_request_id("not a uuid");
  v1::Calibration& calibration = *request.mutable_calibration();
  calibration.mutable_device()->clear_product();
  calibration.mutable_measurements(0)->set_model_flops(1);
  // Four times the peak.
  v1::Timing* timing = calibration.mutable_measurements(26)->mutable_timing();
  timing->set_median_seconds(calibration.measurements(26).model_flops() / 8e11);
  timing->set_lower_seconds(timing->median_seconds());
  const grpc::Status status = Create(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const ErrorDetails details = DecodeDetails(status);
  std::vector<std::string> fields;
  for (const auto& violation : details.bad_request.field_violations()) {
    fields.push_back(violation.field());
  }
  EXPECT_THAT(fields,
              UnorderedElementsAre("calibration_id", "request_id",
                                   "calibration.device.product",
                                   "calibration.measurements[0].model_flops",
                                   "calibration.measurements[26].timing"));
  EXPECT_THAT(Names("", ""), ElementsAre());
}

TEST_F(CalibrationServiceTest, DeletingIsIdempotentAndIdsStayRetired) {
  ASSERT_TRUE(Create(Request("mine")).ok());
  ASSERT_TRUE(Delete("calibrations/mine", kRequestId).ok());
  ASSERT_TRUE(Delete("calibrations/mine", kRequestId).ok());
  EXPECT_EQ(Get("calibrations/mine").error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Delete("calibrations/mine").error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(Create(Request("mine", SmallCalibration("x", "f32"))).error_code(),
            grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_TRUE(Create(Request("mine")).ok());
}

TEST_F(CalibrationServiceTest, MalformedNamesAreInvalid) {
  for (const char* name : {"", "mine", "calibrations/", "calibrations/UPPER",
                           "calibrations/a/b", "coefficientSets/joint-2025"}) {
    EXPECT_EQ(Get(name).error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << name;
    EXPECT_EQ(Delete(name).error_code(), grpc::StatusCode::INVALID_ARGUMENT)
        << name;
  }
}

TEST_F(CalibrationServiceTest, ListsAreFilteredByProductAndFormat) {
  const std::pair<const char*, Calibration> all[] = {
      {"a", SmallCalibration("NVIDIA H200", "bf16")},
      {"b", SmallCalibration("NVIDIA H200", "f32")},
      {"c", SmallCalibration("NVIDIA H200 NVL", "bf16")},
  };
  for (const auto& [id, calibration] : all) {
    ASSERT_TRUE(Create(Request(id, calibration)).ok());
  }
  EXPECT_THAT(Names("nvidia h200", ""),
              UnorderedElementsAre("calibrations/a", "calibrations/b"));
  EXPECT_THAT(Names("", "bf16"),
              UnorderedElementsAre("calibrations/a", "calibrations/c"));
  EXPECT_THAT(Names("Nvidia H200", "f32"), ElementsAre("calibrations/b"));
  EXPECT_THAT(Names("NVIDIA", ""), ElementsAre());
  v1::ListCalibrationsRequest request;
  request.set_dtype("bfloat16");
  EXPECT_EQ(List(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  request.set_dtype("");
  request.set_page_size(-1);
  EXPECT_EQ(List(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(CalibrationServiceTest, PagesVisitEveryOneOnceNewestFirst) {
  constexpr int kCount = 60;
  const v1::CreateCalibrationRequest copy =
      Request("x", SmallCalibration("x", "f32"));
  for (int i = 0; i < kCount; ++i) {
    v1::CreateCalibrationRequest request = copy;
    request.set_calibration_id(absl::StrCat("c-", i));
    ASSERT_TRUE(Create(request).ok());
  }
  v1::ListCalibrationsRequest request;
  const std::vector<std::string> names = Names(request);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(),
            size_t{kCount});
  for (const int page_size : {7, 59, 60, 500}) {
    request.set_page_size(page_size);
    EXPECT_EQ(Names(request), names) << page_size;
  }
  ASSERT_TRUE(List({}).ok());
  EXPECT_EQ(page_.calibrations_size(), 50);
  const v1::Calibration& newest = page_.calibrations(0);
  const v1::Calibration& later = page_.calibrations(49);
  EXPECT_GE(
      newest.create_time().seconds() * 1000000000 +
          newest.create_time().nanos(),
      later.create_time().seconds() * 1000000000 + later.create_time().nanos());
}

TEST_F(CalibrationServiceTest, TokensBelongToTheirArguments) {
  ASSERT_TRUE(Create(Request("a", SmallCalibration("x", "f32"))).ok());
  ASSERT_TRUE(Create(Request("b", SmallCalibration("x", "f32"))).ok());
  v1::ListCalibrationsRequest request;
  request.set_page_size(1);
  ASSERT_TRUE(List(request).ok());
  ASSERT_FALSE(page_.next_page_token().empty());
  request.set_page_token(page_.next_page_token());
  request.set_page_size(3);  // may change
  EXPECT_TRUE(List(request).ok());
  EXPECT_EQ(page_.calibrations_size(), 1);
  request.set_product("x");
  const grpc::Status status = List(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("page_token"));
}

}  // namespace
}  // namespace moeplan::server
