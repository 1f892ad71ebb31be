// PlannerService.OptimalConfig with a budget of device time, over gRPC.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
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
  request.set_pareto_point_count(3);
  const grpc::Status status = Call(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(DecodeDetails(status).error_info.metadata().at("field"),
            "pareto_point_count");
}

TEST_F(HardwarePlanServiceTest, StrictRefusesAPlanOutsideTheLawsBox) {
  v1::OptimalConfigRequest request = Hours(1, {"fast"});
  ASSERT_GT(Plan(request).plan().optimum().extrapolations_size(), 0);
  request.set_strict(true);
  EXPECT_EQ(Call(request).error_code(), grpc::StatusCode::OUT_OF_RANGE);
}

TEST_F(HardwarePlanServiceTest, TheBestOfEachRateAndCellAreGiven) {
  v1::OptimalConfigRequest request = Hours(24, {"fast"});
  request.set_include_cells(true);
  const v1::Plan plan = Plan(request).plan();
  ASSERT_EQ(plan.best_by_expansion_rate_size(), 6);
  EXPECT_EQ(plan.best_by_cell_size(), 6);
  double least = plan.best_by_cell(0).loss();
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(plan.best_by_expansion_rate(i).shape().expansion_rate(), 1 << i);
    least = std::min(least, plan.best_by_cell(i).loss());
  }
  EXPECT_EQ(least, plan.optimum().loss());
}

v1::Interconnect* StateNetwork(v1::OptimalConfigRequest& request) {
  v1::TrainingSetup* setup = request.mutable_training_setup();
  setup->set_optimizer(v1::OPTIMIZER_ADAMW);
  setup->set_recomputation(v1::RECOMPUTATION_SELECTIVE);
  setup->set_global_batch_tokens(16 * 2048);
  v1::Interconnect* network = setup->mutable_interconnect();
  network->set_devices_per_node(4);
  network->set_intra_node_bytes_per_second(2e9);
  network->set_inter_node_bytes_per_second(2e8);
  network->set_source(v1::ASSUMPTION_SOURCE_SPEC);
  return network;
}

// "name = value unit SOURCE"
std::vector<std::string> AssumptionTexts(
    const v1::OptimalConfigResponse& answer) {
  std::vector<std::string> texts;
  for (const v1::Assumption& each : answer.assumptions()) {
    texts.push_back(absl::StrCat(each.name(), " = ", each.value(), " ",
                                 each.unit(), " ",
                                 v1::AssumptionSource_Name(each.source())));
  }
  return texts;
}

TEST_F(HardwarePlanServiceTest, EveryAssumptionIsListedWithWhoSaysIt) {
  v1::OptimalConfigRequest request = Hours(24, {"fast"});
  EXPECT_THAT(
      AssumptionTexts(Plan(request)),
      ElementsAre("budget.hardware.goodput = 1  ASSUMPTION_SOURCE_DEFAULT",
                  "training_setup.sequence_tokens = 2048 tokens "
                  "ASSUMPTION_SOURCE_DEFAULT",
                  "training_setup.fixed_layout.micro_batch_sequences = 1 "
                  "sequences ASSUMPTION_SOURCE_DEFAULT"));
  v1::HardwareBudget* budget = request.mutable_budget()->mutable_hardware();
  budget->mutable_options(0)->set_device_count(8);
  budget->set_goodput(0.5);
  EXPECT_THAT(
      AssumptionTexts(Plan(request)),
      ::testing::IsSupersetOf(
          {"budget.hardware.goodput = 0.5  ASSUMPTION_SOURCE_USER",
           "training_setup.interconnect = 0 s ASSUMPTION_SOURCE_DEFAULT"}));
  StateNetwork(request);
  EXPECT_THAT(
      AssumptionTexts(Plan(request)),
      ::testing::IsSupersetOf(
          {"training_setup.interconnect.devices_per_node = 4 devices "
           "ASSUMPTION_SOURCE_SPEC",
           "training_setup.interconnect.inter_node_bytes_per_second = 2e+08 "
           "bytes/s ASSUMPTION_SOURCE_SPEC",
           "training_setup.interconnect.overlap_share = 0  "
           "ASSUMPTION_SOURCE_DEFAULT"}));
}

TEST_F(HardwarePlanServiceTest, AStatedNetworkCostsTokensUnlessHidden) {
  v1::OptimalConfigRequest request = Hours(24, {"fast"});
  request.mutable_budget()
      ->mutable_hardware()
      ->mutable_options(0)
      ->set_device_count(8);
  v1::Interconnect* network = StateNetwork(request);
  v1::ParallelLayout* layout =
      request.mutable_training_setup()->mutable_fixed_layout();
  layout->set_data_parallel(8);
  layout->set_tensor_parallel(1);
  layout->set_pipeline_parallel(1);
  layout->set_expert_parallel(2);
  const v1::OptimalConfigResponse slow = Plan(request);
  EXPECT_THAT(slow.DebugString(), HasSubstr("by the interconnect as stated"));
  EXPECT_EQ(slow.plan().optimum().layout().expert_parallel(), 2);
  network->set_overlap_share(1);
  const double hidden = Plan(request).plan().optimum().loss();
  EXPECT_LT(hidden, slow.plan().optimum().loss());
  request.mutable_training_setup()->clear_interconnect();
  EXPECT_EQ(Plan(request).plan().optimum().loss(), hidden);
  // A layout of other devices than there are, and one that splits nothing.
  layout->set_data_parallel(4);
  EXPECT_EQ(Call(request).error_code(), grpc::StatusCode::UNIMPLEMENTED);
  layout->set_expert_parallel(3);
  const grpc::Status status = Call(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              HasSubstr("training_setup.fixed_layout.expert_parallel"));
}

