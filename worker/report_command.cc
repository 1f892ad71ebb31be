#include "worker/report_command.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <set>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/calibration/routing_cost.h"
#include "core/calibration/time_model.h"
#include "worker/exit_code.h"
#include "worker/report/pictures.h"
#include "worker/report/run_file.h"
#include "worker/report/send_calibration.h"
#include "worker/report/text.h"

namespace moeplan::worker {
namespace {

constexpr char kDrawn[] = "drawn";

std::set<std::string> DtypesOf(const Calibration& calibration) {
  std::set<std::string> dtypes;
  for (const Measurement& one : calibration.measurements) {
    if (one.timing.has_value()) dtypes.insert(one.dtype);
  }
  return dtypes;
}

bool WriteFile(const std::filesystem::path& path, const std::string& text,
               const char* word, WorkerIo& io) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) {
    io.err << "error: " << path.string() << " cannot be written\n";
    return false;
  }
  io.out << word << ": " << path.string() << '\n';
  return true;
}

int Draw(const Calibration& calibration, const std::string& folder,
         WorkerIo& io) {
  std::error_code fault;
  std::filesystem::create_directories(folder, fault);
  if (fault) {
    io.err << "error: " << folder << " cannot be made: " << fault.message()
           << '\n';
    return kNotWritten;
  }
  const std::filesystem::path to = folder;
  for (const std::string& dtype : DtypesOf(calibration)) {
    if (!WriteFile(to / absl::StrCat("roofline-", dtype, ".svg"),
                   DrawRoofline(calibration, dtype), kDrawn, io) ||
        !WriteFile(to / absl::StrCat("efficiency-", dtype, ".svg"),
                   DrawEfficiency(calibration, dtype), kDrawn, io)) {
      return kNotWritten;
    }
    const auto model = TimeModel::Fit(calibration, dtype, io.interrupter);
    if (model.ok() && !WriteFile(to / absl::StrCat("fit-", dtype, ".svg"),
                                 DrawFit(calibration, *model), kDrawn, io)) {
      return kNotWritten;
    }
  }
  return kDone;
}

// Blocks beside what the model says of them: "off" is predicted over measured,
// less one.
void PrintBlocks(const Calibration& calibration, const TimeModel& model,
                 std::ostream& out) {
  if (model.block_count() == 0) return;
  TextTable table({"block", "measured", "predicted", "off"});
  for (const Measurement& one : calibration.measurements) {
    if (!one.timing.has_value() || one.dtype != model.dtype() ||
        KindOf(one.operation) != OperationKind::kMoeBlock) {
      continue;
    }
    const double measured = one.timing->median_seconds;
    const double predicted = model.Predict(one.operation).seconds;
    table.AddRow(
        {one.case_name, SecondsText(measured), SecondsText(predicted),
         absl::StrFormat("%+.1f %%", 100 * (predicted / measured - 1))});
  }
  table.Print(out);
}

// Of each block that was measured, once for both passes.
void PrintRoutingCosts(const Calibration& calibration, const TimeModel& model,
                       std::ostream& out) {
  TextTable table({"block", "products", "and choice", "and rows"});
  for (const Measurement& one : calibration.measurements) {
    const auto* block = std::get_if<MoeBlock>(&one.operation);
    if (block == nullptr || block->backward || !one.timing.has_value() ||
        one.dtype != model.dtype()) {
      continue;
    }
    const EffectiveRoutingCost cost = EffectiveRoutingCostOf(model, *block);
    table.AddRow({one.case_name, absl::StrFormat("%.1f", cost.products),
                  absl::StrFormat("%.1f", cost.with_choice),
                  absl::StrFormat("%.1f", cost.with_rows)});
  }
  if (model.block_count() == 0) return;
  out << "routing's c_r, FLOPs per token, expert and element of d_model at the "
         "experts' rate; 2402.07871 charges 14\n";
  table.Print(out);
}

}  // namespace

void ShowCalibration(const Calibration& calibration, WorkerIo& io) {
  PrintHeader(calibration, io.out);
  PrintMeasurements(calibration, io.out);
  PrintSummary(calibration, io.out);
  for (const std::string& dtype : DtypesOf(calibration)) {
    io.out << '\n';
    const auto model = TimeModel::Fit(calibration, dtype, io.interrupter);
    if (model.ok()) {
      PrintFits(*model, io.out);
      PrintBlocks(calibration, *model, io.out);
      PrintRoutingCosts(calibration, *model, io.out);
    } else {
      io.out << "no time model in " << dtype << ": " << model.status().message()
             << '\n';
    }
  }
}

int Send(const Calibration& calibration, const std::string& server,
         const std::string& file, WorkerIo& io) {
  const auto name = SendCalibration(calibration, server);
  if (name.ok()) {
    io.out << "sent: " << *name << " on " << server << '\n';
    return kDone;
  }
  io.err << "error: " << server << ": " << name.status().message()
         << "\nThe run is kept in " << file << "; `moeplan-worker report "
         << file << " --server " << server
         << "` sends it again, which is safe to repeat.\n";
  const bool unreachable = absl::IsUnavailable(name.status()) ||
                           absl::IsDeadlineExceeded(name.status());
  return unreachable ? kUnreachable : kRefused;
}

int RunReportCommand(const ReportCommandOptions& options, WorkerIo& io) {
  const auto run = ReadRun(options.file);
  if (!run.ok()) {
    io.err << "error: " << run.status().message() << '\n';
    return kUsage;
  }
  ShowCalibration(run->calibration, io);
  if (!run->is_complete) {
    io.out << "\nThis run was interrupted: `moeplan-worker run --output "
           << options.file << "` with the same suite goes on.\n";
  }
  if (!options.svg_dir.empty()) {
    const int code = Draw(run->calibration, options.svg_dir, io);
    if (code != kDone) return code;
  }
  if (DtypesOf(run->calibration).empty()) return kNothingPassed;
  if (options.server.empty() && options.json_file.empty()) return kDone;
  if (!run->is_complete) {
    io.err << "error: a run that is not complete is not sent\n";
    return kUsage;
  }
  if (!options.json_file.empty()) {
    const auto json = CreateRequestJson(run->calibration);
    if (!json.ok()) {
      io.err << "error: " << json.status().message() << '\n';
      return kNotWritten;
    }
    if (!WriteFile(options.json_file, *json, "written", io)) return kNotWritten;
  }
  if (options.server.empty()) return kDone;
  return Send(run->calibration, options.server, options.file, io);
}

}  // namespace moeplan::worker
