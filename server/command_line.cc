#include "server/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "absl/strings/str_cat.h"
#include "core/base/quantity.h"
#include "server/exit_code.h"
#include "server/healthcheck.h"
#include "server/rpc/server_version.h"

namespace moeplan::server {
namespace {

constexpr char kDescription[] =
    "moeplan-server answers, over gRPC, which Mixture-of-Experts model to "
    "train under a budget, and what loss to expect.\n"
    "It listens in plain text and knows no users: keep it on localhost or "
    "behind a network policy.\n";

constexpr char kFooter[] =
    "Durations are written as 500ms, 5s, 2m or 1h. Each option can be given in "
    "the environment too; a flag wins.\n\n"
    "Exit codes of the server:\n"
    "  0  ended in order, after SIGTERM or SIGINT (a second one skips the "
    "drain notice)\n"
    "  1  another failure\n"
    "  2  bad flags\n"
    "  3  cannot listen: the port is taken or the address is wrong\n"
    "  4  the data directory cannot be used, or another server uses it\n"
    "  5  the database is damaged, another program's, or of a newer server\n"
    "  6  too few file descriptors (ulimit -n)\n"
    "Exit codes of healthcheck: 0 serving, 1 bad flags, 2 no connection, "
    "3 the call failed, 4 not serving\n\n"
    "Logs are one JSON object a line on standard error. Standard output gets "
    "the line: listening on HOST:PORT, and with --metrics-listen: metrics on "
    "HOST:PORT.\n\n"
    "Example: moeplan-server --listen 127.0.0.1:7600 --data-dir "
    "/var/lib/moeplan\n";

// Reads a duration where it belongs; CLI11 prints what the check returns.
CLI::Option* AddDuration(CLI::App& app, const std::string& flag,
                         absl::Duration& target, const std::string& text) {
  CLI::Option* option = app.add_option_function<std::string>(
      flag,
      [&target](const std::string& value) {
        absl::ParseDuration(value, &target);
      },
      text);
  option->default_str(absl::FormatDuration(target))
      ->type_name("DURATION")
      ->check([](const std::string& value) -> std::string {
        absl::Duration parsed;
        if (absl::ParseDuration(value, &parsed)) return "";
        return "must be a duration such as 500ms, 5s or 2m; got " + value;
      });
  return option;
}

// What clients may store.
void AddQuotas(CLI::App& app, ServerOptions::Storing& storing) {
  app.add_option("--max-calibrations", storing.most_calibrations,
                 "Calibrations that are kept; another one is refused with "
                 "RESOURCE_EXHAUSTED until one is deleted")
      ->envname("MOEPLAN_MAX_CALIBRATIONS")
      ->type_name("COUNT")
      ->capture_default_str();
  app.add_option_function<std::string>(
         "--max-calibration-bytes",
         [&storing](const std::string& text) {
           storing.most_calibration_bytes =
               *ParseWholeQuantity(text, QuantityKind::kBytes);
         },
         "Bytes that all calibrations together may take in the store, such as "
         "256MiB; refused as above")
      ->envname("MOEPLAN_MAX_CALIBRATION_BYTES")
      ->type_name("BYTES")
      ->default_str(absl::StrCat(storing.most_calibration_bytes >> 20, "MiB"))
      ->check([](const std::string& text) {
        return std::string(
            ParseWholeQuantity(text, QuantityKind::kBytes).status().message());
      });
}

void AddListeningAndStoring(CLI::App& app, ServerOptions& options) {
  app.add_option("--listen", options.listening.address,
                 "Address to listen on: HOST:PORT, [IPV6]:PORT or unix:PATH; "
                 "port 0 takes a free one")
      ->envname("MOEPLAN_LISTEN")
      ->type_name("ADDRESS")
      ->capture_default_str();
  app.add_option("--port-file", options.listening.port_file,
                 "File that gets the bound port once calls are answered")
      ->envname("MOEPLAN_PORT_FILE")
      ->type_name("PATH");
  app.add_option("--data-dir", options.storing.data_directory,
                 "Directory of the store (SQLite, not on a network file "
                 "system); made if missing. Without it nothing outlives the "
                 "process")
      ->envname("MOEPLAN_STORE_DIR")
      ->type_name("PATH");
  app.add_option("--metrics-listen", options.measuring.address,
                 "Address of the page of metrics for Prometheus, HOST:PORT, "
                 "GET /metrics; port 0 takes a free one. Without it nothing is "
                 "measured")
      ->envname("MOEPLAN_METRICS_LISTEN")
      ->type_name("ADDRESS");
  app.add_option_function<std::string>(
         "--default-set",
         [&options](const std::string& id) {
           options.default_sets.predict = id;
           options.default_sets.optimal_config = id;
         },
         "Coefficient set of requests that name none")
      ->envname("MOEPLAN_DEFAULT_SET")
      ->type_name("ID")
      ->default_str(options.default_sets.optimal_config);
  app.add_option("--default-dense-set", options.default_sets.dense,
                 "Coefficient set that clients are told to use for dense "
                 "models")
      ->envname("MOEPLAN_DEFAULT_DENSE_SET")
      ->type_name("ID")
      ->capture_default_str();
}

void AddWorkingAndDraining(CLI::App& app, ServerOptions& options) {
  app.add_option("--threads", options.working.threads,
                 "Threads for searches; 0 means the machine's cores")
      ->envname("MOEPLAN_THREADS")
      ->type_name("COUNT")
      ->capture_default_str();
  app.add_option("--fit-threads", options.working.fit_threads,
                 "Threads of one fit; 0 means one less than --threads")
      ->envname("MOEPLAN_FIT_THREADS")
      ->type_name("COUNT")
      ->capture_default_str();
  app.add_flag("--reflection,!--no-reflection", options.listening.reflection,
               "Whether clients may list and describe the API (grpcurl)")
      ->envname("MOEPLAN_REFLECTION")
      ->default_str("true");
  AddDuration(app, "--drain-notice", options.draining.notice,
              "How long calls are still taken after SIGTERM, while health says "
              "NOT_SERVING")
      ->envname("MOEPLAN_DRAIN_NOTICE");
  AddDuration(app, "--drain-deadline", options.draining.deadline,
              "How long running calls may take after the notice; fits are "
              "aborted 2s before")
      ->envname("MOEPLAN_DRAIN_DEADLINE");
  AddDuration(app, "--slow-call", options.logging.slow_call,
              "Calls that take longer are logged; fits are not")
      ->envname("MOEPLAN_SLOW_CALL");
  app.add_option_function<std::string>(
         "--log-level",
         [&options](const std::string& text) {
           options.logging.level = *ParseLogLevel(text);
         },
         "Lowest level that is logged")
      ->envname("MOEPLAN_LOG_LEVEL")
      ->default_str("info")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}));
}

