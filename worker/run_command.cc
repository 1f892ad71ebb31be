#include "worker/run_command.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/base/status_macros.h"
#include "worker/bench/runner.h"
#include "worker/bench/suite.h"
#include "worker/exit_code.h"
#include "worker/open_device.h"
#include "worker/report/run_file.h"
#include "worker/report/suite_file.h"
#include "worker/report/text.h"
#include "worker/report_command.h"

namespace moeplan::worker {
namespace {

// Between two lines of progress where they are kept.
constexpr double kProgressSeconds = 5;

int Fail(const absl::Status& status, int code, WorkerIo& io) {
  io.err << "error: " << status.message() << '\n';
  return code;
}

absl::StatusOr<Suite> SustainedSuiteOf(const RunCommandOptions& options,
                                       DeviceKind kind) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(options.suite, ignored)) {
    return ReadSuite(options.suite, kind);
  }
  SuiteQuestion question;
  question.name = options.suite;
  question.kind = kind;
  question.dtypes = options.dtypes;
  question.seed = options.seed;
  if (question.dtypes.empty()) {
    question.dtypes = {kind == DeviceKind::kCuda ? "bf16" : "f32"};
  }
  MOEPLAN_ASSIGN_OR_RETURN(Suite suite, MakeSuite(question));
  suite.options.most_total_seconds *=
      static_cast<double>(question.dtypes.size());
  MOEPLAN_RETURN_IF_ERROR(CheckSuite(suite));
  return suite;
}

absl::StatusOr<Suite> SuiteOf(const RunCommandOptions& options,
                              DeviceKind kind) {
  MOEPLAN_ASSIGN_OR_RETURN(Suite suite, SustainedSuiteOf(options, kind));
  if (options.regime == MeasuringRegime::kBurst) MakeBurst(suite);
  if (suite.cases.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        options.suite, " has no ceiling, and burst measures nothing else"));
  }
  return suite;
}

// Named by what is measured: `auto` goes on with what it found before.
std::string OutputOf(const RunCommandOptions& options, DeviceKind kind) {
  if (!options.output.empty()) return options.output;
  constexpr const char* kNames[] = {"cuda", "cpu", "fake"};
  return absl::StrCat(
      "moeplan-", std::filesystem::path(options.suite).stem().string(), "-",
      kNames[static_cast<size_t>(kind)],
      options.regime == MeasuringRegime::kBurst ? "-burst" : "", ".jsonl");
}

void List(const Suite& suite, WorkerIo& io) {
  TextTable table({"case", "GFLOP", "MB", "expected"});
  double total = suite.options.soak_seconds;
  for (const Case& one : suite.cases) {
    const OperationCost cost = CostOf(one.operation, ElementBytes(one.dtype));
    const double seconds = ExpectedSeconds(one, suite.options);
    total +=
        (std::min(suite.options.most_rounds, 2) + (one.is_ceiling ? 1 : 0)) *
        seconds;
    table.AddRow({NameOf(one), absl::StrFormat("%.4g", cost.flops / 1e9),
                  absl::StrFormat("%.4g", cost.bytes / 1e6),
                  SecondsText(seconds)});
  }
  table.Print(io.out);
  io.out << absl::StrFormat("%d cases, some %.0f s; suite %s\n",
                            suite.cases.size(),
                            std::min(total, suite.options.most_total_seconds),
                            SuiteHash(suite.cases).substr(0, 16));
}

// Shows where the run stands: one line that is redrawn on a terminal, a line
// now and then elsewhere.
class ProgressLine {
 public:
  explicit ProgressLine(WorkerIo& io) : io_(io) {}
  ~ProgressLine() {
    if (io_.err_is_terminal && shown_) io_.err << "\r\033[K" << std::flush;
  }

  void Show(const RunProgress& progress) {
    const double now = absl::ToDoubleSeconds(absl::Now() - start_);
    if (!io_.err_is_terminal && shown_ && now < next_) return;
    next_ = now + kProgressSeconds;
    shown_ = true;
    io_.err << (io_.err_is_terminal ? "\r\033[K" : "")
            << absl::StrFormat("[%d/%d] %.0f s left  %s", progress.done,
                               progress.total, progress.seconds_left,
                               progress.case_name.substr(0, 60))
            << (io_.err_is_terminal ? "" : "\n") << std::flush;
  }

 private:
  WorkerIo& io_;
  const absl::Time start_ = absl::Now();
  double next_ = 0;
  bool shown_ = false;
};

RunHeader HeaderOf(const Suite& suite, Device& device,
                   const RunCommandOptions& options) {
  RunHeader header;
  header.suite = suite.name;
  header.device = device.identity();
  header.software = device.software();
  header.software.worker_version = MOEPLAN_VERSION;
  header.software.worker_revision = MOEPLAN_REVISION;
  header.software.worker_dirty = MOEPLAN_DIRTY;
  header.software.suite_hash = SuiteHash(suite.cases);
  header.conditions.regime = options.regime;
  header.conditions.seed = static_cast<int64_t>(options.seed);
  header.start_unix_micros = absl::ToUnixMicros(absl::Now());
  return header;
}

