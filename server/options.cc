#include "server/options.h"

#include "absl/strings/numbers.h"
#include "core/base/violations.h"
#include "server/convert/resource_name.h"

namespace moeplan::server {
namespace {

void RequireDuration(const char* flag, absl::Duration value,
                     Violations& violations) {
  if (value >= absl::ZeroDuration() && value <= absl::Hours(24)) return;
  violations.Add(flag, "must be from 0s to 24h", absl::FormatDuration(value));
}

// HOST:PORT without what CivetWeb would read as several ports or as TLS.
void RequireMetricsAddress(const std::string& address, Violations& violations) {
  if (address.empty()) return;
  const size_t colon = address.rfind(':');
  int port = -1;
  const bool legal =
      colon != std::string::npos && colon > 0 &&
      address.find_first_of(",/ ") == std::string::npos &&
      address.find_first_not_of("0123456789", colon + 1) == std::string::npos &&
      absl::SimpleAtoi(address.substr(colon + 1), &port) && port <= 65535;
  if (legal) return;
  violations.Add("--metrics-listen",
                 "must be HOST:PORT with a port from 0 to 65535", address);
}

}  // namespace

absl::Status ServerOptions::Validate() const {
  Violations violations;
  constexpr int kMostThreads = 4096;
  violations.RequireIntegerWithin("--threads", working.threads, 0,
                                  kMostThreads);
  violations.RequireIntegerWithin("--fit-threads", working.fit_threads, 0,
                                  kMostThreads);
  violations.RequireIntegerWithin("--max-calibrations",
                                  storing.most_calibrations, 0, 1000000);
  violations.RequireIntegerWithin("--max-calibration-bytes",
                                  storing.most_calibration_bytes, 0,
                                  int64_t{1} << 40);
  RequireMetricsAddress(measuring.address, violations);
  RequireDuration("--drain-notice", draining.notice, violations);
  RequireDuration("--drain-deadline", draining.deadline, violations);
  RequireDuration("--slow-call", logging.slow_call, violations);
  RequireResourceId("--default-set", default_sets.predict, violations);
  RequireResourceId("--default-set", default_sets.optimal_config, violations);
  RequireResourceId("--default-dense-set", default_sets.dense, violations);
  if (!listening.port_file.empty() && listening.address.empty()) {
    violations.Add("--port-file", "needs --listen");
  }
  return violations.ToStatus();
}

}  // namespace moeplan::server
