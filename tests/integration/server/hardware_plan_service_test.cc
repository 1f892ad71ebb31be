// PlannerService.OptimalConfig with a budget of device time, over gRPC.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "moeplan/v1/calibration.grpc.pb.h"
#include "moeplan/v1/planner.grpc.pb.h"
#include "server/convert/calibration_convert.h"
#include "server/convert/model_shape_convert.h"
#include "tests/integration/server/in_process_server.h"
#include "tests/testing/made_up_calibration.h"
#include "tests/testing/raw_call.h"

namespace moeplan::server {
namespace {

using ::moeplan::testing::DecodeDetails;
using ::moeplan::testing::MadeUpCalibration;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class HardwarePlanServiceTest : public ::testing::Test {
 protected:
  HardwarePlanServiceTest()
      : planner_(v1::PlannerService::NewStub(server_.channel())),
        calibrations_(v1::CalibrationService::NewStub(server_.channel())) {}

  // "fast", and "slow" on which everything takes three times as long.
  void SetUp() override {
    for (const double factor : {1.0, 3.0}) {
      Calibration calibration = MadeUpCalibration();
      for (Measurement& each : calibration.measurements) {
        if (!each.timing.has_value()) continue;
        each.timing->median_seconds *= factor;
        each.timing->lower_seconds *= factor;
        each.timing->upper_seconds *= factor;
      }
      v1::CreateCalibrationRequest request;
      request.set_calibration_id(factor == 1 ? "fast" : "slow");
      CalibrationToWire(calibration, /*with_measurements=*/true,
                        request.mutable_calibration());
      v1::CreateCalibrationResponse response;
      grpc::ClientContext context;
      const grpc::Status status =
          calibrations_->CreateCalibration(&context, request, &response);
      ASSERT_TRUE(status.ok()) << status.error_message();
    }
  }

  static v1::OptimalConfigRequest Hours(
      double hours, const std::vector<std::string>& options) {
    v1::OptimalConfigRequest request;
    request.set_objective(v1::OBJECTIVE_LEAST_LOSS);
    v1::HardwareBudget* budget = request.mutable_budget()->mutable_hardware();
    budget->mutable_wall_duration()->set_seconds(
        static_cast<int64_t>(3600 * hours));
    for (const std::string& id : options) {
      v1::HardwareOption* option = budget->add_options();
      option->set_calibration("calibrations/" + id);
      option->set_device_count(1);
    }
    return request;
  }

  grpc::Status Call(const v1::OptimalConfigRequest& request) {
    grpc::ClientContext context;
    answer_.Clear();
    return planner_->OptimalConfig(&context, request, &answer_);
  }
  v1::OptimalConfigResponse Plan(const v1::OptimalConfigRequest& request) {
    const grpc::Status status = Call(request);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return answer_;
  }

  InProcessServer server_;
  std::unique_ptr<v1::PlannerService::Stub> planner_;
  std::unique_ptr<v1::CalibrationService::Stub> calibrations_;
  v1::OptimalConfigResponse answer_;
};

TEST_F(HardwarePlanServiceTest, OptionsAreRankedAndTheFirstIsThePlan) {
  v1::OptimalConfigRequest request = Hours(24, {"slow", "fast"});
  request.mutable_budget()
      ->mutable_hardware()
      ->mutable_options(1)
      ->set_price_per_hour(2.5);
  const v1::OptimalConfigResponse answer = Plan(request);
  ASSERT_EQ(answer.hardware_outcomes_size(), 2);
  EXPECT_EQ(answer.hardware_outcomes(0).calibration(), "calibrations/fast");
  EXPECT_EQ(answer.hardware_outcomes(0).option_index(), 1);
  EXPECT_LT(answer.hardware_outcomes(0).plan().optimum().loss(),
            answer.hardware_outcomes(1).plan().optimum().loss());
  const v1::PlanPoint& best = answer.plan().optimum();
  EXPECT_EQ(best.loss(), answer.hardware_outcomes(0).plan().optimum().loss());
  EXPECT_NEAR(best.device_hours(), 24, 1e-9);
  EXPECT_NEAR(best.price(), 60, 1e-9);
  EXPECT_EQ(best.layout().data_parallel(), 1);
  EXPECT_EQ(answer.plan().binding_constraints(0).constraint(),
            v1::CONSTRAINT_WALL_DURATION);
  EXPECT_THAT(answer.provenance().calibrations(),
              ElementsAre("calibrations/fast", "calibrations/slow"));
  EXPECT_GT(answer.warnings_size(), 1);
}

TEST_F(HardwarePlanServiceTest, ThePlanCanBeBuiltAndAskedAbout) {
  const v1::PlanPoint best = Plan(Hours(24, {"fast"})).plan().optimum();
  // d = 64 n, in whole blocks.
  EXPECT_EQ(best.shape().d_model(), 64 * best.shape().block_count());
  EXPECT_EQ(best.shape().model_shape().d_model(), best.shape().d_model());
  // Its time by ConvertBudget is the plan's.
  v1::ConvertBudgetRequest convert;
  convert.set_calibration("calibrations/fast");
  convert.set_coefficient_set("coefficientSets/joint-2025");
  *convert.mutable_shape() = best.shape().model_shape();
  convert.set_train_flops(best.flops().train_flops());
  v1::ConvertBudgetResponse hours;
  grpc::ClientContext context;
  const grpc::Status status =
      calibrations_->ConvertBudget(&context, convert, &hours);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_NEAR(hours.device_hours() / best.device_hours(), 1, 1e-9);
  // Its loss by Predict is the plan's, but for what the law does not count.
  v1::PredictRequest predict;
  v1::ShapePoint* point = predict.mutable_shape_points()->add_points();
  *point->mutable_shape() = best.shape().model_shape();
  point->set_training_tokens(best.training_tokens());
  v1::PredictResponse predicted;
  grpc::ClientContext predict_context;
  ASSERT_TRUE(planner_->Predict(&predict_context, predict, &predicted).ok());
  EXPECT_NEAR(predicted.loss(0), best.loss(), 1e-9);
}

TEST_F(HardwarePlanServiceTest, MoreDevicesBuyMore) {
  const double one = Plan(Hours(24, {"fast"})).plan().optimum().loss();
  v1::OptimalConfigRequest request = Hours(24, {"fast"});
  request.mutable_budget()
      ->mutable_hardware()
      ->mutable_options(0)
      ->set_device_count(8);
  const v1::OptimalConfigResponse answer = Plan(request);
  EXPECT_LT(answer.plan().optimum().loss(), one);
  EXPECT_NEAR(answer.plan().optimum().device_hours(), 8 * 24, 1e-8);
  EXPECT_THAT(answer.DebugString(), HasSubstr("exchange gradients in no time"));
}

TEST_F(HardwarePlanServiceTest, ASelectorTakesTheNewestThatFits) {
  v1::OptimalConfigRequest request = Hours(1, {"fast"});
  v1::HardwareOption* option =
      request.mutable_budget()->mutable_hardware()->mutable_options(0);
  option->mutable_selector()->set_product("made UP 9000");
  option->mutable_selector()->set_dtype("bf16");
  EXPECT_THAT(Plan(request).hardware_outcomes(0).calibration(),
              ::testing::AnyOf("calibrations/fast", "calibrations/slow"));
  option->mutable_selector()->set_product("another");
  EXPECT_EQ(Call(request).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(HardwarePlanServiceTest, LimitsThatAdmitNoModelAreAnAnswer) {
  v1::OptimalConfigRequest request = Hours(24, {"fast"});
  request.mutable_memory_limit()->set_bytes(1000);
  const v1::OptimalConfigResponse answer = Plan(request);
  ASSERT_TRUE(answer.has_infeasible());
  ASSERT_GT(answer.infeasible().relaxations_size(), 0);
  EXPECT_EQ(answer.infeasible().relaxations(0).constraint(),
            v1::CONSTRAINT_MEMORY_LIMIT);
}

TEST_F(HardwarePlanServiceTest, WhatIsWrongIsNamed) {
  v1::OptimalConfigRequest request = Hours(0, {"fast", "fast"});
  request.mutable_budget()
      ->mutable_hardware()
      ->mutable_options(1)
      ->clear_hardware();
  const grpc::Status status = Call(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(
      status.error_message(),
      ::testing::AllOf(HasSubstr("budget.hardware.wall_duration"),
                       HasSubstr("budget.hardware.options[1].hardware")));
  EXPECT_EQ(Call(Hours(1, {"none"})).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(HardwarePlanServiceTest, WhatDeviceTimeCannotBeCombinedWithIsRefused) {
  v1::OptimalConfigRequest request = Hours(1, {"fast"});
  request.set_strict(true);
  const grpc::Status status = Call(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(DecodeDetails(status).error_info.metadata().at("field"), "strict");
}

}  // namespace
}  // namespace moeplan::server
