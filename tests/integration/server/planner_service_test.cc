// PlannerService over gRPC: one test for each (RPC, code) pair that the proto's
// comments list, and for what answers carry besides their numbers.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/law/published_sets.h"
#include "core/plan/predict.h"
#include "moeplan/v1/planner.grpc.pb.h"
#include "tests/integration/server/in_process_server.h"
#include "tests/testing/raw_call.h"

namespace moeplan::server {
namespace {

using ::moeplan::testing::DecodeDetails;
using ::moeplan::testing::ErrorDetails;
using ::testing::HasSubstr;

class PlannerServiceTest : public ::testing::Test {
 protected:
  PlannerServiceTest()
      : stub_(v1::PlannerService::NewStub(server_.channel())) {}

  grpc::Status Predict(const v1::PredictRequest& request) {
    grpc::ClientContext context;
    response_.Clear();
    return stub_->Predict(&context, request, &response_);
  }
  grpc::Status Plan(const v1::OptimalConfigRequest& request) {
    grpc::ClientContext context;
    plan_.Clear();
    return stub_->OptimalConfig(&context, request, &plan_);
  }

  // A point of the joint law inside its box.
  static v1::PredictRequest OnePoint() {
    v1::PredictRequest request;
    v1::PointColumns* columns = request.mutable_point_columns();
    columns->add_active_params(2e8);
    columns->add_training_tokens(1e10);
    columns->add_expansion_rate(8);
    return request;
  }
  static v1::OptimalConfigRequest Budget(double train_flops) {
    v1::OptimalConfigRequest request;
    request.set_objective(v1::OBJECTIVE_LEAST_LOSS);
    request.mutable_budget()->set_train_flops(train_flops);
    return request;
  }