TEST_F(HardwarePlanServiceTest, ACandidateIsJudgedByItsDeviceHours) {
  v1::OptimalConfigRequest request = Hours(24, {"slow", "fast"});
  request.set_max_extrapolation_decades(10);
  const v1::PlanPoint best = Plan(request).plan().optimum();
  v1::Candidate* candidate = request.mutable_candidate();
  *candidate->mutable_shape() = best.shape().model_shape();
  candidate->set_training_tokens(best.training_tokens());
  const v1::Evaluation same = Plan(request).evaluation();
  EXPECT_EQ(same.verdict(), v1::VERDICT_NEAR_OPTIMAL);
  EXPECT_NEAR(same.loss_gap(), 0, 1e-9);
  EXPECT_NEAR(same.wasted_device_hours(), 0, 1e-3);
  EXPECT_NEAR(same.candidate().device_hours(), 24, 1e-9);
  EXPECT_NEAR(same.affordable_training_tokens() / best.training_tokens(), 1,
              1e-9);
  // On the machine that is three times slower its hours are three times more
  // than there are.
  const v1::Evaluation slow = answer_.hardware_outcomes(1).evaluation();
  EXPECT_NEAR(slow.candidate().device_hours(), 72, 0.1);
  EXPECT_THAT(slow.violated_constraints(),
              ElementsAre(v1::CONSTRAINT_WALL_DURATION));
  // Without tokens it gets what the time buys; a tenth of the parameters waste
  // some of it.
  candidate->clear_training_tokens();
  candidate->mutable_point()->set_active_params(0.3 *
                                                best.shape().active_params());
  candidate->mutable_point()->set_expansion_rate(1);
  const v1::Evaluation small = Plan(request).evaluation();
  EXPECT_EQ(small.verdict(), v1::VERDICT_SUBOPTIMAL);
  EXPECT_NEAR(small.candidate().device_hours(), 24, 1e-9);
  EXPECT_GT(small.wasted_device_hours(), 1);
  EXPECT_FALSE(small.has_wasted_flops());
  EXPECT_THAT(small.caveats(), ::testing::Contains(HasSubstr("nearest shape")));
}

TEST_F(HardwarePlanServiceTest, ServingTakesItsHoursOfTheBudget) {
  v1::OptimalConfigRequest request = Hours(24, {"fast"});
  const v1::PlanPoint alone = Plan(request).plan().optimum();
  EXPECT_FALSE(alone.has_serving_device_hours());
  v1::ServingDemand* demand = request.mutable_serving_demand();
  demand->set_decode_tokens(1e7);
  demand->set_prefill_tokens(1e7);
  demand->set_context_tokens(1024);
  demand->set_coupling(v1::SERVING_COUPLING_IN_BUDGET);
  const v1::PlanPoint served = Plan(request).plan().optimum();
  EXPECT_GT(served.serving_device_hours(), 0);
  EXPECT_NEAR(served.device_hours(), 24, 1e-9);
  EXPECT_GT(served.loss(), alone.loss());
  EXPECT_GT(served.decode_sequences(), 0);
  EXPECT_THAT(AssumptionTexts(answer_),
              ::testing::Contains("serving_demand.context_tokens = 1024 tokens "
                                  "ASSUMPTION_SOURCE_USER"));
  demand->set_max_seconds_per_output_token(0.5 *
                                           served.seconds_per_output_token());
  EXPECT_LE(Plan(request).plan().optimum().seconds_per_output_token(),
            demand->max_seconds_per_output_token());
  // What cannot be served says what would do.
  demand->set_max_seconds_per_output_token(1e-9);
  EXPECT_EQ(Plan(request).infeasible().relaxations(0).constraint(),
            v1::CONSTRAINT_OUTPUT_TOKEN_SECONDS);
  demand->clear_max_seconds_per_output_token();
  demand->set_decode_tokens(1e20);
  EXPECT_EQ(Plan(request).infeasible().relaxations(0).constraint(),
            v1::CONSTRAINT_WALL_DURATION);
  // On FLOPs a latency means nothing.
  request.mutable_budget()->set_train_flops(1e20);
  demand->set_max_seconds_per_output_token(0.1);
  demand->clear_context_tokens();
  const grpc::Status status = Call(request);
  EXPECT_EQ(DecodeDetails(status).error_info.metadata().at("field"),
            "serving_demand.max_seconds_per_output_token");
}

}  // namespace
}  // namespace moeplan::server
