#include "nlohmann/json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "worker/bench/suite.h"
#include "worker/report/measurement_json.h"
#include "worker/report/operation_json.h"
#include "worker/report/suite_file.h"

namespace moeplan::worker {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

TEST(OperationJsonTest, EveryOperationOfEverySuiteComesBack) {
  const auto suite = MakeSuite({.name = "full", .dtypes = {"f32"}});
  ASSERT_TRUE(suite.ok());
  for (const Case& one : suite->cases) {
    const auto back = OperationFromJson(ToJson(one.operation));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, one.operation);
  }
}

TEST(OperationJsonTest, NamesAreTheFieldsOfCore) {
  EXPECT_EQ(ToJson(Operation(GroupedGemm{.rows_per_expert = {2, 0},
                                         .in_width = 4,
                                         .out_width = 6,
                                         .pass = GemmPass::kWeightGradient})),
            json::parse(R"({"kind": "grouped_gemm", "in_width": 4,
                            "out_width": 6, "pass": "weight_gradient",
                            "rows_per_expert": [2, 0]})"));
}

TEST(OperationJsonTest, WrongOnesAreRefusedByName) {
  const auto refused = [](const char* text) {
    return std::string(OperationFromJson(json::parse(text)).status().message());
  };
  EXPECT_THAT(refused("3"), HasSubstr("kind"));
  EXPECT_THAT(refused(R"({"kind": "gemv"})"), HasSubstr("gemv"));
  EXPECT_THAT(refused(R"({"kind": "gemm", "m": 1, "n": 2})"),
              HasSubstr("k is missing"));
  EXPECT_THAT(refused(R"({"kind": "copy", "bytes": 1, "m": 2})"),
              HasSubstr("m is no size of copy"));
  EXPECT_THAT(refused(R"({"kind": "copy", "bytes": 1.5})"),
              HasSubstr("whole number"));
  EXPECT_THAT(refused(R"({"kind": "grouped_gemm", "in_width": 4,
                          "out_width": 6, "rows_per_expert": [1],
                          "pass": "sideways"})"),
              HasSubstr("pass must be"));
}

TEST(MeasurementJsonTest, ComesBackWithAndWithoutATiming) {
  Measurement one;
  one.case_name = "gemm";
  one.operation = Gemm{.m = 1, .n = 2, .k = 3};
  one.dtype = "f32";
  one.disposition = Disposition::kAbovePeak;
  one.disposition_reason = "too fast";
  one.peak_memory_bytes = 12;
  one.device_memory_bytes = 34;
  one.hgmma_share = 0.5;
  EXPECT_EQ(*MeasurementFromJson(ToJson(one)), one);
  one.disposition = Disposition::kPassed;
  one.timing = Timing{.median_seconds = 0.1 + 0.2,
                      .lower_seconds = 0.29,
                      .upper_seconds = 0.31,
                      .iqr_seconds = 0.01,
                      .sample_count = 12,
                      .drift_ratio = 1.0 / 3};
  // To the last bit.
  EXPECT_EQ(*MeasurementFromJson(json::parse(ToJson(one).dump())), one);
}

TEST(MeasurementJsonTest, WrongOnesAreRefused) {
  EXPECT_FALSE(MeasurementFromJson(json(3)).ok());
  EXPECT_FALSE(MeasurementFromJson(json::parse(R"({"operation":
      {"kind": "launch"}, "case_name": "x"})"))
                   .ok());
}

class SuiteFileTest : public testing::Test {
 protected:
  absl::StatusOr<Suite> Read(const std::string& text) {
    const std::string path = testing::TempDir() + "/suite.json";
    std::ofstream(path) << text;
    return ReadSuite(path);
  }
  std::string Refused(const std::string& text) {
    return std::string(Read(text).status().message());
  }
};

TEST_F(SuiteFileTest, RowsAreGivenOrDrawn) {
  const auto suite = Read(R"({"protocol": "standard", "cases": [
      {"operation": {"kind": "gemm", "m": 8, "n": 8, "k": 8}, "ceiling": true},
      {"operation": {"kind": "grouped_gemm", "pass": "forward", "in_width": 4,
                     "out_width": 4}, "dtype": "bf16", "seed": 3,
       "routing": {"pattern": "one_hot", "tokens": 6, "experts": 3,
                   "experts_per_token": 1}}]})");
  ASSERT_TRUE(suite.ok()) << suite.status();
  ASSERT_EQ(suite->cases.size(), 2u);
  EXPECT_TRUE(suite->cases[0].is_ceiling);
  EXPECT_EQ(std::get<GroupedGemm>(suite->cases[1].operation).rows_per_expert,
            (std::vector<int64_t>{6, 0, 0}));
  EXPECT_EQ(suite->cases[1].routing, "one_hot");
  EXPECT_EQ(suite->options.rule.most_seconds,
            OptionsOf("standard", DeviceKind::kCpu).rule.most_seconds);
}

