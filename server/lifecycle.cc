#include "server/lifecycle.h"

#include <grpc/support/log.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "server/rpc/json_log.h"
#include "server/rpc/status.h"
#include "server/server.h"

namespace moeplan::server {
namespace {

constexpr rlim_t kFewestDescriptors = 128;

// gRPC 1.51 stops accepting connections for ever once descriptors run out.
absl::Status RaiseDescriptorLimit() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return absl::OkStatus();
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= kFewestDescriptors) return absl::OkStatus();
  return WithErrorInfo(
      absl::FailedPreconditionError(
          absl::StrCat("this process may open ", limit.rlim_cur,
                       " files, and a server needs at least ",
                       kFewestDescriptors, "; raise the limit (ulimit -n)")),
      "FILE_LIMIT");
}

sigset_t EndSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

void WaitForSignal(const sigset_t& signals) {
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) {
  }
}

// Until `notice` is over or a second signal comes.
void WaitForSignalOr(const sigset_t& signals, absl::Duration notice) {
  const timespec timeout = absl::ToTimespec(notice);
  while (sigtimedwait(&signals, nullptr, &timeout) < 0 && errno == EINTR) {
  }
}

// Whole or not at all: a reader never sees half a number.
absl::Status WritePortFile(const std::string& path, int port) {
  const std::string partial = path + ".partial";
  std::FILE* file = std::fopen(partial.c_str(), "w");
  if (file != nullptr) {
    std::fprintf(file, "%d\n", port);
    if (std::fclose(file) == 0 &&
        std::rename(partial.c_str(), path.c_str()) == 0) {
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--port-file: ", path, " cannot be written: ", std::strerror(errno)));
}

// gRPC logs through a plain function; only this process's log is meant.
JsonLog* grpc_log = nullptr;

void LogGrpc(gpr_log_func_args* arguments) {
  if (grpc_log == nullptr) return;
  const LogLevel level = arguments->severity == GPR_LOG_SEVERITY_ERROR
                             ? LogLevel::kWarning
                             : LogLevel::kDebug;
  grpc_log->Write(level, "grpc",
                  {{"message", std::string(arguments->message)}});
}

bool IsLoopback(const std::string& address) {
  return address.empty() || absl::StartsWith(address, "127.") ||
         absl::StartsWith(address, "localhost:") ||
         absl::StartsWith(address, "[::1]:") ||
         absl::StartsWith(address, "unix:");
}

absl::Status ServeUntilSignal(const ServerOptions& options, JsonLog& log,
                              const sigset_t& signals) {
  MOEPLAN_RETURN_IF_ERROR(RaiseDescriptorLimit());
  MOEPLAN_ASSIGN_OR_RETURN(const std::unique_ptr<Server> server,
                           Server::BuildAndStart(options, log));
  if (!IsLoopback(options.listening.address)) {
    log.Write(
        LogLevel::kWarning, "plaintext_listener",
        {{"message", std::string("anyone who reaches this address may read and "
                                 "write; keep it behind a network policy")},
         {"address", server->address()}});
  }
  if (!options.listening.port_file.empty()) {
    MOEPLAN_RETURN_IF_ERROR(
        WritePortFile(options.listening.port_file, server->port()));
  }
  std::printf("listening on %s\n", server->address().c_str());
  if (!server->metrics_address().empty()) {
    std::printf("metrics on %s\n", server->metrics_address().c_str());
  }
  std::fflush(stdout);
  WaitForSignal(signals);
  server->Drain(
      [&signals](absl::Duration notice) { WaitForSignalOr(signals, notice); });
  return absl::OkStatus();
}

}  // namespace

ExitCode RunServer(const ServerOptions& options) {
  // Threads made from here on inherit the mask, so that only the waits above
  // see these signals.
  const sigset_t signals = EndSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  JsonLog log(stderr, options.logging.level);
  grpc_log = &log;
  gpr_set_log_function(&LogGrpc);
  const absl::Status status = ServeUntilSignal(options, log, signals);
  if (!status.ok()) {
    log.Write(LogLevel::kError, "start_failed",
              {{"message", std::string(status.message())},
               {"reason", ErrorReason(status)},
               {"exit_code", static_cast<int64_t>(ExitCodeOf(status))}});
    std::fprintf(stderr, "moeplan-server: %s\n",
                 std::string(status.message()).c_str());
  }
  grpc_log = nullptr;
  return ExitCodeOf(status);
}

}  // namespace moeplan::server
