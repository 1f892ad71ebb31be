#include "worker/device/cuda/nvml.h"

#include <string>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/cuda/fake_nvml.h"
#include "worker/device/cuda/device_monitor.h"

namespace moeplan::worker {
namespace {

using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

TEST(NvmlTest, ReadsInUnitsOfTheSystem) {
  const FakeNvml fake;
  auto nvml = *Nvml::Open(fake.calls, "0000:1b:00.0");
  EXPECT_EQ(nvml.driver_version(), "580.95.05");
  EXPECT_THAT(nvml.power_limit_watts(), Optional(DoubleEq(700)));
  EXPECT_THAT(nvml.power_watts(), Optional(DoubleEq(650)));
  EXPECT_THAT(nvml.energy_joules(), Optional(DoubleEq(1000)));
  EXPECT_THAT(nvml.compute_clock_hertz(), Optional(DoubleEq(1.98e9)));
  EXPECT_THAT(nvml.memory_clock_hertz(), Optional(DoubleEq(3.201e9)));
  EXPECT_THAT(nvml.temperature_celsius(), Optional(DoubleEq(60)));
  EXPECT_THAT(nvml.process_count(), Optional(1));
  EXPECT_THAT(nvml.is_partitioned(), Optional(false));
  EXPECT_THAT(nvml.missing(), IsEmpty());
}

TEST(NvmlTest, WhatItLacksIsAbsentAndNamed) {
  FakeNvml fake;
  fake.calls.energy_millijoules = nullptr;
  fake.calls.clock_megahertz = [](NvmlCalls::Handle, int, unsigned*) {
    return 3;
  };
  fake.calls.driver_version = nullptr;
  fake.calls.mig_mode = nullptr;
  auto nvml = *Nvml::Open(fake.calls, "0000:1b:00.0");
  EXPECT_EQ(nvml.energy_joules(), std::nullopt);
  EXPECT_EQ(nvml.memory_clock_hertz(), std::nullopt);
  EXPECT_EQ(nvml.driver_version(), std::nullopt);
  EXPECT_EQ(nvml.is_partitioned(), std::nullopt);
  EXPECT_THAT(nvml.power_watts(), Optional(DoubleEq(650)));
  EXPECT_THAT(nvml.missing(),
              ElementsAre("driver version", "energy", "memory clock"));
}

TEST(NvmlTest, ManyProcessesAreCountedWithoutRoomForThem) {
  FakeNvml fake;
  fake.process_count = 500;
  auto nvml = *Nvml::Open(fake.calls, "0000:1b:00.0");
  EXPECT_THAT(nvml.process_count(), Optional(500));
}

TEST(NvmlTest, ADeviceIsFoundByItsBusAndNotByItsNumber) {
  FakeNvml fake;
  const absl::Status status = Nvml::Open(fake.calls, "0000:2c:00.0").status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("0000:2c:00.0"));
  fake.init_error = 9;
  EXPECT_THAT(
      std::string(Nvml::Open(fake.calls, "0000:1b:00.0").status().message()),
      HasSubstr("could not be started: as planted (NVML error 9)"));
  EXPECT_TRUE(absl::IsNotFound(Nvml::Open({}, "0000:1b:00.0").status()));
}

TEST(NvmlTest, ReasonsHaveTheirNames) {
  EXPECT_THAT(NamesOfReasons(kReasonIdle), IsEmpty());
  EXPECT_THAT(NamesOfReasons(kReasonPowerCap | kReasonHwThermal | kReasonIdle),
              ElementsAre("SwPowerCap", "HwThermalSlowdown"));
}

class DeviceMonitorTest : public ::testing::Test {
 protected:
  MeasuringConditions Conditions() const {
    MeasuringConditions conditions;
    monitor_.AddTo(conditions);
    return conditions;
  }

