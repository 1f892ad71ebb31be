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

TEST(HardwareFlagsTest, WithoutThemTheBudgetIsLeftAlone) {
  const Parsed parsed = Parse({}, /*with_flops=*/true);
  ASSERT_TRUE(parsed.status.ok()) << parsed.status;
  EXPECT_EQ(parsed.request.budget().train_flops(), 1e22);
  EXPECT_FALSE(parsed.request.has_training_setup());
}

TEST(HardwareFlagsTest, WhatDoesNotGoTogetherIsSaid) {
  EXPECT_THAT(std::string(Parse({"--wall-hours", "1"}).status.message()),
              HasSubstr("--calibration"));
  EXPECT_THAT(std::string(Parse({"--calibration", "a"}).status.message()),
              HasSubstr("--wall-hours"));
  EXPECT_THAT(
      std::string(Parse({"--calibration", "a", "--wall-hours", "1"}, true)
                      .status.message()),
      HasSubstr("--compute"));
}

}  // namespace
}  // namespace moeplan::cli
