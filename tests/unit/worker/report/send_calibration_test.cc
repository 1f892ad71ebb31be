#include "worker/report/send_calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "nlohmann/json.hpp"

namespace moeplan::worker {
namespace {

using ::testing::MatchesRegex;

Calibration Sample() {
  Calibration calibration;
  calibration.device.product = "AMD EPYC (tm) 9000";
  calibration.start_unix_micros = 5;
  Measurement one;
  one.case_name = "launch";
  one.operation = Launch{};
  one.dtype = "f32";
  calibration.measurements.push_back(one);
  return calibration;
}

TEST(SendCalibrationTest, TheSameRunHasTheSameIds) {
  EXPECT_EQ(RequestIdOf(Sample()), RequestIdOf(Sample()));
  EXPECT_EQ(CalibrationIdOf(Sample()), CalibrationIdOf(Sample()));
}

TEST(SendCalibrationTest, IdsAreWhatTheServerTakes) {
  EXPECT_THAT(RequestIdOf(Sample()),
              MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-"
                           "[0-9a-f]{12}"));
  EXPECT_THAT(CalibrationIdOf(Sample()),
              MatchesRegex("cpu-amd-epyc-tm-9000-[0-9a-f]{8}"));
  Calibration odd = Sample();
  odd.device.product = std::string(300, '*');
  EXPECT_THAT(CalibrationIdOf(odd), MatchesRegex("cpu-[0-9a-f]{8}"));
  odd.device.product = std::string(300, 'Z');
  EXPECT_LE(CalibrationIdOf(odd).size(), 63u);
}

TEST(SendCalibrationTest, AnotherRunHasOthers) {
  Calibration later = Sample();
  later.start_unix_micros = 6;
  Calibration other = Sample();
  other.measurements[0].disposition_reason = "left out";
  for (const Calibration& calibration : {later, other}) {
    EXPECT_NE(RequestIdOf(Sample()), RequestIdOf(calibration));
    EXPECT_NE(CalibrationIdOf(Sample()), CalibrationIdOf(calibration));
  }
}

TEST(SendCalibrationTest, TheRequestIsPrintedUnderTheProtosNames) {
  const auto text = CreateRequestJson(Sample());
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, *CreateRequestJson(Sample()));
  const nlohmann::json request = nlohmann::json::parse(*text);
  EXPECT_EQ(request["request_id"], RequestIdOf(Sample()));
  EXPECT_EQ(request["calibration_id"], CalibrationIdOf(Sample()));
  const nlohmann::json& calibration = request["calibration"];
  EXPECT_EQ(calibration["device"]["product"], "AMD EPYC (tm) 9000");
  EXPECT_EQ(calibration["measurements"][0]["case_name"], "launch");
  EXPECT_EQ(calibration["measurements"][0]["operation"],
            "OPERATION_KIND_LAUNCH");
}

TEST(SendCalibrationTest, NoServerIsUnavailable) {
  EXPECT_EQ(SendCalibration(Sample(), "127.0.0.1:1").status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace moeplan::worker