absl::Status Measure(const OpenedDevice& opened, const Suite& suite,
                     const RunHeader& header, RunFile& file, WorkerIo& io) {
  Device& device = *opened.device;
  RunnerOptions runner = suite.options;
  runner.interrupter = io.interrupter;
  ProgressLine line(io);
  RunHandlers handlers;
  handlers.on_measured = [&file](const Measurement& measurement) {
    return file.Append(measurement, absl::ToUnixMicros(absl::Now()));
  };
  handlers.on_progress = [&line](const RunProgress& progress) {
    line.Show(progress);
  };
  MOEPLAN_ASSIGN_OR_RETURN(
      const RunSummary summary,
      RunCases(device, suite.cases, file.finished(), runner, handlers));
  RunEnd end;
  end.conditions = device.Conditions();
  end.conditions.regime = header.conditions.regime;
  end.conditions.seed = header.conditions.seed;
  end.peaks = device.ClockTruePeaks();
  end.coverage_gaps = device.CoverageGaps();
  if (!opened.fallback_reason.empty()) {
    end.coverage_gaps.push_back(
        absl::StrCat("no CUDA device was measured: ", opened.fallback_reason));
  }
  end.coverage_gaps.insert(end.coverage_gaps.end(), summary.remarks.begin(),
                           summary.remarks.end());
  end.end_unix_micros = absl::ToUnixMicros(absl::Now());
  return file.Append(end);
}

int ExitCodeOfOpening(const absl::Status& status) {
  return absl::IsUnimplemented(status) ? kNoCuda : kNoDevice;
}

int ExitCodeOfRun(const absl::Status& status) {
  if (absl::IsCancelled(status)) return kInterrupted;
  return kNoDevice;
}

int ShowAndSend(const std::string& output, const RunCommandOptions& options,
                WorkerIo& io) {
  const auto run = ReadRun(output);
  if (!run.ok()) return Fail(run.status(), kNotWritten, io);
  ShowCalibration(run->calibration, io);
  io.out << "\nkept: " << output << '\n';
  bool has_number = false;
  for (const Measurement& one : run->calibration.measurements) {
    has_number = has_number || one.timing.has_value();
  }
  if (!has_number) return kNothingPassed;
  if (options.server.empty()) return kDone;
  return Send(run->calibration, options.server, output, io);
}

// Measures the suite on an open device, or goes on with it.
int RunOn(const OpenedDevice& opened, const RunCommandOptions& options,
          const Suite& suite, WorkerIo& io) {
  const std::string output = OutputOf(options, opened.device->identity().kind);
  const RunHeader header = HeaderOf(suite, *opened.device, options);
  auto file = RunFile::Open(output, header);
  if (!file.ok()) {
    return Fail(file.status(),
                absl::IsPermissionDenied(file.status()) ? kNotWritten : kUsage,
                io);
  }
  if (!file->finished().empty()) {
    io.err << output << ": " << file->finished().size() << " of "
           << suite.cases.size() << " cases are measured already\n";
  }
  // A whole run stays as it is, so that sending it again has no effect.
  if (file->is_complete() && file->finished().size() == suite.cases.size()) {
    return ShowAndSend(output, options, io);
  }
  const absl::Status measured = Measure(opened, suite, header, *file, io);
  if (!measured.ok()) {
    io.err << "error: " << measured.message() << "; what was measured is in "
           << output << ", and the same command goes on\n";
    return ExitCodeOfRun(measured);
  }
  return ShowAndSend(output, options, io);
}

}  // namespace

int RunRunCommand(const RunCommandOptions& options, WorkerIo& io) {
  const auto request = ParseDeviceRequest(options.device);
  if (!request.ok()) return Fail(request.status(), kUsage, io);
  OpenedDevice opened;
  DeviceKind kind = request->kind;
  // Cases follow from the kind alone, and can be shown where there is none.
  if (!options.lists || request->falls_back) {
    auto open = OpenRequested(
        *request, {.threads = options.threads, .counters = options.counters});
    if (!open.ok()) {
      return Fail(open.status(), ExitCodeOfOpening(open.status()), io);
    }
    opened = *std::move(open);
    kind = opened.device->identity().kind;
    if (!opened.fallback_reason.empty()) {
      io.err << "no CUDA device: " << opened.fallback_reason
             << "; the CPU is measured instead\n";
    }
  }
  const auto suite = SuiteOf(options, kind);
  if (!suite.ok()) return Fail(suite.status(), kUsage, io);
  if (options.lists) {
    List(*suite, io);
    return kDone;
  }
  return RunOn(opened, options, *suite, io);
}

}  // namespace moeplan::worker
