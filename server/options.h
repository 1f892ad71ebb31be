#ifndef MOEPLAN_SERVER_OPTIONS_H_
#define MOEPLAN_SERVER_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/rpc/json_log.h"
#include "server/services/calibration_catalog.h"
#include "server/services/service_environment.h"

namespace moeplan::server {

// How a server is run. Flags and environment only fill it (command_line.h);
// tests and the command line's offline mode build it directly.
struct ServerOptions {
  struct Listening {
    // host:port, [v6]:port or unix:/path; port 0 takes a free one; empty: only
    // InProcessChannel() reaches the server.
    std::string address = "127.0.0.1:7600";
    // Gets the bound port in decimal and a newline once calls are answered;
    // empty: no file.
    std::string port_file;
    bool reflection = true;
  };
  struct Storing {
    std::string data_directory;  // empty: memory only
    int64_t most_calibrations = CalibrationLimits().most_calibrations;
    int64_t most_calibration_bytes = CalibrationLimits().most_bytes;
  };
  struct Measuring {
    // HOST:PORT of the page of metrics; port 0 takes a free one; empty: nothing
    // is measured.
    std::string address;
  };
  struct Working {
    int threads = 0;  // 0: the machine's cores
    // 0: max(1, threads - 1), so that queries never wait behind a fit.
    int fit_threads = 0;
  };
  struct Draining {
    // How long calls are still accepted after health says NOT_SERVING, for load
    // balancers to notice.
    absl::Duration notice = absl::Seconds(5);
    // How long running calls may take from then on.
    absl::Duration deadline = absl::Seconds(20);
  };
  struct Logging {
    LogLevel level = LogLevel::kInfo;
    absl::Duration slow_call = absl::Seconds(1);
  };

  Listening listening;
  Storing storing;
  Measuring measuring;
  Working working;
  Draining draining;
  Logging logging;
  DefaultSets default_sets;

  // INVALID_ARGUMENT naming each flag whose value is out of range.
  absl::Status Validate() const;
};

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_OPTIONS_H_
