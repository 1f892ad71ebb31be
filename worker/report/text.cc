#include "worker/report/text.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "worker/bench/measure_case.h"

namespace moeplan::worker {
namespace {

std::string Rate(double amount, double seconds) {
  return amount > 0 ? absl::StrFormat("%.3g", amount / seconds / 1e9) : "";
}

std::string Percent(const std::optional<double>& share) {
  return share.has_value() ? absl::StrFormat("%.1f %%", 100 * *share) : "";
}

std::string Coefficient(const NamedValue& value) {
  return absl::StrFormat("%s %.3g", value.name, value.value);
}

// Coefficients that a fit with few measurements leaves alone.
bool IsNeutral(const NamedValue& value) {
  return value.value <= 1e-29 || value.value >= 1e29;
}

}  // namespace

void TextTable::Print(std::ostream& out) const {
  std::vector<size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      absl::StrAppend(&line, i == 0 ? "" : "  ",
                      i == 0 ? row[i] + padding : padding + row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  }
}

std::string SecondsText(double seconds) {
  const double size = std::abs(seconds);
  if (size < 1e-6) return absl::StrFormat("%.3g ns", seconds * 1e9);
  if (size < 1e-3) return absl::StrFormat("%.3g us", seconds * 1e6);
  if (size < 1) return absl::StrFormat("%.3g ms", seconds * 1e3);
  return absl::StrFormat("%.3g s", seconds);
}

void PrintHeader(const Calibration& calibration, std::ostream& out) {
  const DeviceIdentity& device = calibration.device;
  out << "device      " << device.product << ", " << device.multiprocessor_count
      << (device.kind == DeviceKind::kCpu ? " cores" : " multiprocessors")
      << ", "
      << absl::StrFormat("%.1f GiB of memory\n",
                         static_cast<double>(device.memory_bytes) / (1 << 30));
  const SoftwareStack& software = calibration.software;
  out << "software    moeplan-worker " << software.worker_version;
  if (!software.driver_version.empty()) {
    out << ", driver " << software.driver_version;
  }
  for (const std::string& library : software.library_versions) {
    out << ", " << library;
  }
  out << "\nsuite       " << software.suite_hash.substr(0, 16) << '\n';
  const MeasuringConditions& conditions = calibration.conditions;
  out << "conditions  "
      << (conditions.regime == MeasuringRegime::kSustained ? "sustained"
                                                           : "burst");
  if (conditions.compute_clock_hertz.has_value()) {
    out << absl::StrFormat(", clock %.2f GHz",
                           *conditions.compute_clock_hertz / 1e9);
  }
  if (!conditions.throttle_reasons.empty()) {
    out << ", throttled: " << absl::StrJoin(conditions.throttle_reasons, ", ");
  }
  if (conditions.contended) out << ", contended";
  out << "\n\n";
}

void PrintMeasurements(const Calibration& calibration, std::ostream& out) {
  TextTable table(
      {"case", "time", "+-", "GFLOP/s", "GB/s", "samples", "lost", "backend"});
  std::vector<std::string> without;
  for (const Measurement& one : calibration.measurements) {
    if (!one.timing.has_value()) {
      without.push_back(absl::StrCat(one.case_name, ": ",
                                     NameOf(one.disposition), ", ",
                                     one.disposition_reason));
      continue;
    }
    const Timing& timing = *one.timing;
    const OperationCost cost = CostOf(one.operation, ElementBytes(one.dtype));
    const double half_width = 0.5 *
                              (timing.upper_seconds - timing.lower_seconds) /
                              timing.median_seconds;
    table.AddRow({one.case_name, SecondsText(timing.median_seconds),
                  Percent(half_width), Rate(cost.flops, timing.median_seconds),
                  Rate(cost.bytes, timing.median_seconds),
                  absl::StrCat(timing.sample_count),
                  absl::StrCat(timing.discarded_count), one.backend});
  }
  table.Print(out);
  if (!without.empty()) out << "\nwithout a number:\n";
  for (const std::string& line : without) out << "  " << line << '\n';
  out << '\n';
}

void PrintSummary(const Calibration& calibration, std::ostream& out) {
  std::map<Disposition, int> counts;
  for (const Measurement& one : calibration.measurements) {
    ++counts[one.disposition];
  }
  std::vector<std::string> parts;
  for (const auto& [disposition, count] : counts) {
    parts.push_back(absl::StrCat(count, " ", NameOf(disposition)));
  }
  out << calibration.measurements.size()
      << " cases: " << absl::StrJoin(parts, ", ") << '\n';
  for (const std::string& gap : calibration.coverage_gaps) {
    out << "note: " << gap << '\n';
  }
}

void PrintFits(const TimeModel& model, std::ostream& out) {
  out << "time model " << kTimeModelVersion << ", " << model.dtype()
      << "; errors of shapes left out of the fit:\n";
  TextTable table({"operation", "shapes", "median", "mean", "worst"});
  for (const OperationFit& fit : model.fits()) {
    table.AddRow({fit.operation_class, absl::StrCat(fit.measurement_count),
                  Percent(fit.held_out_median_error),
                  Percent(fit.held_out_mean_error),
                  Percent(fit.held_out_worst_error)});
  }
  table.Print(out);
  if (model.block_count() > 0) {
    out << absl::StrFormat(
        "whole MoE blocks take %.2f times the sum of their operations (%d "
        "measured)\n",
        model.block_ratio(), model.block_count());
  }
  out << "coefficients:\n";
  for (const OperationFit& fit : model.fits()) {
    std::vector<std::string> values;
    for (const NamedValue& value : fit.coefficients) {
      if (!IsNeutral(value)) values.push_back(Coefficient(value));
    }
    out << "  " << fit.operation_class << ": " << absl::StrJoin(values, ", ")
        << '\n';
  }
}

}  // namespace moeplan::worker
