// PlannerService.FitFromRuns over gRPC: progress, the stored set, idempotency,
// and that leaving the stream frees the server.

#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "moeplan/v1/coefficient_set.grpc.pb.h"
#include "moeplan/v1/planner.grpc.pb.h"
#include "tests/integration/server/dense_runs.h"
#include "tests/integration/server/in_process_server.h"
#include "tests/testing/raw_call.h"

namespace moeplan::server {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::moeplan::testing::DecodeDetails;
using ::moeplan::testing::ErrorDetails;
using ::testing::HasSubstr;

constexpr char kRequestId[] = "5c1a9a5e-6a9e-4f0e-9d5b-3f6b6f1f7c11";

class FitFromRunsServiceTest : public ::testing::Test {
 protected:
  FitFromRunsServiceTest()
      : stub_(v1::PlannerService::NewStub(server_.channel())) {}

  grpc::Status Fit(const v1::FitFromRunsRequest& request) {
    grpc::ClientContext context;
    const auto reader = stub_->FitFromRuns(&context, request);
    v1::FitFromRunsResponse response;
    progress_count_ = 0;
    result_count_ = 0;
    while (reader->Read(&response)) {
      if (response.has_progress()) {
        EXPECT_EQ(result_count_, 0) << "progress after the result";
        ++progress_count_;
      } else {
        ++result_count_;
        result_ = response.result();
      }
    }
    return reader->Finish();
  }

