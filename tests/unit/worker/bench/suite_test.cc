#include "worker/bench/suite.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "core/base/violations.h"

namespace moeplan::worker {
namespace {

Suite SuiteNamed(const std::string& name,
                 std::vector<std::string> dtypes = {"f32"}) {
  auto suite = MakeSuite({.name = name, .dtypes = std::move(dtypes)});
  EXPECT_TRUE(suite.ok()) << suite.status();
  return *std::move(suite);
}

// The suites of a CPU in f32 and of a CUDA device in bf16.
class EverySuiteTest
    : public testing::TestWithParam<std::tuple<const char*, DeviceKind>> {
 protected:
  Suite Made(std::vector<std::string> dtypes = {}) const {
    const auto [name, kind] = GetParam();
    if (dtypes.empty()) {
      dtypes = {kind == DeviceKind::kCuda ? "bf16" : "f32"};
    }
    auto suite = MakeSuite(
        {.name = name, .kind = kind, .dtypes = std::move(dtypes), .seed = 1});
    EXPECT_TRUE(suite.ok()) << suite.status();
    return *std::move(suite);
  }
};

TEST_P(EverySuiteTest, NamesAreUniqueAndSizesLegal) {
  const Suite suite = Made({"f32", "bf16"});
  Calibration calibration;
  calibration.device.product = "any";
  calibration.device.multiprocessor_count = 1;
  calibration.device.memory_bytes = 1;
  for (const Case& one : suite.cases) {
    Measurement measurement;
    measurement.case_name = NameOf(one);
    measurement.operation = one.operation;
    measurement.dtype = one.dtype;
    calibration.measurements.push_back(measurement);
  }
  Violations violations;
  CheckCalibration(calibration, violations);
  EXPECT_TRUE(violations.empty()) << violations.ToStatus();
}

TEST_P(EverySuiteTest, CoversEveryKindWithEnoughShapesToHoldSomeOut) {
  std::map<OperationKind, std::set<std::string>> shapes;
  std::set<OperationKind> ceilings;
  for (const Case& one : Made().cases) {
    shapes[KindOf(one.operation)].insert(DescribeOperation(one.operation));
    if (one.is_ceiling) ceilings.insert(KindOf(one.operation));
  }
  EXPECT_EQ(static_cast<int>(shapes.size()), kOperationKindCount);
  EXPECT_EQ(ceilings, (std::set{OperationKind::kGemm, OperationKind::kCopy}));
  for (const auto& [kind, different] : shapes) {
    const size_t least = kind == OperationKind::kLaunch ? 1 : 8;
    EXPECT_GE(different.size(), least) << NameOf(kind);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, EverySuiteTest,
    testing::Combine(testing::Values("smoke", "standard", "full"),
                     testing::Values(DeviceKind::kCpu, DeviceKind::kCuda)));

TEST(SuiteTest, CpuSuitesKeepToTheSizesOfACpu) {
  for (const char* name : {"smoke", "standard", "full"}) {
    for (const Case& one : SuiteNamed(name).cases) {
      const auto* grouped = std::get_if<GroupedGemm>(&one.operation);
      if (grouped == nullptr) continue;
      EXPECT_LE(grouped->rows_per_expert.size(), 32u);
      EXPECT_LE(*std::max_element(grouped->rows_per_expert.begin(),
                                  grouped->rows_per_expert.end()),
                4096);
    }
  }
}

TEST(SuiteTest, SmokeSweepsWhatMattersForSmallExperts) {
  std::set<std::string> routings;
  std::set<GemmPass> passes;
  bool has_empty = false;
  bool has_odd = false;
  bool has_decode = false;
  for (const Case& one : SuiteNamed("smoke").cases) {
    if (const auto* grouped = std::get_if<GroupedGemm>(&one.operation)) {
      routings.insert(one.routing);
      passes.insert(grouped->pass);
      for (const int64_t rows : grouped->rows_per_expert) {
        has_empty = has_empty || rows == 0;
        has_odd = has_odd || rows % 2 == 1;
      }
    }
    if (const auto* attention = std::get_if<AttentionCore>(&one.operation)) {
      has_decode = has_decode || attention->query_tokens == 1;
    }
  }
  EXPECT_EQ(routings.size(), 5u);
  EXPECT_EQ(passes.size(), 3u);
  EXPECT_TRUE(has_empty && has_odd && has_decode);
}

TEST(SuiteTest, LargerSuitesHoldTheSmallerOnes) {
  size_t before = 0;
  for (const char* name : {"smoke", "standard", "full"}) {
    const size_t count = SuiteNamed(name).cases.size();
    EXPECT_GT(count, before);
    before = count;
  }
}

TEST(SuiteTest, SmokeIsExpectedToEndWithinAMinute) {
  const Suite suite = SuiteNamed("smoke");
  double seconds = suite.options.soak_seconds;
  for (const Case& one : suite.cases) {
    seconds += ExpectedSeconds(one, suite.options);
  }
  EXPECT_LT(seconds, 60);
  EXPECT_LE(suite.options.most_total_seconds, 60);
}

TEST(SuiteTest, SeedsChangeWhatIsDrawn) {
  const auto one = MakeSuite({.name = "smoke", .dtypes = {"f32"}, .seed = 1});
  const auto two = MakeSuite({.name = "smoke", .dtypes = {"f32"}, .seed = 2});
  EXPECT_NE(SuiteHash(one->cases), SuiteHash(two->cases));
}

TEST(SuiteTest, ABurstIsItsCeilingsAndShort) {
  Suite suite = SuiteNamed("standard");
  MakeBurst(suite);
  double expected = 0;
  for (const Case& one : suite.cases) {
    EXPECT_TRUE(one.is_ceiling) << NameOf(one);
    expected += ExpectedSeconds(one, suite.options);
  }
  EXPECT_EQ(suite.cases.size(), 2u);
  EXPECT_NEAR(expected, 22, 3);
}

TEST(SuiteTest, UnknownNamesAreRefused) {
  EXPECT_EQ(MakeSuite({.name = "tiny", .dtypes = {"f32"}}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace moeplan::worker
