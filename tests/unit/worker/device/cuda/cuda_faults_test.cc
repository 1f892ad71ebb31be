#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/cuda/fake_machine.h"
#include "worker/bench/measure_case.h"
#include "worker/bench/runner.h"

namespace moeplan::worker {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

struct FaultCase {
  const char* name;
  void (*plant)(FakeMachine&);
  Disposition disposition;
  const char* reason;
  bool is_lost = false;
};

class CudaFaultTest : public ::testing::TestWithParam<FaultCase> {};

TEST_P(CudaFaultTest, HasItsDisposition) {
  FakeMachine machine;
  const auto device = *machine.Open();
  GetParam().plant(machine);
  absl::Status lost;
  const Measurement measurement =
      MeasureCase(*device, CopyCase(kMiB), RunnerOptions(), &lost);
  EXPECT_EQ(measurement.disposition, GetParam().disposition)
      << NameOf(measurement.disposition) << measurement.disposition_reason;
  EXPECT_THAT(measurement.disposition_reason, HasSubstr(GetParam().reason));
  EXPECT_EQ(measurement.timing.has_value(),
            GetParam().disposition == Disposition::kPassed);
  EXPECT_EQ(device->Usable().ok(), !GetParam().is_lost) << device->Usable();
}

INSTANTIATE_TEST_SUITE_P(
    All, CudaFaultTest,
    ::testing::Values(
        FaultCase{"None", [](FakeMachine&) {}, Disposition::kPassed, ""},
        FaultCase{"Memory",
                  [](FakeMachine& it) { it.cuda.FailAllocationsFrom(1); },
                  Disposition::kFailed, "out of memory"},
        FaultCase{"MemoryLater",
                  [](FakeMachine& it) {
                    it.enqueue_error = cudaErrorMemoryAllocation;
                  },
                  Disposition::kFailed, "out of memory"},
        FaultCase{"Ecc",
                  [](FakeMachine& it) {
                    it.cuda.BreakAtGraph(3, cudaErrorECCUncorrectable);
                  },
                  Disposition::kFailed, "uncorrected memory error", true},
        FaultCase{"IllegalAddress",
                  [](FakeMachine& it) {
                    it.cuda.BreakAtGraph(3, cudaErrorIllegalAddress);
                  },
                  Disposition::kFailed, "cudaErrorIllegalAddress", true},
        FaultCase{"OffTheBus",
                  [](FakeMachine& it) { it.cuda.Break(cudaErrorUnknown); },
                  Disposition::kFailed, "cuda", true},
        FaultCase{"Hang", [](FakeMachine& it) { it.cuda.hangs = true; },
                  Disposition::kFailed, "did not finish", true},
        FaultCase{"ALaunchThatFails",
                  [](FakeMachine& it) {
                    it.enqueue_error = cudaErrorInvalidConfiguration;
                  },
                  Disposition::kFailed, "launch"},
        FaultCase{"WrongResult",
                  [](FakeMachine& it) { it.computes_wrongly = true; },
                  Disposition::kIncorrect, "out differs"},
        FaultCase{"NotFinite",
                  [](FakeMachine& it) { it.cuda.spoils_downloads = true; },
                  Disposition::kIncorrect, "nan"},
        FaultCase{
            "Heat",
            [](FakeMachine& it) { it.nvml.clock_reasons = kReasonHwThermal; },
            Disposition::kNoSamples, "slowdown"},
        FaultCase{
            "PowerCap",
            [](FakeMachine& it) { it.nvml.clock_reasons = kReasonPowerCap; },
            Disposition::kPassed, ""},
        FaultCase{"Neighbour",
                  [](FakeMachine& it) { it.nvml.process_count = 2; },
                  Disposition::kContended, "others"},
        FaultCase{"NoRoomToCapture",
                  [](FakeMachine& it) { it.waits_while_enqueuing = true; },
                  Disposition::kFailed, "cudaErrorStreamCapture"}),
    [](const auto& each) { return each.param.name; });

// A run over a device that is lost, gone on with over another one.
class CudaRunTest : public ::testing::Test {
 protected:
  absl::Status Run(Device& device) {
    RunHandlers handlers;
    handlers.on_measured = [this](const Measurement& one) {
      measured_.push_back(one);
      return absl::OkStatus();
    };
    return RunCases(device, cases_, measured_, RunnerOptions(), handlers)
        .status();
  }

  std::vector<Case> cases_ = {CopyCase(1 * kMiB), CopyCase(2 * kMiB),
                              CopyCase(3 * kMiB), CopyCase(4 * kMiB)};
  std::vector<Measurement> measured_;
};

TEST_F(CudaRunTest, GoesOnBehindTheCaseThatCostTheDevice) {
  for (const cudaError_t error :
       {cudaErrorECCUncorrectable, cudaErrorIllegalAddress}) {
    measured_.clear();
    {
      FakeMachine machine;
      const auto device = *machine.Open();
      machine.before_operation = [&machine, error](const Case& one) {
        if (std::get<Copy>(one.operation).bytes != 2 * kMiB) return;
        machine.cuda.BreakAtGraph(5, error);
      };
      const absl::Status status = Run(*device);
      EXPECT_TRUE(absl::IsUnavailable(status)) << status;
      ASSERT_EQ(measured_.size(), 2u);
      EXPECT_EQ(measured_[0].disposition, Disposition::kPassed);
      EXPECT_EQ(measured_[1].disposition, Disposition::kFailed);
    }
    FakeMachine machine;
    const auto device = *machine.Open();
    EXPECT_TRUE(Run(*device).ok());
    ASSERT_EQ(measured_.size(), 4u);
    EXPECT_EQ(measured_[2].disposition, Disposition::kPassed);
    EXPECT_EQ(measured_[3].disposition, Disposition::kPassed);
  }
}

TEST_F(CudaRunTest, ConditionsAreThoseOfTheRun) {
  FakeMachine machine;
  machine.nvml.clock_reasons = kReasonPowerCap;
  const auto device = *machine.Open();
  ASSERT_TRUE(Run(*device).ok());
  const MeasuringConditions conditions = device->Conditions();
  EXPECT_THAT(conditions.throttle_reasons, ElementsAre("SwPowerCap"));
  EXPECT_EQ(conditions.temperature_celsius, 60);
  EXPECT_EQ(conditions.memory_clock_hertz, 3.201e9);
  EXPECT_EQ(conditions.regime, MeasuringRegime::kSustained);
  EXPECT_FALSE(conditions.contended);
  EXPECT_THAT(device->CoverageGaps(), Not(Contains(HasSubstr("lost"))));
}

}  // namespace
}  // namespace moeplan::worker