CLI::App* AddHealthcheck(CLI::App& app, HealthcheckOptions& options) {
  CLI::App* check = app.add_subcommand(
      "healthcheck", "Asks a running server whether it serves");
  check->add_option("--addr", options.address, "Address of the server")
      ->envname("MOEPLAN_HEALTHCHECK_ADDR")
      ->type_name("ADDRESS")
      ->capture_default_str();
  check
      ->add_option("--service", options.service,
                   "Service to ask for, such as readiness or "
                   "moeplan.v1.PlannerService; empty means the whole server")
      ->type_name("NAME");
  AddDuration(*check, "--timeout", options.timeout,
              "How long connecting, and answering, may take");
  return check;
}

}  // namespace

CommandLine ParseCommandLine(int argc, const char* const* argv) {
  CommandLine result;
  auto options = std::make_unique<ServerOptions>();
  HealthcheckOptions healthcheck;
  CLI::App app(kDescription, "moeplan-server");
  app.footer(kFooter);
  app.set_version_flag("--version",
                       std::string("moeplan-server ") + ServerVersion());
  AddListeningAndStoring(app, *options);
  AddQuotas(app, options->storing);
  AddWorkingAndDraining(app, *options);
  const CLI::App* check = AddHealthcheck(app, healthcheck);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool asked = app.exit(error) == 0;  // prints help or the mistake
    const bool checking = argc > 1 && std::string(argv[1]) == "healthcheck";
    result.exit_code = asked      ? 0
                       : checking ? static_cast<int>(HealthcheckCode::kBadFlags)
                                  : static_cast<int>(ExitCode::kBadFlags);
    return result;
  }
  if (check->parsed()) {
    result.healthcheck = healthcheck;
  } else {
    result.serve = *options;
  }
  return result;
}

}  // namespace moeplan::server
