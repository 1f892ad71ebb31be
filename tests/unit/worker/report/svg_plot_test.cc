#include "worker/report/svg_plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <sstream>

#include "core/base/violations.h"
#include "worker/bench/runner.h"
#include "worker/bench/suite.h"
#include "worker/device/fake_device.h"
#include "worker/report/pictures.h"
#include "worker/report/text.h"

namespace moeplan::worker {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(SvgPlotTest, ShowsTitlesUnitsAndLegend) {
  SvgPlot plot("Rates <a & b>", {.title = "size [bytes]"},
               {.title = "share [%]", .logarithmic = false});
  plot.AddPoints("copies", {{10, 20, "one"}, {5000, 70, "two"}});
  plot.AddLine("roof", {{10, 80, ""}, {5000, 80, ""}});
  const std::string svg = plot.Draw();
  EXPECT_THAT(svg, HasSubstr("Rates &lt;a &amp; b&gt;"));
  EXPECT_THAT(svg, HasSubstr("size [bytes]"));
  EXPECT_THAT(svg, HasSubstr("share [%]"));
  EXPECT_THAT(svg, HasSubstr(">copies<"));
  EXPECT_THAT(svg, HasSubstr(">roof<"));
  EXPECT_THAT(svg, HasSubstr("<title>two</title>"));
  // Decades for x, 0 to 100 for y.
  EXPECT_THAT(svg, HasSubstr(">1e+04<"));
  EXPECT_THAT(svg, HasSubstr(">100<"));
}

TEST(SvgPlotTest, WhatAnAxisCannotShowIsLeftOut) {
  SvgPlot plot("Rates", {.title = "x"}, {.title = "y"});
  plot.AddPoints("none", {{0, 1, "zero"}, {1, -1, "below"}});
  const std::string svg = plot.Draw();
  EXPECT_THAT(svg, HasSubstr("nothing was measured"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

// A whole run on the fake device.
Calibration FakeRun() {
  const auto device = FakeDevice::Open({});
  auto suite = MakeSuite({.name = "smoke", .dtypes = {"f32"}});
  suite->options.most_rounds = 1;
  Calibration calibration;
  calibration.device = (*device)->identity();
  RunHandlers handlers;
  handlers.on_measured = [&](const Measurement& one) {
    calibration.measurements.push_back(one);
    return absl::OkStatus();
  };
  const auto summary =
      RunCases(**device, suite->cases, {}, suite->options, handlers);
  EXPECT_TRUE(summary.ok()) << summary.status();
  // As the server will.
  Violations violations;
  CheckCalibration(calibration, violations);
  EXPECT_TRUE(violations.empty()) << violations.ToStatus();
  return calibration;
}

TEST(PicturesTest, DrawARunAndItsFit) {
  const Calibration calibration = FakeRun();
  EXPECT_THAT(DrawRoofline(calibration, "f32"),
              HasSubstr("grouped gemm weight gradient"));
  EXPECT_THAT(DrawEfficiency(calibration, "f32"), HasSubstr("[%]"));
  const auto model = TimeModel::Fit(calibration, "f32");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_THAT(DrawFit(calibration, *model), HasSubstr("measured time [us]"));
  EXPECT_THAT(DrawRoofline(calibration, "bf16"),
              HasSubstr("nothing was measured"));
}

TEST(TextTest, TablesHaveEveryCaseAndWhyOneHasNoNumber) {
  Calibration calibration = FakeRun();
  calibration.measurements[3].timing.reset();
  calibration.measurements[3].disposition = Disposition::kContended;
  calibration.measurements[3].disposition_reason = "busy";
  std::ostringstream out;
  PrintHeader(calibration, out);
  PrintMeasurements(calibration, out);
  PrintSummary(calibration, out);
  PrintFits(*TimeModel::Fit(calibration, "f32"), out);
  for (const Measurement& one : calibration.measurements) {
    EXPECT_THAT(out.str(), HasSubstr(one.case_name));
  }
  EXPECT_THAT(out.str(), HasSubstr(": contended, busy"));
  EXPECT_THAT(out.str(), HasSubstr("grouped_gemm.forward"));
}

TEST(TextTest, SecondsHaveTheUnitThatFits) {
  EXPECT_EQ(SecondsText(1.5e-9), "1.5 ns");
  EXPECT_EQ(SecondsText(0.0123), "12.3 ms");
  EXPECT_EQ(SecondsText(3), "3 s");
}

}  // namespace
}  // namespace moeplan::worker
