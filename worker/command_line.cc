#include "worker/command_line.h"

#include <functional>
#include <map>
#include <string>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/strings/str_cat.h"
#include "worker/exit_code.h"
#include "worker/report_command.h"
#include "worker/run_command.h"

namespace moeplan::worker {
namespace {

constexpr char kDescription[] =
    "moeplan-worker: measures what this machine really delivers on the\n"
    "operations of Mixture-of-Experts models, for moeplan to plan with.\n";

constexpr char kExamples[] =
    "Examples:\n"
    "  moeplan-worker run --suite smoke --device cpu --list\n"
    "  moeplan-worker run --suite smoke --device cpu --server localhost:8600\n"
    "  moeplan-worker report moeplan-smoke-cpu.jsonl --svg-dir pictures\n";

constexpr char kRunDescription[] =
    "Measure a suite of cases. Every measurement is on the disk before the\n"
    "next one starts: an interrupted run goes on with the same command.\n"
    "Measure on an idle machine: what others take is thrown away, and too\n"
    "little of it left means no number.\n";

constexpr char kReportDescription[] =
    "Show a run that is on the disk and fit its time model anew, without\n"
    "measuring; draw roofline, efficiency and fit; send it to a server.\n"
    "Sending is safe to repeat.\n";

void AddRun(CLI::App& root, RunCommandOptions& options,
            std::function<int(WorkerIo&)>& chosen) {
  CLI::App* run = root.add_subcommand("run", kRunDescription);
  run->add_option("--suite", options.suite,
                  "smoke (<= 60 s), standard, full, or a JSON file of cases")
      ->capture_default_str();
  run->add_option(
         "--device", options.device,
         "cpu; cuda or cuda:N, a GPU; auto, a GPU where there is one and "
         "else the CPU; fake (fake:FAULT) is made up, for tests")
      ->capture_default_str();
  run->add_option("--regime", options.regime,
                  "sustained, from a soaked device; or burst, the suite's "
                  "ceilings only, each sample after a second of idling: shown, "
                  "never planned with (default sustained)")
      ->transform(
          CLI::CheckedTransformer(std::map<std::string, MeasuringRegime>{
              {"sustained", MeasuringRegime::kSustained},
              {"burst", MeasuringRegime::kBurst}}))
      ->type_name("TEXT");
  run->add_option("--dtype", options.dtypes,
                  "number formats, such as f32,bf16 (default f32, with CUDA "
                  "bf16)")
      ->delimiter(',')
      ->check(CLI::IsMember({"f32", "bf16", "fp8"}));
  run->add_option("--threads", options.threads,
                  "threads of matrix products on a CPU; more than 1 needs as "
                  "many idle cores")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  run->add_flag("--counters", options.counters,
                "with CUDA, count what each case executes, in a run of its "
                "own; most machines allow that to administrators only");
  run->add_option("--seed", options.seed, "of data and drawn routings")
      ->capture_default_str();
  run->add_option("--output", options.output,
                  "file of the run (default moeplan-SUITE-DEVICE.jsonl)");
  run->add_option("--server", options.server,
                  "host:port to send the calibration to");
  run->add_flag("--list", options.lists,
                "show the cases and the expected time, measure nothing");
  run->callback([&options, &chosen] {
    chosen = [&options](WorkerIo& io) { return RunRunCommand(options, io); };
  });
}

void AddReport(CLI::App& root, ReportCommandOptions& options,
               std::function<int(WorkerIo&)>& chosen) {
  CLI::App* report = root.add_subcommand("report", kReportDescription);
  report->add_option("file", options.file, "file of a run")
      ->required()
      ->type_name("FILE");
  report->add_option("--svg-dir", options.svg_dir,
                     "folder for pictures (SVG), made where missing");
  report->add_option("--json", options.json_file,
                     "file for the calibration as the server takes it");
  report->add_option("--server", options.server,
                     "host:port to send the calibration to");
  report->callback([&options, &chosen] {
    chosen = [&options](WorkerIo& io) { return RunReportCommand(options, io); };
  });
}

}  // namespace

int RunWorkerCommandLine(int argc, const char* const* argv, WorkerIo& io) {
  CLI::App root(kDescription);
  root.name("moeplan-worker");
  root.require_subcommand(1);
  root.set_version_flag("--version", "moeplan-worker " MOEPLAN_VERSION);
  root.footer(absl::StrCat(kExitCodeHelp, "\n", kExamples));
  RunCommandOptions run;
  ReportCommandOptions report;
  std::function<int(WorkerIo&)> chosen;
  AddRun(root, run, chosen);
  AddReport(root, report, chosen);
  if (argc <= 1) {
    io.out << root.help();
    return kUsage;
  }
  try {
    root.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return root.exit(help, io.out, io.err) == 0 ? kDone : kUsage;
  } catch (const CLI::ParseError& error) {
    const bool has_command = !root.get_subcommands().empty();
    io.err << "error: "
           << (has_command ? error.what() : "the command must be run or report")
           << "\n`moeplan-worker --help` shows what is allowed.\n";
    return kUsage;
  }
  return chosen(io);
}

}  // namespace moeplan::worker
