#include "worker/report/run_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace moeplan::worker {
namespace {

using ::testing::HasSubstr;

Measurement Named(const std::string& name,
                  Disposition disposition = Disposition::kPassed) {
  Measurement one;
  one.case_name = name;
  one.operation = Launch{};
  one.dtype = "f32";
  one.disposition = disposition;
  if (disposition == Disposition::kPassed) {
    one.timing = Timing{.median_seconds = 1,
                        .lower_seconds = 1,
                        .upper_seconds = 1,
                        .sample_count = 10,
                        .drift_ratio = {}};
  }
  return one;
}

class RunFileTest : public testing::Test {
 protected:
  void SetUp() override {
    path_ = testing::TempDir() + "/run.jsonl";
    std::filesystem::remove(path_);
    header_.suite = "smoke";
    header_.device.product = "A CPU";
    header_.software.suite_hash = std::string(64, 'a');
    header_.start_unix_micros = 1000;
  }

  RunFile Open() {
    auto file = RunFile::Open(path_, header_);
    EXPECT_TRUE(file.ok()) << file.status();
    return *std::move(file);
  }

  std::string Text() const {
    std::ifstream file(path_);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  std::string path_;
  RunHeader header_;
};

TEST_F(RunFileTest, KeepsARunLineByLine) {
  {
    RunFile file = Open();
    EXPECT_TRUE(file.finished().empty());
    ASSERT_TRUE(file.Append(Named("a"), 2000).ok());
    // On the disk before anything else happens.
    EXPECT_EQ(ReadRun(path_)->calibration.measurements.size(), 1u);
    EXPECT_FALSE(ReadRun(path_)->is_complete);
    RunEnd end;
    end.peaks = {{"f32", 1e12}};
    end.coverage_gaps = {"none seen"};
    end.end_unix_micros = 3000;
    ASSERT_TRUE(file.Append(end).ok());
  }
  const auto run = ReadRun(path_);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_TRUE(run->is_complete);
  EXPECT_EQ(run->suite, "smoke");
  EXPECT_EQ(run->calibration.device, header_.device);
  EXPECT_EQ(run->calibration.software, header_.software);
  EXPECT_EQ(run->calibration.measurements[0], Named("a"));
  EXPECT_EQ(run->calibration.start_unix_micros, 1000);
  EXPECT_EQ(run->calibration.end_unix_micros, 3000);
  EXPECT_EQ(run->calibration.peaks[0].flops_per_second, 1e12);
}

TEST_F(RunFileTest, AnInterruptedRunGoesOn) {
  ASSERT_TRUE(Open().Append(Named("a"), 2000).ok());
  header_.start_unix_micros = 9000;  // a later start of the same run
  RunFile file = Open();
  ASSERT_EQ(file.finished().size(), 1u);
  EXPECT_EQ(file.finished()[0].case_name, "a");
  ASSERT_TRUE(file.Append(Named("b"), 9500).ok());
  const auto run = ReadRun(path_);
  EXPECT_EQ(run->calibration.measurements.size(), 2u);
  EXPECT_EQ(run->calibration.start_unix_micros, 1000);
  EXPECT_EQ(run->calibration.end_unix_micros, 9500);
}

TEST_F(RunFileTest, ATornLastLineIsCutOff) {
  ASSERT_TRUE(Open().Append(Named("a"), 2000).ok());
  const std::string whole = Text();
  for (const size_t left : {size_t{1}, size_t{20}}) {
    std::ofstream(path_) << whole << whole.substr(0, left);
    EXPECT_EQ(ReadRun(path_)->calibration.measurements.size(), 1u);
    RunFile file = Open();
    EXPECT_EQ(file.finished().size(), 1u);
    ASSERT_TRUE(file.Append(Named("b"), 3000).ok());
    EXPECT_EQ(ReadRun(path_)->calibration.measurements.size(), 2u);
  }
}

TEST_F(RunFileTest, ATornHeaderIsRefused) {
  std::ofstream(path_) << "{\"type\": \"ru";
  // It may be anything: nothing is overwritten.
  EXPECT_FALSE(RunFile::Open(path_, header_).ok());
}

TEST_F(RunFileTest, SkippedCasesAreMeasuredAgainAndTheLastCounts) {
  ASSERT_TRUE(Open().Append(Named("a", Disposition::kSkipped), 2000).ok());
  RunFile file = Open();
  EXPECT_TRUE(file.finished().empty());
  ASSERT_TRUE(file.Append(Named("a"), 3000).ok());
  const auto run = ReadRun(path_);
  ASSERT_EQ(run->calibration.measurements.size(), 1u);
  EXPECT_EQ(run->calibration.measurements[0].disposition, Disposition::kPassed);
}

TEST_F(RunFileTest, AnotherSuiteDeviceOrSoftwareIsNotMixedIn) {
  ASSERT_TRUE(Open().Append(Named("a"), 2000).ok());
  const auto refused = [this](const RunHeader& header) {
    const auto file = RunFile::Open(path_, header);
    EXPECT_EQ(file.status().code(), absl::StatusCode::kFailedPrecondition);
    return std::string(file.status().message());
  };
  RunHeader other = header_;
  other.software.suite_hash[3] = 'b';
  EXPECT_THAT(refused(other), HasSubstr("another suite"));
  other = header_;
  other.device.memory_bytes = 7;
  EXPECT_THAT(refused(other), HasSubstr("another device"));
  other = header_;
  other.software.library_versions = {"onednn 3"};
  EXPECT_THAT(refused(other), HasSubstr("other software"));
  other = header_;
  other.conditions.seed = 2;
  EXPECT_THAT(refused(other), HasSubstr("other conditions"));
}

TEST_F(RunFileTest, OtherFilesAreRefusedByLine) {
  EXPECT_EQ(ReadRun(path_).status().code(), absl::StatusCode::kNotFound);
  std::ofstream(path_) << "hello\n";
  EXPECT_THAT(std::string(ReadRun(path_).status().message()),
              HasSubstr("line 1"));
  EXPECT_FALSE(RunFile::Open(path_, header_).ok());
  EXPECT_EQ(Text(), "hello\n");
  std::filesystem::remove(path_);
  ASSERT_TRUE(Open().Append(Named("a"), 2000).ok());
  std::ofstream(path_, std::ios::app) << "{\"type\": \"end\"}\n";
  EXPECT_THAT(std::string(ReadRun(path_).status().message()),
              HasSubstr("line 3"));
}

TEST_F(RunFileTest, AFolderThatIsMissingIsSaid) {
  EXPECT_EQ(RunFile::Open("/no/such/folder/run.jsonl", header_).status().code(),
            absl::StatusCode::kPermissionDenied);
}

}  // namespace
}  // namespace moeplan::worker
