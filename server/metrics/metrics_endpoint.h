#ifndef MOEPLAN_SERVER_METRICS_METRICS_ENDPOINT_H_
#define MOEPLAN_SERVER_METRICS_METRICS_ENDPOINT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/metrics/metrics_page.h"

namespace prometheus {
class Exposer;
}

namespace moeplan::server {

// Answers GET /metrics with all that its collectables say, until destroyed.
class MetricsEndpoint {
 public:
  // `address` is HOST:PORT; port 0 takes a free one.
  // Errors: reason CANNOT_LISTEN.
  static absl::StatusOr<std::unique_ptr<MetricsEndpoint>> Start(
      const std::string& address,
      std::vector<std::shared_ptr<prometheus::Collectable>> collectables);
  ~MetricsEndpoint();

  MetricsEndpoint(const MetricsEndpoint&) = delete;
  MetricsEndpoint& operator=(const MetricsEndpoint&) = delete;

  // With the port that was bound.
  const std::string& address() const { return address_; }

 private:
  MetricsEndpoint() = default;

  // The exposer only refers to them.
  std::vector<std::shared_ptr<prometheus::Collectable>> collectables_;
  std::unique_ptr<prometheus::Exposer> exposer_;
  std::string address_;
};

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_METRICS_METRICS_ENDPOINT_H_
