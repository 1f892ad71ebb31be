// CalibrationService.ConvertBudget over gRPC.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "moeplan/v1/calibration.grpc.pb.h"
#include "server/convert/calibration_convert.h"
#include "tests/integration/server/in_process_server.h"
#include "tests/testing/made_up_calibration.h"
#include "tests/testing/raw_call.h"

namespace moeplan::server {
namespace {

using ::moeplan::testing::DecodeDetails;
using ::moeplan::testing::MadeUpCalibration;
using ::moeplan::testing::MadeUpMeasurement;
using ::testing::Contains;
using ::testing::HasSubstr;

class ConvertBudgetServiceTest : public ::testing::Test {
 protected:
  ConvertBudgetServiceTest()
      : stub_(v1::CalibrationService::NewStub(server_.channel())) {}

  void SetUp() override {
    Calibration calibration = MadeUpCalibration();
    calibration.measurements.push_back(MadeUpMeasurement(Copy{4096}, "f32"));
    v1::CreateCalibrationRequest request;
    request.set_calibration_id("mine");
    CalibrationToWire(calibration, /*with_measurements=*/true,
                      request.mutable_calibration());
    v1::CreateCalibrationResponse response;
    grpc::ClientContext context;
    const grpc::Status status =
        stub_->CreateCalibration(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    checksum_ = response.calibration().checksum();
  }

  // A small MoE model on that calibration, by the joint law.
  static v1::ConvertBudgetRequest Request() {
    v1::ConvertBudgetRequest request;
    request.set_calibration("calibrations/mine");
    request.set_coefficient_set("coefficientSets/joint-2025");
    v1::ModelShape& shape = *request.mutable_shape();
    shape.set_d_model(512);
    shape.set_vocabulary_size(32000);
    shape.set_tied_embeddings(true);
    v1::LayerGroup& group = *shape.add_layer_groups();
    group.set_layer_count(8);
    group.mutable_gqa()->set_heads(8);
    group.mutable_gqa()->set_head_dim(64);
    group.mutable_moe()->set_routed_experts(8);
    group.mutable_moe()->set_experts_per_token(1);
    group.mutable_moe()->set_expert_width(2048);
    return request;
  }
  static v1::ConvertBudgetRequest Hours(double device_hours) {
    v1::ConvertBudgetRequest request = Request();
    request.set_device_hours(device_hours);
    return request;
  }

  grpc::Status Call(const v1::ConvertBudgetRequest& request) {
    grpc::ClientContext context;
    answer_.Clear();
    return stub_->ConvertBudget(&context, request, &answer_);
  }
  v1::ConvertBudgetResponse Convert(const v1::ConvertBudgetRequest& request) {
    const grpc::Status status = Call(request);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return answer_;
  }

  InProcessServer server_;
  std::unique_ptr<v1::CalibrationService::Stub> stub_;
  std::string checksum_;
  v1::ConvertBudgetResponse answer_;
};

TEST_F(ConvertBudgetServiceTest, HoursToFlopsAndBackAreTheSameHours) {
  for (const double hours : {1e-3, 100.0, 1e9}) {
    const v1::ConvertBudgetResponse flops = Convert(Hours(hours));
    ASSERT_GT(flops.train_flops(), 0);
    EXPECT_GT(flops.training_tokens(), 0);
    EXPECT_EQ(flops.calibration_checksum(), checksum_);
    EXPECT_EQ(flops.dtype(), "bf16");
    EXPECT_EQ(flops.time_model_version(), kTimeModelVersion);
    if (hours < 1) continue;  // below one FLOP budgets are not taken
    v1::ConvertBudgetRequest back = Request();
    back.set_train_flops(flops.train_flops());
    const v1::ConvertBudgetResponse answer = Convert(back);
    EXPECT_NEAR(answer.device_hours() / hours, 1, 1e-9);
    EXPECT_NEAR(answer.training_tokens() / flops.training_tokens(), 1, 1e-9);
  }
}

TEST_F(ConvertBudgetServiceTest, BytesToParametersAndBackAreTheSameBytes) {
  v1::ConvertBudgetRequest bytes = Request();
  bytes.set_device_bytes(int64_t{80} << 30);
  const v1::ConvertBudgetResponse params = Convert(bytes);
  ASSERT_GT(params.total_params(), 0);
  EXPECT_FALSE(params.has_training_tokens());
  EXPECT_EQ(params.dtype(), "");
  v1::ConvertBudgetRequest back = Request();
  back.set_total_params(params.total_params());
  EXPECT_NEAR(static_cast<double>(Convert(back).device_bytes()) /
                  static_cast<double>(bytes.device_bytes()),
              1, 1e-9);
  // Less than activations take is room for no parameter.
  bytes.set_device_bytes(1000);
  EXPECT_EQ(Convert(bytes).total_params(), 0);
}

TEST_F(ConvertBudgetServiceTest, GoodputAndDevicesAreInTheHours) {
  const double flops = Convert(Hours(100)).train_flops();
  v1::ConvertBudgetRequest request = Hours(100);
  request.set_goodput(0.5);
  EXPECT_NEAR(Convert(request).train_flops() / flops, 0.5, 1e-12);
  // Device-hours are hours times devices already; the optimizer's step is
  // shared by more micro-batches.
  request = Hours(100);
  request.set_device_count(8);
  EXPECT_NEAR(Convert(request).train_flops() / flops, 1, 0.5);
  EXPECT_THAT(answer_.assumptions(),
              Contains(HasSubstr("exchange gradients in no time")));
}

TEST_F(ConvertBudgetServiceTest, AssumptionsAreSaid) {
  Convert(Hours(100));
  EXPECT_THAT(answer_.assumptions(),
              Contains("training_setup.sequence_tokens = 2048 tokens "
                       "(default)"));
  v1::ConvertBudgetRequest request = Hours(100);
  request.mutable_training_setup()->set_optimizer(v1::OPTIMIZER_ADAMW);
  request.mutable_training_setup()->set_recomputation(
      v1::RECOMPUTATION_SELECTIVE);
  request.mutable_training_setup()->set_sequence_tokens(512);
  Convert(request);
  EXPECT_THAT(answer_.assumptions(),
              Contains("training_setup.sequence_tokens = 512 tokens (user)"));
}

TEST_F(ConvertBudgetServiceTest, AStatedNetworkTakesTime) {
  v1::ConvertBudgetRequest request = Hours(100);
  request.set_device_count(8);
  v1::TrainingSetup& setup = *request.mutable_training_setup();
  setup.set_optimizer(v1::OPTIMIZER_ADAMW);
  setup.set_recomputation(v1::RECOMPUTATION_SELECTIVE);
  const double free = Convert(request).train_flops();
  v1::Interconnect& network = *setup.mutable_interconnect();
  network.set_devices_per_node(8);
  network.set_intra_node_bytes_per_second(1e9);
  network.set_inter_node_bytes_per_second(1e9);
  const double slow = Convert(request).train_flops();
  EXPECT_LT(slow, free);
  EXPECT_THAT(answer_.assumptions(),
              Contains("training_setup.interconnect."
                       "intra_node_bytes_per_second = 1e+09 bytes/s (user)"));
  network.set_overlap_share(0.5);
  const double half = Convert(request).train_flops();
  // Seconds per FLOP are linear in what is exposed.
  EXPECT_NEAR(1 / half, 0.5 * (1 / free + 1 / slow), 1e-9 / half);
  network.set_overlap_share(2);
  EXPECT_EQ(Call(request).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ConvertBudgetServiceTest, FormatWithoutModelIsAFailedPrecondition) {
  for (const char* dtype : {"f32", "fp8"}) {
    v1::ConvertBudgetRequest request = Hours(100);
    request.set_dtype(dtype);
    const grpc::Status status = Call(request);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_EQ(DecodeDetails(status).error_info.reason(),
              "CALIBRATION_CANNOT_ANSWER");
    EXPECT_THAT(status.error_message(), HasSubstr("calibrations/mine"));
  }
}

TEST_F(ConvertBudgetServiceTest, WhatIsMissingIsNotFound) {
  v1::ConvertBudgetRequest request = Hours(100);
  request.set_calibration("calibrations/no-such");
  EXPECT_EQ(Call(request).error_code(), grpc::StatusCode::NOT_FOUND);
  request = Hours(100);
  request.set_coefficient_set("coefficientSets/no-such");
  EXPECT_EQ(Call(request).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ConvertBudgetServiceTest, PartsThatAreNotServedAreNamed) {
  using Change = void (*)(v1::TrainingSetup&);
  const std::pair<const char*, Change> cases[] = {
      {"optimizer", [](auto& s) { s.set_optimizer(v1::OPTIMIZER_MUON); }},
      {"recomputation",
       [](auto& s) { s.set_recomputation(v1::RECOMPUTATION_FULL); }},
      {"layout_search", [](auto& s) { s.mutable_layout_search(); }},
      {"fixed_layout",
       [](auto& s) {
         s.mutable_fixed_layout()->set_data_parallel(1);
         s.mutable_fixed_layout()->set_tensor_parallel(2);
         s.mutable_fixed_layout()->set_pipeline_parallel(1);
         s.mutable_fixed_layout()->set_expert_parallel(1);
       }},
      {"device_memory_bytes", [](auto& s) { s.set_device_memory_bytes(1); }},
  };
  for (const auto& [part, change] : cases) {
    v1::ConvertBudgetRequest request = Hours(100);
    v1::TrainingSetup& setup = *request.mutable_training_setup();
    setup.set_optimizer(v1::OPTIMIZER_ADAMW);
    setup.set_recomputation(v1::RECOMPUTATION_NONE);
    change(setup);
    const grpc::Status status = Call(request);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << part;
    EXPECT_EQ(DecodeDetails(status).error_info.metadata().at("field"),
              std::string("training_setup.") + part);
  }
  v1::ConvertBudgetRequest linear = Hours(100);
  v1::LayerGroup& group = *linear.mutable_shape()->mutable_layer_groups(0);
  group.mutable_linear()->set_state_elements(1000);
  group.mutable_linear()->set_params(1000000);
  EXPECT_EQ(Call(linear).error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(ConvertBudgetServiceTest, EveryFaultIsNamedAtOnce) {
  v1::ConvertBudgetRequest request;
  request.set_calibration("mine");
  request.set_goodput(2);
  request.set_dtype("bfloat16");
  request.set_device_count(-1);
  const grpc::Status status = Call(request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  for (const char* field : {"calibration", "coefficient_set", "shape",
                            "goodput", "dtype", "device_count", "budget"}) {
    EXPECT_THAT(status.error_message(), HasSubstr(field));
  }
}

}  // namespace
}  // namespace moeplan::server
