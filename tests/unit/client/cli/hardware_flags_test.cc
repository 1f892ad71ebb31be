#include "client/cli/hardware_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace moeplan::cli {
namespace {

using ::testing::HasSubstr;

struct Parsed {
  absl::Status status;
  v1::OptimalConfigRequest request;
};

Parsed Parse(std::vector<std::string> arguments, bool with_flops = false) {
  CLI::App command;
  HardwareFlags flags;
  AddHardwareFlags(command, flags);
  std::reverse(arguments.begin(), arguments.end());
  command.parse(arguments);
  Parsed parsed;
  if (with_flops) parsed.request.mutable_budget()->set_train_flops(1e22);
  parsed.status = FinishHardwareFlags(flags, parsed.request);
  return parsed;
}

TEST(HardwareFlagsTest, MachinesShareTheTimeAndThePrice) {
  const Parsed parsed =
      Parse({"--calibration", "a", "--calibration", "calibrations/b",
             "--wall-hours", "1.5", "--devices", "8", "--price-per-hour", "2.5",
             "--sequence-tokens", "4k"});
  ASSERT_TRUE(parsed.status.ok()) << parsed.status;
  const v1::HardwareBudget& budget = parsed.request.budget().hardware();
  EXPECT_EQ(budget.wall_duration().seconds(), 5400);
  EXPECT_EQ(budget.wall_duration().nanos(), 0);
  ASSERT_EQ(budget.options_size(), 2);
  EXPECT_EQ(budget.options(0).calibration(), "calibrations/a");
  EXPECT_EQ(budget.options(1).calibration(), "calibrations/b");
  EXPECT_EQ(budget.options(1).device_count(), 8);
  EXPECT_EQ(budget.options(1).price_per_hour(), 2.5);
  EXPECT_EQ(parsed.request.training_setup().sequence_tokens(), 4000);
}

TEST(HardwareFlagsTest, ALayoutFollowsFromTheDevices) {
  const Parsed parsed =
      Parse({"--calibration", "a", "--wall-hours", "1", "--devices", "64",
             "--goodput", "0.9", "--expert-parallel", "8",
             "--pipeline-parallel", "4", "--global-batch", "4M"});
  ASSERT_TRUE(parsed.status.ok()) << parsed.status;
  EXPECT_EQ(parsed.request.budget().hardware().goodput(), 0.9);
  const v1::TrainingSetup& setup = parsed.request.training_setup();
  EXPECT_EQ(setup.fixed_layout().data_parallel(), 16);
  EXPECT_EQ(setup.fixed_layout().tensor_parallel(), 1);
  EXPECT_EQ(setup.fixed_layout().pipeline_parallel(), 4);
  EXPECT_EQ(setup.fixed_layout().expert_parallel(), 8);
  EXPECT_EQ(setup.global_batch_tokens(), 4000000);
  EXPECT_EQ(setup.optimizer(), v1::OPTIMIZER_ADAMW);
  EXPECT_FALSE(setup.has_interconnect());
}

TEST(HardwareFlagsTest, ANetworkIsTakenAsItIsTyped) {
  const Parsed parsed = Parse({"--calibration",
                               "a",
                               "--wall-hours",
                               "1",
                               "--devices-per-node",
                               "8",
                               "--intra-node-rate",
                               "400GB",
                               "--inter-node-rate",
                               "50GB",
                               "--latency",
                               "0.00001",
                               "--overlap",
                               "0.3",
                               "--expert-imbalance",
                               "1.2",
                               "--dispatch-bits",
                               "8",
                               "--one-copy-per-device",
                               "--network-from-spec"});
  ASSERT_TRUE(parsed.status.ok()) << parsed.status;
  const v1::Interconnect& network =
      parsed.request.training_setup().interconnect();
  EXPECT_EQ(network.devices_per_node(), 8);
  EXPECT_EQ(network.intra_node_bytes_per_second(), 4e11);
  EXPECT_EQ(network.inter_node_bytes_per_second(), 5e10);
  EXPECT_EQ(network.latency_seconds(), 1e-5);
  EXPECT_EQ(network.overlap_share(), 0.3);
  EXPECT_EQ(network.expert_imbalance(), 1.2);
  EXPECT_EQ(network.dispatch_bytes_per_element(), 1);
  EXPECT_TRUE(network.one_copy_per_device());
  EXPECT_EQ(network.source(), v1::ASSUMPTION_SOURCE_SPEC);
  EXPECT_FALSE(parsed.request.training_setup().has_fixed_layout());
}

TEST(HardwareFlagsTest, WithoutThemTheBudgetIsLeftAlone) {
  const Parsed parsed = Parse({}, /*with_flops=*/true);
  ASSERT_TRUE(parsed.status.ok()) << parsed.status;
  EXPECT_EQ(parsed.request.budget().train_flops(), 1e22);
  EXPECT_FALSE(parsed.request.has_training_setup());
}

TEST(HardwareFlagsTest, WhatDoesNotGoTogetherIsSaid) {
  for (const char* option : {"--wall-hours", "--devices", "--goodput",
                             "--expert-parallel", "--overlap"}) {
    EXPECT_THAT(std::string(Parse({option, "2"}).status.message()),
                HasSubstr("--calibration"))
        << option;
  }
  EXPECT_THAT(std::string(Parse({"--calibration", "a"}).status.message()),
              HasSubstr("--wall-hours"));
  EXPECT_THAT(
      std::string(Parse({"--calibration", "a", "--wall-hours", "1"}, true)
                      .status.message()),
      HasSubstr("--compute"));
}

}  // namespace
}  // namespace moeplan::cli
