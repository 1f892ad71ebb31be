#include "server/convert/calibration_convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/convert/operation_convert.h"
#include "tests/testing/made_up_calibration.h"

namespace moeplan::server {
namespace {

using ::moeplan::testing::EveryOperation;
using ::moeplan::testing::MadeUpCalibration;
using ::moeplan::testing::MadeUpDevice;
using ::moeplan::testing::MadeUpMeasurement;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

v1::Calibration Wire(const Calibration& calibration = MadeUpCalibration()) {
  v1::Calibration wire;
  CalibrationToWire(calibration, /*with_measurements=*/true, &wire);
  return wire;
}

// One measurement of each operation, in the order of EveryOperation.
v1::Calibration WireOfEveryOperation() {
  Calibration calibration = MadeUpDevice();
  for (const Operation& operation : EveryOperation()) {
    calibration.measurements.push_back(MadeUpMeasurement(operation));
  }
  return Wire(calibration);
}

std::vector<std::string> FaultyFields(const v1::Calibration& wire) {
  Violations violations;
  const auto calibration = CalibrationFromWire("c", wire, violations);
  EXPECT_EQ(calibration.has_value(), violations.empty());
  std::vector<std::string> fields;
  for (const Violation& violation : violations.kept()) {
    fields.push_back(violation.field);
  }
  return fields;
}

TEST(CalibrationConvertTest, EveryOperationComesBackAsItWas) {
  std::vector<bool> kinds(kOperationKindCount, false);
  for (const Operation& operation : EveryOperation()) {
    v1::Measurement wire;
    OperationToWire(operation, &wire);
    Violations violations;
    const std::optional<Operation> back =
        OperationFromWire("m", wire, violations);
    ASSERT_TRUE(back.has_value()) << violations.ToStatus();
    EXPECT_EQ(*back, operation) << wire.DebugString();
    EXPECT_EQ(v1::OperationKind_IsValid(wire.operation()), true);
    kinds[operation.index()] = true;
  }
  EXPECT_THAT(kinds, ::testing::Each(true));
}

TEST(CalibrationConvertTest, OperationsHaveTheNamesThatPeopleRead) {
  v1::Measurement wire;
  OperationToWire(GroupedGemm{{1, 2}, 64, 32, GemmPass::kWeightGradient},
                  &wire);
  EXPECT_EQ(wire.operation(), v1::OPERATION_KIND_GROUPED_GEMM);
  EXPECT_EQ(wire.pass(), v1::OPERATION_PASS_WEIGHT_GRADIENT);
  EXPECT_THAT(wire.rows_per_expert(), ElementsAre(1, 2));
  ASSERT_EQ(wire.dimensions_size(), 2);
  EXPECT_EQ(wire.dimensions(0).name(), "in_width");
  EXPECT_EQ(wire.dimensions(0).value(), 64);
  EXPECT_EQ(wire.dimensions(1).name(), "out_width");
}

TEST(CalibrationConvertTest, WholeCalibrationComesBackAsItWas) {
  Calibration calibration = MadeUpCalibration();
  calibration.device.device_hash = "salted";
  calibration.device.l2_bytes = 1 << 20;
  calibration.device.power_limit_watts = 700;
  calibration.device.ecc_enabled = false;
  calibration.device.partitioned = true;
  calibration.software.worker_dirty = true;
  calibration.software.driver_version = "570";
  calibration.software.runtime_version = "13.1";
  calibration.software.library_versions = {"cublasLt 13.1.0"};
  calibration.conditions = {.regime = MeasuringRegime::kBurst,
                            .compute_clock_hertz = 1.9e9,
                            .memory_clock_hertz = 3.2e9,
                            .power_watts = 690,
                            .temperature_celsius = -3,
                            .throttle_reasons = {"sw_power_cap"},
                            .contended = true,
                            .seed = -7};
  calibration.coverage_gaps = {"no permission for counters"};
  calibration.start_unix_micros = -1;
  Measurement& first = calibration.measurements[0];
  first.timing->discarded_count = 3;
  first.timing->drift_ratio = 1.01;
  first.executed_flops = 5e5;
  first.counted_moved_bytes = 7;
  first.peak_memory_bytes = 9;
  Measurement& second = calibration.measurements[1];
  second.disposition = Disposition::kUnsupported;
  second.disposition_reason = "no such kernel";
  second.timing.reset();

  const std::string payload = EncodeStoredCalibration(calibration);
  EXPECT_EQ(payload, EncodeStoredCalibration(calibration));
  const auto back = DecodeStoredCalibration("x", payload);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, calibration);
}

TEST(CalibrationConvertTest, AnswersStateTheCostOfEachOperation) {
  const v1::Calibration wire = WireOfEveryOperation();
  EXPECT_EQ(wire.measurements(0).model_flops(), 2.0 * 128 * 64 * 32);
  EXPECT_EQ(wire.measurements(0).min_moved_bytes(),
            2 * (128 * 32 + 32 * 64 + 128 * 64));
  EXPECT_THAT(FaultyFields(wire), ElementsAre());
}

TEST(CalibrationConvertTest, WrongCostIsNamedAndSmallRoundingIsNot) {
  v1::Calibration wire = WireOfEveryOperation();
  v1::Measurement& gemm = *wire.mutable_measurements(0);
  gemm.set_model_flops(gemm.model_flops() * (1 + 1e-10));
  EXPECT_THAT(FaultyFields(wire), ElementsAre());
  gemm.set_model_flops(gemm.model_flops() * (1 + 1e-8));
  wire.mutable_measurements(11)->set_min_moved_bytes(4096);  // a copy has twice
  wire.mutable_measurements(8)->set_model_flops(1);          // element-wise
  wire.mutable_measurements(4)->set_model_flops(kNan);
  wire.mutable_measurements(5)->set_min_moved_bytes(-1);
  EXPECT_THAT(FaultyFields(wire),
              ElementsAre("c.measurements[0].model_flops",
                          "c.measurements[4].model_flops",
                          "c.measurements[5].min_moved_bytes",
                          "c.measurements[8].model_flops",
                          "c.measurements[11].min_moved_bytes"));
  for (v1::Measurement& one : *wire.mutable_measurements()) {
    one.clear_model_flops();
    one.clear_min_moved_bytes();
  }
  EXPECT_THAT(FaultyFields(wire), ElementsAre());
}

// Places in EveryOperation.
constexpr int kGemm = 0;
constexpr int kGrouped = 1;
constexpr int kAttention = 4;
constexpr int kBlock = 13;

using Fault = std::pair<std::string, std::function<void(v1::Calibration&)>>;

void ExpectEachNamed(const std::vector<Fault>& faults) {
  for (const auto& [field, spoil] : faults) {
    v1::Calibration wire = WireOfEveryOperation();
    spoil(wire);
    EXPECT_THAT(FaultyFields(wire), Contains("c." + field));
  }
}

// A change of the measurement at that place.
template <typename Change>
std::function<void(v1::Calibration&)> At(int place, Change change) {
  return [place, change](v1::Calibration& calibration) {
    change(*calibration.mutable_measurements(place));
  };
}

TEST(CalibrationConvertTest, EachFaultOfTheMachineIsNamedByItsField) {
  ExpectEachNamed({
      {"device.product", [](auto& c) { c.mutable_device()->clear_product(); }},
      {"device.kind", [](auto& c) { c.clear_device(); }},
      {"device.power_limit_watts",
       [](auto& c) { c.mutable_device()->set_power_limit_watts(0); }},
      {"software.worker_revision",
       [](auto& c) { c.mutable_software()->clear_worker_revision(); }},
      {"software.suite_hash",
       [](auto& c) { c.mutable_software()->set_suite_hash("g"); }},
      {"software.library_versions[0]",
       [](auto& c) {
         c.mutable_software()->add_library_versions(std::string(257, 'x'));
       }},
      {"conditions.regime", [](auto& c) { c.clear_conditions(); }},
      {"conditions.power_watts",
       [](auto& c) { c.mutable_conditions()->set_power_watts(kNan); }},
      {"peaks[0].flops_per_second",
       [](auto& c) { c.mutable_peaks(0)->set_flops_per_second(-1); }},
      {"peaks[0].dtype", [](auto& c) { c.mutable_peaks(0)->set_dtype("b"); }},
      {"peaks[1].dtype", [](auto& c) { *c.add_peaks() = c.peaks(0); }},
      {"measurements", [](auto& c) { c.clear_measurements(); }},
      {"coverage_gaps[0]",
       [](auto& c) { c.add_coverage_gaps(std::string(1025, 'x')); }},
      {"measure_start_time", [](auto& c) { c.clear_measure_start_time(); }},
      {"measure_end_time",
       [](auto& c) { c.mutable_measure_end_time()->set_seconds(5); }},
      {"measure_end_time.nanos",
       [](auto& c) { c.mutable_measure_end_time()->set_nanos(-1); }},
  });
}

TEST(CalibrationConvertTest, EachFaultOfAnOperationIsNamedByItsField) {
  ExpectEachNamed({
      {"measurements[0].operation",
       At(kGemm, [](auto& m) { m.clear_operation(); })},
      {"measurements[0].pass",
       At(kGemm, [](auto& m) { m.set_pass(v1::OPERATION_PASS_FORWARD); })},
      {"measurements[1].pass",
       At(kGrouped, [](auto& m) { m.set_pass(v1::OPERATION_PASS_BACKWARD); })},
      {"measurements[0].dimensions",
       At(kGemm, [](auto& m) { m.mutable_dimensions()->RemoveLast(); })},
      {"measurements[0].dimensions[1].value",
       At(kGemm, [](auto& m) { m.mutable_dimensions(1)->set_value(0); })},
      {"measurements[0].dimensions[3].name",
       At(kGemm, [](auto& m) { m.add_dimensions()->set_name("h"); })},
      {"measurements[0].dimensions[3].name",
       At(kGemm, [](auto& m) { *m.add_dimensions() = m.dimensions(0); })},
      {"measurements[0].rows_per_expert",
       At(kGemm, [](auto& m) { m.add_rows_per_expert(1); })},
      {"measurements[1].rows_per_expert[2]",
       At(kGrouped, [](auto& m) { m.set_rows_per_expert(2, -1); })},
      {"measurements[1].rows_per_expert",
       At(kGrouped, [](auto& m) { m.clear_rows_per_expert(); })},
      {"measurements[4].dimensions[3].value",
       At(kAttention, [](auto& m) { m.mutable_dimensions(3)->set_value(-1); })},
      {"measurements[13].rows_per_expert",
       At(kBlock, [](auto& m) { m.set_rows_per_expert(0, 4); })},
      {"measurements[13].dimensions[4].value",
       At(kBlock, [](auto& m) { m.mutable_dimensions(4)->set_value(2); })},
  });
}

TEST(CalibrationConvertTest, EachFaultOfAMeasurementIsNamedByItsField) {
  ExpectEachNamed({
      {"measurements[0].dtype", At(kGemm, [](auto& m) { m.set_dtype("b"); })},
      {"measurements[1].case_name",
       [](auto& c) {
         c.mutable_measurements(1)->set_case_name(
             c.measurements(0).case_name());
       }},
      {"measurements[0].backend",
       At(kGemm, [](auto& m) { m.set_backend(std::string(65, 'x')); })},
      {"measurements[0].disposition",
       At(kGemm, [](auto& m) { m.clear_disposition(); })},
      {"measurements[0].timing", At(kGemm, [](auto& m) { m.clear_timing(); })},
      {"measurements[0].timing.sample_count",
       At(kGemm, [](auto& m) { m.mutable_timing()->set_sample_count(9); })},
      {"measurements[0].executed_flops",
       At(kGemm, [](auto& m) { m.set_executed_flops(-1); })},
      {"measurements[0].peak_memory_bytes",
       At(kGemm, [](auto& m) { m.set_peak_memory_bytes(-1); })},
  });
}

TEST(CalibrationConvertTest, RateAboveThePeakIsNamedByItsTiming) {
  v1::Calibration wire = WireOfEveryOperation();
  v1::Timing* timing = wire.mutable_measurements(kGemm)->mutable_timing();
  timing->set_median_seconds(2.0 * 128 * 64 * 32 / 2.1e11);  // peak is 2e11
  timing->set_lower_seconds(timing->median_seconds());
  EXPECT_THAT(FaultyFields(wire), ElementsAre("c.measurements[0].timing"));
  wire.clear_peaks();
  EXPECT_THAT(FaultyFields(wire), ElementsAre());
}

// Faults found while parsing and those that core finds are said at once, each
// at the place that the sender gave it.
TEST(CalibrationConvertTest,
     PlacesStayRightBehindAMeasurementThatDoesNotParse) {
  v1::Calibration wire = WireOfEveryOperation();
  wire.mutable_measurements(0)->clear_operation();
  wire.mutable_measurements(1)->set_dtype("b");
  wire.mutable_measurements(2)->mutable_dimensions(0)->set_value(-1);
  wire.mutable_measurements(3)->set_model_flops(1);
  EXPECT_THAT(
      FaultyFields(wire),
      ElementsAre("c.measurements[0].operation", "c.measurements[1].dtype",
                  "c.measurements[2].dimensions[0].value",
                  "c.measurements[3].model_flops"));
}

TEST(CalibrationConvertTest, AllFaultsAreCounted) {
  v1::Calibration wire = WireOfEveryOperation();
  const v1::Measurement first = wire.measurements(0);
  for (int i = 0; i < 500; ++i) {
    v1::Measurement* one = wire.add_measurements();
    *one = first;
    one->set_case_name(absl::StrCat("case ", i));
    one->mutable_timing()->set_sample_count(1);
  }
  Violations violations;
  EXPECT_FALSE(CalibrationFromWire("c", wire, violations).has_value());
  EXPECT_EQ(violations.count(), 500);
}

TEST(CalibrationConvertTest, BlocksThatCannotBeCountedAreRefused) {
  v1::Calibration wire = WireOfEveryOperation();
  v1::Measurement& block = *wire.mutable_measurements(kBlock);
  block.clear_model_flops();
  block.clear_min_moved_bytes();
  block.mutable_dimensions(0)->set_value(int64_t{1} << 40);  // tokens
  block.mutable_dimensions(3)->set_value(int64_t{1} << 40);  // expert_width
  block.set_rows_per_expert(0, int64_t{1} << 40);
  block.set_rows_per_expert(2, int64_t{1} << 40);
  EXPECT_THAT(FaultyFields(wire),
              ElementsAre("c.measurements[13].dimensions[3].value"));
}

TEST(CalibrationConvertTest, TooManyMeasurementsAreRefused) {
  v1::Calibration wire = Wire();
  const v1::Measurement first = wire.measurements(0);
  while (wire.measurements_size() <= kMostMeasurements) {
    *wire.add_measurements() = first;
  }
  EXPECT_THAT(FaultyFields(wire), ElementsAre("c.measurements"));
}

TEST(CalibrationConvertTest, WhatWouldNotFitAnAnswerIsRefused) {
  v1::Calibration wire = WireOfEveryOperation();
  v1::Measurement huge = wire.measurements(kGrouped);
  huge.clear_model_flops();
  huge.clear_min_moved_bytes();
  huge.mutable_rows_per_expert()->Resize(60000, int64_t{1} << 30);
  for (int i = 0; i < 60; ++i) {
    huge.set_case_name(absl::StrCat("huge ", i));
    *wire.add_measurements() = huge;
  }
  wire.clear_peaks();
  EXPECT_THAT(FaultyFields(wire), ElementsAre("c.measurements"));
}

TEST(CalibrationConvertTest, BytesThatAreNoCalibrationAreDataLoss) {
  const std::string payload = EncodeStoredCalibration(MadeUpCalibration());
  for (const std::string& bytes : {std::string("\xff\xff\xff"), std::string(),
                                   payload.substr(0, payload.size() / 2)}) {
    EXPECT_EQ(DecodeStoredCalibration("x", bytes).status().code(),
              absl::StatusCode::kDataLoss);
  }
}

TEST(CalibrationConvertTest, TimeModelsLeaveWithEveryFit) {
  const auto model = TimeModel::Fit(MadeUpCalibration(), "bf16");
  ASSERT_TRUE(model.ok()) << model.status();
  v1::TimeModel wire;
  TimeModelToWire(*model, &wire);
  EXPECT_EQ(wire.time_model_version(), kTimeModelVersion);
  EXPECT_EQ(wire.block_count(), 2);
  EXPECT_GT(wire.block_ratio(), 0);
  std::vector<std::string> classes;
  for (const v1::OperationFit& fit : wire.fits()) {
    classes.push_back(fit.operation_class());
    EXPECT_FALSE(fit.coefficients().empty());
    EXPECT_GT(fit.measurement_count(), 0);
    EXPECT_EQ(fit.has_held_out_median_error(), fit.measurement_count() >= 8);
    EXPECT_LE(fit.least_bytes(), fit.most_bytes());
  }
  EXPECT_THAT(classes, Contains("gemm"));
  EXPECT_THAT(classes, Contains("grouped_gemm.weight_gradient"));
  EXPECT_THAT(classes, Not(Contains("moe_block")));
}

}  // namespace
}  // namespace moeplan::server