TEST_F(SuiteFileTest, ProtocolsFollowTheKindOfDevice) {
  const std::string text = R"({"protocol": "standard", "cases": [
      {"operation": {"kind": "launch"}}]})";
  const std::string path = testing::TempDir() + "/suite.json";
  std::ofstream(path) << text;
  const auto suite = ReadSuite(path, DeviceKind::kCuda);
  ASSERT_TRUE(suite.ok()) << suite.status();
  EXPECT_EQ(suite->options.warm_up_seconds,
            OptionsOf("standard", DeviceKind::kCuda).warm_up_seconds);
  EXPECT_NE(suite->options.warm_up_seconds,
            Read(text)->options.warm_up_seconds);
}

TEST_F(SuiteFileTest, RowsOfARealRunAreTakenAsTheyAre) {
  const auto suite = Read(R"({"cases": [
      {"operation": {"kind": "grouped_gemm", "pass": "forward", "in_width": 4,
                     "out_width": 4},
       "routing": {"pattern": "captured", "rows_per_expert": [40, 0, 3]}},
      {"operation": {"kind": "moe_block", "pass": "forward", "tokens": 3,
                     "d_model": 4, "experts_per_token": 1, "expert_width": 2,
                     "gated": true},
       "routing": {"pattern": "captured", "rows_per_expert": [2, 1]}}]})");
  ASSERT_TRUE(suite.ok()) << suite.status();
  EXPECT_EQ(std::get<GroupedGemm>(suite->cases[0].operation).rows_per_expert,
            (std::vector<int64_t>{40, 0, 3}));
  EXPECT_THAT(suite->cases[0].routing, HasSubstr("captured"));
  EXPECT_EQ(std::get<MoeBlock>(suite->cases[1].operation).rows_per_expert,
            (std::vector<int64_t>{2, 1}));
}

TEST_F(SuiteFileTest, RowsOfOneSumAndLargestAreDifferentCases) {
  EXPECT_TRUE(Read(R"({"cases": [
      {"operation": {"kind": "grouped_gemm", "pass": "forward", "in_width": 4,
                     "out_width": 4},
       "routing": {"pattern": "captured", "rows_per_expert": [40, 0, 3]}},
      {"operation": {"kind": "grouped_gemm", "pass": "forward", "in_width": 4,
                     "out_width": 4},
       "routing": {"pattern": "captured", "rows_per_expert": [40, 2, 1]}}]})")
                  .ok());
}

TEST_F(SuiteFileTest, WrongOnesAreRefusedByCaseAndRule) {
  EXPECT_EQ(ReadSuite("/no/such/file").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_THAT(Refused("{"), HasSubstr("cases"));
  EXPECT_THAT(Refused(R"({"cases": [{}]})"), HasSubstr("cases[0]"));
  EXPECT_THAT(Refused(R"({"cases": [{"operation": {"kind": "gemm", "m": 0,
                          "n": 1, "k": 1}}]})"),
              HasSubstr("m must"));
  EXPECT_THAT(Refused(R"({"cases": [{"dtype": 3}]})"), HasSubstr("type"));
  EXPECT_THAT(Refused(R"({"cases": [
      {"operation": {"kind": "grouped_gemm", "pass": "forward", "in_width": 4,
                     "out_width": 4}, "routing": {"pattern": "captured"}}]})"),
              HasSubstr("cases[0]: routing: a captured pattern needs"));
  EXPECT_THAT(Refused(R"({"cases": [
      {"operation": {"kind": "grouped_gemm", "pass": "forward", "in_width": 4,
                     "out_width": 4},
       "routing": {"pattern": "captured", "rows_per_expert": [1.5]}}]})"),
              HasSubstr("rows_per_expert"));
  EXPECT_THAT(Refused(R"({"cases": [
      {"operation": {"kind": "launch"}}, {"operation": {"kind": "launch"}}]})"),
              HasSubstr("must be unique"));
}

}  // namespace
}  // namespace moeplan::worker