  InProcessServer server_;
  std::unique_ptr<v1::PlannerService::Stub> stub_;
  v1::PredictResponse response_;
  v1::OptimalConfigResponse plan_;
};

TEST_F(PlannerServiceTest, InfoNamesDefaultsFamiliesAndLimits) {
  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(stub_->GetServerInfo(&context, {}, &info).ok());
  EXPECT_FALSE(info.server_version().empty());
  EXPECT_EQ(info.store_kind(), "memory");
  EXPECT_EQ(info.default_coefficient_sets_size(), 3);
  EXPECT_EQ(info.default_coefficient_sets(0).coefficient_set(),
            "coefficientSets/joint-2025");
  EXPECT_EQ(info.families_size(), 3);
  EXPECT_EQ(info.limits().max_predict_points(), 50000);
  EXPECT_EQ(info.limits().max_message_bytes(), 16 << 20);
}

TEST_F(PlannerServiceTest, PredictsWhatCorePredictsBitForBit) {
  v1::PredictRequest request = OnePoint();
  request.set_include_gradients(true);
  ASSERT_TRUE(Predict(request).ok());
  const LawPoint<double> point{2e8, 1e10, 8, 1};
  const auto expected = moeplan::Predict(*FindPublishedSet("joint-2025"),
                                         {point}, {.with_gradient = true});
  ASSERT_TRUE(expected.ok());
  EXPECT_EQ(response_.loss(0), (*expected)[0].loss);
  ASSERT_EQ(response_.details_size(), 1);
  EXPECT_EQ(response_.details(0).gradient().by_log_params(),
            (*expected)[0].gradient->per_ln_params);
  EXPECT_EQ(response_.provenance().coefficient_set(),
            "coefficientSets/joint-2025");
  EXPECT_EQ(response_.provenance().coefficient_set_checksum(),
            FindPublishedSet("joint-2025")->checksum());
}

TEST_F(PlannerServiceTest, ExtrapolationIsFlaggedAndRefusedUnderStrict) {
  v1::PredictRequest request = OnePoint();
  request.mutable_point_columns()->set_active_params(0, 1e12);
  ASSERT_TRUE(Predict(request).ok());
  ASSERT_EQ(response_.details_size(), 1);
  EXPECT_GT(response_.details(0).extrapolations_size(), 0);
  EXPECT_EQ(response_.warnings(0).code(), v1::WARNING_CODE_EXTRAPOLATED);

  request.set_strict(true);
  const grpc::Status status = Predict(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  const ErrorDetails details = DecodeDetails(status);
  EXPECT_EQ(details.error_info.reason(), "EXTRAPOLATION_REFUSED");
  EXPECT_EQ(details.bad_request.field_violations(0).field(), "strict");
}

TEST_F(PlannerServiceTest, EveryViolationIsNamedAtOnce) {
  v1::PredictRequest request = OnePoint();
  request.set_coefficient_set("joint-2025");
  request.mutable_point_columns()->set_training_tokens(0, -1);
  request.mutable_point_columns()->set_expansion_rate(0, 0.5);
  const grpc::Status status = Predict(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const ErrorDetails details = DecodeDetails(status);
  ASSERT_TRUE(details.decoded);
  ASSERT_EQ(details.bad_request.field_violations_size(), 3);
  EXPECT_EQ(details.bad_request.field_violations(0).field(), "coefficient_set");
  EXPECT_EQ(details.bad_request.field_violations(1).field(),
            "point_columns.training_tokens[0]");
  EXPECT_EQ(details.bad_request.field_violations(2).field(),
            "point_columns.expansion_rate[0]");
  EXPECT_EQ(details.error_info.metadata().at("violation_count"), "3");
}

TEST_F(PlannerServiceTest, DetailsSurviveTheirLargestNumber) {
  v1::PredictRequest request;
  for (int i = 0; i < 50000; ++i) {
    request.mutable_point_columns()->add_training_tokens(-1);
    request.mutable_point_columns()->add_active_params(-1);
  }
  const grpc::Status status = Predict(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const ErrorDetails details = DecodeDetails(status);
  ASSERT_TRUE(details.decoded);
  EXPECT_EQ(details.bad_request.field_violations_size(), 20);
  EXPECT_EQ(details.error_info.metadata().at("violation_count"), "100000");
}

TEST_F(PlannerServiceTest, MissingColumnOfAFreeVariableIsNamed) {
  v1::PredictRequest request = OnePoint();
  request.mutable_point_columns()->clear_expansion_rate();
  const grpc::Status status = Predict(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(DecodeDetails(status).bad_request.field_violations(0).field(),
            "point_columns.expansion_rate");
}

TEST_F(PlannerServiceTest, MissingSetIsNamed) {
  v1::PredictRequest request = OnePoint();
  request.set_coefficient_set("coefficientSets/none-such");
  v1::OptimalConfigRequest plan = Budget(1e20);
  plan.set_dense_coefficient_set("coefficientSets/none-such");
  for (const grpc::Status& status : {Predict(request), Plan(plan)}) {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
    EXPECT_EQ(DecodeDetails(status).resource_info.resource_name(),
              "coefficientSets/none-such");
  }
}

TEST_F(PlannerServiceTest, OtherValueOfAFixedVariableIsAPrecondition) {
  v1::PredictRequest request = OnePoint();
  request.set_coefficient_set("coefficientSets/fine-grained-2024-e64");
  request.mutable_point_columns()->add_granularity(4);
  const grpc::Status status = Predict(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(DecodeDetails(status).error_info.reason(), "LAW_CANNOT_ANSWER");
  request.mutable_point_columns()->set_expansion_rate(0, 64);
  EXPECT_TRUE(Predict(request).ok());
}

TEST_F(PlannerServiceTest, ActiveParamsAreConvertedToTheLawsOwn) {
  // N_total / N_active = (8 E + 4) / 12 = 43 at E = 64 (2402.07871).
  v1::PredictRequest by_active;
  by_active.set_coefficient_set("coefficientSets/fine-grained-2024-e64");
  v1::PointColumns* columns = by_active.mutable_point_columns();
  columns->add_active_params(1e8);
  columns->add_training_tokens(1e10);
  columns->add_granularity(4);
  v1::PredictRequest by_law = by_active;
  by_law.mutable_point_columns()->clear_active_params();
  by_law.mutable_point_columns()->add_law_params(43e8);
  ASSERT_TRUE(Predict(by_active).ok());
  const double loss = response_.loss(0);
  ASSERT_TRUE(Predict(by_law).ok());
  EXPECT_NEAR(response_.loss(0), loss, 1e-12);
}

TEST_F(PlannerServiceTest, PlanKeepsItsBytesWithinTheLimit) {
  v1::OptimalConfigRequest request = Budget(1e22);
  request.mutable_memory_limit()->set_bytes(int64_t{80} << 30);
  request.mutable_serving_memory()->set_kv_cache_tokens(16384);
  ASSERT_TRUE(Plan(request).ok());
  ASSERT_TRUE(plan_.has_plan());
  const v1::MemoryBreakdown& memory = plan_.plan().optimum().memory();
  EXPECT_LE(memory.serving_bytes(), int64_t{80} << 30);
  EXPECT_EQ(memory.serving_bytes(),
            memory.weight_bytes() + memory.kv_cache_bytes());
  EXPECT_EQ(plan_.plan().binding_constraints_size(), 2);
  EXPECT_EQ(plan_.provenance().dense_coefficient_set(),
            "coefficientSets/joint-2025");
  EXPECT_FALSE(plan_.provenance().dense_coefficient_set_checksum().empty());
}

TEST_F(PlannerServiceTest, WhatNoModelFitsIsAnAnswer) {
  v1::OptimalConfigRequest request = Budget(1e22);
  request.mutable_memory_limit()->set_total_params(1000);
  ASSERT_TRUE(Plan(request).ok());
  ASSERT_TRUE(plan_.has_infeasible());
  EXPECT_GE(plan_.infeasible().relaxations_size(), 1);
  EXPECT_THAT(plan_.infeasible().message(), HasSubstr("memory"));
  EXPECT_FALSE(plan_.has_plan());
}

TEST_F(PlannerServiceTest, OptimumOfABudgetJudgesItselfNearOptimal) {
  ASSERT_TRUE(Plan(Budget(1e20)).ok());
  const v1::PlanPoint optimum = plan_.plan().optimum();
  v1::OptimalConfigRequest request;
  request.set_objective(v1::OBJECTIVE_LEAST_LOSS);
  v1::Candidate* candidate = request.mutable_candidate();
  candidate->set_training_tokens(optimum.training_tokens());
  candidate->mutable_point()->set_active_params(
      optimum.shape().active_params());
  candidate->mutable_point()->set_expansion_rate(
      optimum.shape().expansion_rate());
  request.set_max_extrapolation_decades(30);
  ASSERT_TRUE(Plan(request).ok());
  EXPECT_EQ(plan_.evaluation().verdict(), v1::VERDICT_NEAR_OPTIMAL)
      << plan_.evaluation().reason();
  EXPECT_NEAR(plan_.evaluation().loss_gap(), 0, 1e-6);
}

TEST_F(PlannerServiceTest, WhatIsNotServedYetIsRefusedByName) {
  v1::OptimalConfigRequest hardware = Budget(1e20);
  v1::HardwareBudget* budget = hardware.mutable_budget()->mutable_hardware();
  budget->mutable_wall_duration()->set_seconds(3600);
  v1::HardwareOption* option = budget->add_options();
  option->set_calibration("calibrations/none");
  option->set_device_count(1);
  hardware.set_pareto_point_count(5);
  v1::OptimalConfigRequest latency = Budget(1e20);
  latency.mutable_serving_demand()->set_coupling(
      v1::SERVING_COUPLING_IN_BUDGET);
  latency.mutable_serving_demand()->set_decode_tokens(1e9);
  latency.mutable_serving_demand()->set_max_seconds_per_output_token(0.1);
  v1::OptimalConfigRequest shapes = Budget(1e20);
  shapes.mutable_search_space()->set_realisable(true);
  v1::OptimalConfigRequest setup = Budget(1e20);
  setup.mutable_training_setup()->set_optimizer(v1::OPTIMIZER_ADAMW);
  setup.mutable_training_setup()->set_recomputation(
      v1::RECOMPUTATION_SELECTIVE);
  v1::OptimalConfigRequest epochs = Budget(1e20);
  epochs.mutable_token_supply()->set_available_training_tokens(1e10);
  epochs.mutable_token_supply()->set_max_epochs(4);
  const std::pair<v1::OptimalConfigRequest, std::string> cases[] = {
      {hardware, "pareto_point_count"},
      {latency, "serving_demand.max_seconds_per_output_token"},
      {shapes, "search_space.realisable"},
      {setup, "training_setup"},
      {epochs, "token_supply.max_epochs"},
  };
  for (const auto& [request, field] : cases) {
    const grpc::Status status = Plan(request);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << field;
    EXPECT_EQ(DecodeDetails(status).error_info.metadata().at("field"), field);
    EXPECT_THAT(status.error_message(), HasSubstr(field));
  }
}

TEST_F(PlannerServiceTest, FailuresAreLoggedAndSuccessesAreNot) {
  ASSERT_TRUE(Predict(OnePoint()).ok());
  EXPECT_THAT(server_.Log(), ::testing::Not(HasSubstr("/Predict")));
  EXPECT_FALSE(Predict({}).ok());
  EXPECT_THAT(server_.Log(), HasSubstr("INVALID_ARGUMENT"));
}

}  // namespace
}  // namespace moeplan::server