  InProcessServer server_;
  std::unique_ptr<v1::PlannerService::Stub> stub_;
  v1::FitResult result_;
  int progress_count_ = 0;
  int result_count_ = 0;
};

TEST_F(FitFromRunsServiceTest, FittedSetIsStoredAndPredictsItsRuns) {
  v1::FitFromRunsRequest request = DenseRuns();
  request.set_coefficient_set_id("my-dense");
  request.set_display_name("My dense runs");
  request.set_run_source("made up for a test");
  const grpc::Status status = Fit(request);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(result_count_, 1);
  EXPECT_GE(progress_count_, 1);
  ASSERT_EQ(result_.reports_size(), 1);
  ASSERT_TRUE(result_.reports(0).has_fitted());
  const v1::FittedLaw& fitted = result_.reports(0).fitted();
  EXPECT_LT(fitted.train_error().loss_rmse(), 1e-8);
  EXPECT_EQ(fitted.coefficient_set().name(), "coefficientSets/my-dense");
  EXPECT_EQ(fitted.coefficient_set().display_name(), "My dense runs");
  EXPECT_THAT(fitted.coefficient_set().source(),
              HasSubstr("made up for a test"));

  v1::PredictRequest predict;
  predict.set_coefficient_set("coefficientSets/my-dense");
  predict.mutable_point_columns()->add_active_params(
      request.runs().active_params(3));
  predict.mutable_point_columns()->add_training_tokens(
      request.runs().training_tokens(3));
  grpc::ClientContext context;
  v1::PredictResponse response;
  ASSERT_TRUE(stub_->Predict(&context, predict, &response).ok());
  EXPECT_NEAR(response.loss(0), request.runs().loss(3), 1e-7);
  EXPECT_EQ(response.provenance().coefficient_set_checksum(),
            fitted.coefficient_set().checksum());
}

TEST_F(FitFromRunsServiceTest, NothingIsStoredWithoutAnId) {
  ASSERT_TRUE(Fit(DenseRuns()).ok());
  EXPECT_EQ(result_.reports(0).fitted().coefficient_set().name(), "");
  auto sets = v1::CoefficientSetService::NewStub(server_.channel());
  grpc::ClientContext context;
  v1::ListCoefficientSetsResponse page;
  ASSERT_TRUE(sets->ListCoefficientSets(&context, {}, &page).ok());
  EXPECT_EQ(page.coefficient_sets_size(), 7);
}

TEST_F(FitFromRunsServiceTest, RepeatedRequestReturnsTheKeptResult) {
  v1::FitFromRunsRequest request = DenseRuns();
  request.set_coefficient_set_id("my-dense");
  request.set_request_id(kRequestId);
  ASSERT_TRUE(Fit(request).ok());
  const v1::FitResult first = result_;
  ASSERT_TRUE(Fit(request).ok());
  EXPECT_TRUE(MessageDifferencer::Equals(first, result_));
  EXPECT_EQ(progress_count_, 0);

  request.set_seed(7);
  const grpc::Status reused = Fit(request);
  EXPECT_EQ(reused.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(DecodeDetails(reused).error_info.reason(), "REQUEST_ID_REUSED");
}

TEST_F(FitFromRunsServiceTest, TakenIdIsRefusedBeforeTheWork) {
  v1::FitFromRunsRequest request = DenseRuns();
  request.set_coefficient_set_id("joint-2025");
  const grpc::Status status = Fit(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(DecodeDetails(status).error_info.reason(), "SET_EXISTS");
  EXPECT_EQ(progress_count_, 0);
}

TEST_F(FitFromRunsServiceTest, TwoFamiliesAreStoredUnderTwoNames) {
  v1::FitFromRunsRequest request = DenseRuns();
  request.add_families("joint");
  request.set_coefficient_set_id("both");
  ASSERT_TRUE(Fit(request).ok());
  ASSERT_EQ(result_.reports_size(), 2);
  EXPECT_EQ(result_.reports(0).family(), "dense");
  EXPECT_EQ(result_.reports(0).fitted().coefficient_set().name(),
            "coefficientSets/both-dense");
  // One expansion rate cannot carry the whole joint law: it is refused or
  // declared as reduced, never fitted as if it could.
  const v1::FitReport& joint = result_.reports(1);
  EXPECT_TRUE(joint.has_refusal() || joint.reductions_size() > 0);
}

TEST_F(FitFromRunsServiceTest, TooFewRunsAreARefusalAndNothingIsStored) {
  v1::FitFromRunsRequest request = DenseRuns();
  v1::RunColumns* runs = request.mutable_runs();
  runs->mutable_active_params()->Truncate(2);
  runs->mutable_training_tokens()->Truncate(2);
  runs->mutable_loss()->Truncate(2);
  request.set_coefficient_set_id("too-few");
  ASSERT_TRUE(Fit(request).ok());
  ASSERT_TRUE(result_.reports(0).has_refusal());
  EXPECT_FALSE(result_.reports(0).refusal().message().empty());
}

TEST_F(FitFromRunsServiceTest, BadRunsAreNamedByColumnAndRow) {
  v1::FitFromRunsRequest request = DenseRuns();
  request.mutable_runs()->set_loss(3, -1);
  request.mutable_runs()->add_weight(1);
  request.add_families("no-such-family");
  request.set_seed(-1);
  const grpc::Status status = Fit(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const ErrorDetails details = DecodeDetails(status);
  std::vector<std::string> fields;
  for (const auto& violation : details.bad_request.field_violations()) {
    fields.push_back(violation.field());
  }
  EXPECT_THAT(fields,
              ::testing::IsSupersetOf({"runs.weight", "families[1]", "seed"}));
  request.mutable_runs()->clear_weight();
  EXPECT_THAT(Fit(request).error_message(), HasSubstr("runs.loss[3]"));
}

// Legal by its range, a run may be absurd beside the others (a tenth of a
// parameter). Whatever follows from it is an answer: a fit whose figures are
// finite, or a refusal.
TEST_F(FitFromRunsServiceTest, AbsurdRunsAreNeverAnInternalError) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> decades(-300, 18);
  int fitted = 0;
  for (int i = 0; i < 200; ++i) {
    v1::FitFromRunsRequest request = DenseRuns();
    request.set_start_count(1);
    v1::RunColumns& runs = *request.mutable_runs();
    google::protobuf::RepeatedField<double>* columns[] = {
        runs.mutable_active_params(), runs.mutable_training_tokens(),
        runs.mutable_loss()};
    std::string changes;
    for (int change = 0; change < 2; ++change) {
      const size_t column = random() % 3;
      const int row = static_cast<int>(random() % 25);
      const double decade = decades(random) / (random() % 2 == 0 ? 1 : 20);
      columns[column]->Set(row, std::pow(10, std::min(decade, 2.0)));
      absl::StrAppend(&changes, " ", column, "[", row, "] = 1e", decade);
    }
    request.mutable_hold_out()->set_lowest_loss_share(0.3);
    const grpc::Status status = Fit(request);
    ASSERT_TRUE(status.ok()) << changes << ": " << status.error_message();
    fitted += result_.reports(0).has_fitted();
  }
  EXPECT_GT(fitted, 100);
}

// R16 of the service conventions: 100 ms; a machine that runs other tests too
// gets more, and the figure is printed.
TEST_F(FitFromRunsServiceTest, LeavingTheStreamStopsTheWork) {
  grpc::ClientContext context;
  const auto reader = stub_->FitFromRuns(&context, MinutesOfRuns());
  v1::FitFromRunsResponse response;
  ASSERT_TRUE(reader->Read(&response));
  ASSERT_TRUE(response.has_progress());
  const absl::Time left = absl::Now();
  context.TryCancel();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  // The handler has returned when its call is logged.
  while (server_.Log().find("FitFromRuns") == std::string::npos &&
         absl::Now() < left + absl::Seconds(30)) {
    absl::SleepFor(absl::Milliseconds(1));
  }
  const absl::Duration took = absl::Now() - left;
  std::cout << "stopped after " << took << "\n";
  EXPECT_THAT(server_.Log(), HasSubstr("CANCELLED"));
  EXPECT_LT(took, absl::Seconds(1));
}

TEST_F(FitFromRunsServiceTest, ShortDeadlineStopsTheWorkToo) {
  const v1::FitFromRunsRequest request = MinutesOfRuns();
  grpc::ClientContext context;
  context.set_deadline(
      absl::ToChronoTime(absl::Now() + absl::Milliseconds(200)));
  const auto reader = stub_->FitFromRuns(&context, request);
  v1::FitFromRunsResponse response;
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(FitFromRunsServiceTest, FullExecutorRefusesWithAHint) {
  const v1::FitFromRunsRequest request = MinutesOfRuns();
  // One runs, four wait, the others are refused; the first refusal ends all.
  constexpr int kCalls = 12;
  std::vector<grpc::ClientContext> contexts(kCalls);
  std::mutex mutex;
  int refused = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < kCalls; ++i) {
    callers.emplace_back([&, i] {
      grpc::ClientContext& context = contexts[static_cast<size_t>(i)];
      const auto reader = stub_->FitFromRuns(&context, request);
      v1::FitFromRunsResponse response;
      while (reader->Read(&response)) {
      }
      const grpc::Status status = reader->Finish();
      if (status.error_code() == grpc::StatusCode::CANCELLED) return;
      std::lock_guard<std::mutex> lock(mutex);
      EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
      EXPECT_TRUE(DecodeDetails(status).has_retry_info);
      EXPECT_EQ(
          context.GetServerTrailingMetadata().count("grpc-retry-pushback-ms"),
          1u);
      ++refused;
      for (grpc::ClientContext& other : contexts) other.TryCancel();
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_GE(refused, 1);
}

}  // namespace
}  // namespace moeplan::server