  FakeNvml fake_;
  absl::StatusOr<Nvml> nvml_ = Nvml::Open(fake_.calls, "0000:1b:00.0");
  DeviceMonitor monitor_{nvml_};
};

TEST_F(DeviceMonitorTest, HeatSpoilsSamplesAndAPowerCapDoesNot) {
  fake_.clock_reasons = kReasonPowerCap;
  EXPECT_EQ(monitor_.Look(1), SampleFault::kNone);
  fake_.clock_reasons = kReasonSwThermal | kReasonPowerCap;
  EXPECT_EQ(monitor_.Look(1.02), SampleFault::kSlowdown);
  fake_.clock_reasons = kReasonHwPowerBrake;
  EXPECT_EQ(monitor_.Look(1.04), SampleFault::kSlowdown);
  fake_.clock_reasons = 0;
  EXPECT_EQ(monitor_.Look(1.06), SampleFault::kNone);
  EXPECT_THAT(
      Conditions().throttle_reasons,
      ElementsAre("SwPowerCap", "SwThermalSlowdown", "HwPowerBrakeSlowdown"));
}

TEST_F(DeviceMonitorTest, AnotherProcessSpoilsSamples) {
  EXPECT_EQ(monitor_.Look(1), SampleFault::kNone);
  EXPECT_FALSE(Conditions().contended);
  fake_.process_count = 2;
  EXPECT_EQ(monitor_.Look(1.2), SampleFault::kContended);
  EXPECT_TRUE(Conditions().contended);
  EXPECT_THAT(monitor_.Gaps(),
              ElementsAre(HasSubstr("1 of 2 samples were lost")));
}

TEST_F(DeviceMonitorTest, LooksNoMoreOftenThanItMust) {
  for (int i = 0; i < 1000; ++i) monitor_.Look(1 + 1e-4 * i);  // 0.1 s
  EXPECT_EQ(fake_.looks_at_processes, 1);
  monitor_.Look(1.11);
  EXPECT_EQ(fake_.looks_at_processes, 2);
  monitor_.Restart();
  monitor_.Look(1.12);
  EXPECT_EQ(fake_.looks_at_processes, 3);
}

TEST_F(DeviceMonitorTest, PowerIsEnergyOverTheTimeOfMeasuring) {
  monitor_.Look(10);
  fake_.energy_millijoules += 300'000;
  monitor_.Look(11);
  // Idle until the next case.
  fake_.energy_millijoules += 5'000;
  monitor_.Restart();
  monitor_.Look(30);
  fake_.energy_millijoules += 900'000;
  monitor_.Look(32);
  EXPECT_THAT(Conditions().power_watts, Optional(DoubleEq(400)));
}

TEST_F(DeviceMonitorTest, AnEnergyCounterThatWentBackCountsForNothing) {
  monitor_.Look(10);
  fake_.energy_millijoules += 300'000;
  monitor_.Look(11);
  fake_.energy_millijoules = 5;
  monitor_.Look(12);
  fake_.energy_millijoules += 500'000;
  monitor_.Look(13);
  EXPECT_THAT(Conditions().power_watts, Optional(DoubleEq(400)));
}

TEST(DeviceMonitorWithoutEnergyTest, PowerIsWhatTheDeviceSays) {
  FakeNvml fake;
  fake.calls.energy_millijoules = nullptr;
  auto nvml = Nvml::Open(fake.calls, "0000:1b:00.0");
  DeviceMonitor monitor(nvml);
  monitor.Look(1);
  fake.power_milliwatts = 550'000;
  monitor.Look(2);
  MeasuringConditions conditions;
  monitor.AddTo(conditions);
  EXPECT_THAT(conditions.power_watts, Optional(DoubleEq(600)));
  EXPECT_THAT(conditions.temperature_celsius, Optional(DoubleEq(60)));
  EXPECT_THAT(conditions.memory_clock_hertz, Optional(DoubleEq(3.201e9)));
  EXPECT_THAT(monitor.Gaps(), ElementsAre("NVML does not give: energy"));
}

TEST(DeviceMonitorWithoutNvmlTest, SeesNothingAndSaysSo) {
  absl::StatusOr<Nvml> nvml = absl::NotFoundError("no library");
  DeviceMonitor monitor(nvml);
  EXPECT_EQ(monitor.Look(1), SampleFault::kNone);
  MeasuringConditions conditions;
  monitor.AddTo(conditions);
  EXPECT_EQ(conditions, MeasuringConditions());
  EXPECT_THAT(monitor.Gaps(), ElementsAre(HasSubstr("no library")));
}

}  // namespace
}  // namespace moeplan::worker
