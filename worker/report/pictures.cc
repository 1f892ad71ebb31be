#include "worker/report/pictures.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "worker/report/operation_json.h"
#include "worker/report/svg_plot.h"

namespace moeplan::worker {
namespace {

// A passed case with what it is drawn by.
struct Drawn {
  const Measurement* measurement = nullptr;
  OperationCost cost;
  double seconds = 0;
};

std::vector<Drawn> Passed(const Calibration& calibration,
                          const std::string& dtype) {
  std::vector<Drawn> passed;
  for (const Measurement& one : calibration.measurements) {
    if (!one.timing.has_value() || one.dtype != dtype) continue;
    passed.push_back({&one, CostOf(one.operation, ElementBytes(dtype)),
                      one.timing->median_seconds});
  }
  return passed;
}

// Highest rate of dense products.
double FastestProduct(const std::vector<Drawn>& passed) {
  double most = 0;
  for (const Drawn& one : passed) {
    if (KindOf(one.measurement->operation) != OperationKind::kGemm) continue;
    most = std::max(most, one.cost.flops / one.seconds);
  }
  return most;
}

// Rate of the largest copy: smaller ones may stay in a cache.
double LargestCopy(const std::vector<Drawn>& passed) {
  double bytes = 0;
  double rate = 0;
  for (const Drawn& one : passed) {
    if (KindOf(one.measurement->operation) != OperationKind::kCopy ||
        one.cost.bytes < bytes) {
      continue;
    }
    bytes = one.cost.bytes;
    rate = one.cost.bytes / one.seconds;
  }
  return rate;
}

std::string SeriesName(const Operation& operation) {
  const OperationParts parts = PartsOf(operation);
  std::string name(NameOf(parts.kind));
  if (!parts.pass.empty()) absl::StrAppend(&name, " ", parts.pass);
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

void AddAll(const std::map<std::string, std::vector<PlotPoint>>& series,
            SvgPlot& plot) {
  for (const auto& [name, points] : series) plot.AddPoints(name, points);
}

// Rows of a product, the mean of the experts that have some; 0 for others.
double RowsOf(const Operation& operation) {
  if (const auto* gemm = std::get_if<Gemm>(&operation)) {
    return static_cast<double>(gemm->m);
  }
  const auto* grouped = std::get_if<GroupedGemm>(&operation);
  if (grouped == nullptr) return 0;
  double rows = 0;
  double experts = 0;
  for (const int64_t each : grouped->rows_per_expert) {
    rows += static_cast<double>(each);
    experts += each > 0 ? 1 : 0;
  }
  return rows / experts;
}

std::string Title(const char* what, const Calibration& calibration,
                  const std::string& dtype) {
  return absl::StrCat(what, ": ", calibration.device.product, ", ", dtype);
}

}  // namespace

std::string DrawRoofline(const Calibration& calibration,
                         const std::string& dtype) {
  const std::vector<Drawn> passed = Passed(calibration, dtype);
  SvgPlot plot(Title("Roofline", calibration, dtype),
               {.title = "arithmetic intensity [FLOP per byte]"},
               {.title = "rate [GFLOP/s]"});
  std::map<std::string, std::vector<PlotPoint>> series;
  double least = 0;
  double most = 0;
  for (const Drawn& one : passed) {
    if (one.cost.flops <= 0) continue;
    const double intensity = one.cost.flops / one.cost.bytes;
    least = least > 0 ? std::min(least, intensity) : intensity;
    most = std::max(most, intensity);
    series[SeriesName(one.measurement->operation)].push_back(
        {intensity, one.cost.flops / one.seconds / 1e9,
         one.measurement->case_name});
  }
  AddAll(series, plot);
  const double peak = FastestProduct(passed);
  const double bandwidth = LargestCopy(passed);
  if (peak > 0 && bandwidth > 0 && most > 0) {
    const double ridge = peak / bandwidth;
    std::vector<PlotPoint> roof = {
        {least, std::min(peak, least * bandwidth) / 1e9, ""}};
    if (ridge > least && ridge < most) roof.push_back({ridge, peak / 1e9, ""});
    roof.push_back({most, std::min(peak, most * bandwidth) / 1e9, ""});
    plot.AddLine("roof: product, copy", std::move(roof));
  }
  return plot.Draw();
}

std::string DrawEfficiency(const Calibration& calibration,
                           const std::string& dtype) {
  const std::vector<Drawn> passed = Passed(calibration, dtype);
  const double peak = FastestProduct(passed);
  SvgPlot plot(
      Title("Efficiency of products", calibration, dtype),
      {.title = "rows of one product (mean per expert)"},
      {.title = "share of the fastest product [%]", .logarithmic = false});
  std::map<std::string, std::vector<PlotPoint>> series;
  for (const Drawn& one : passed) {
    const double rows = RowsOf(one.measurement->operation);
    if (rows <= 0) continue;
    series[SeriesName(one.measurement->operation)].push_back(
        {rows, 100 * one.cost.flops / one.seconds / peak,
         one.measurement->case_name});
  }
  AddAll(series, plot);
  return plot.Draw();
}

std::string DrawFit(const Calibration& calibration, const TimeModel& model) {
  SvgPlot plot(Title("Time model", calibration, model.dtype()),
               {.title = "measured time [us]"},
               {.title = "modelled over measured time", .logarithmic = false});
  std::map<std::string, std::vector<PlotPoint>> series;
  for (const Drawn& one : Passed(calibration, model.dtype())) {
    const Operation& operation = one.measurement->operation;
    const double seconds = model.Predict(operation).seconds;
    std::string name(NameOf(KindOf(operation)));
    std::replace(name.begin(), name.end(), '_', ' ');
    series[name].push_back(
        {one.seconds * 1e6, seconds / one.seconds, one.measurement->case_name});
  }
  AddAll(series, plot);
  return plot.Draw();
}

}  // namespace moeplan::worker
