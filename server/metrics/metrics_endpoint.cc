#include "server/metrics/metrics_endpoint.h"

#include <prometheus/exposer.h>

#include <exception>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/rpc/status.h"

namespace moeplan::server {

absl::StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Start(
    const std::string& address,
    std::vector<std::shared_ptr<prometheus::Collectable>> collectables) {
  std::unique_ptr<MetricsEndpoint> endpoint(new MetricsEndpoint());
  endpoint->collectables_ = std::move(collectables);
  // CivetWeb throws, and would end the process, where the port is taken.
  try {
    endpoint->exposer_ = std::make_unique<prometheus::Exposer>(address);
    for (const auto& collectable : endpoint->collectables_) {
      endpoint->exposer_->RegisterCollectable(collectable);
    }
    endpoint->address_ =
        absl::StrCat(address.substr(0, address.rfind(':')), ":",
                     endpoint->exposer_->GetListeningPorts().at(0));
  } catch (const std::exception& error) {
    return WithErrorInfo(
        absl::UnavailableError(absl::StrCat(
            "--metrics-listen: cannot listen on ", address,
            "; is the port taken, or is this no address of this machine? (",
            error.what(), ")")),
        "CANNOT_LISTEN");
  }
  return endpoint;
}

MetricsEndpoint::~MetricsEndpoint() = default;

}  // namespace moeplan::server
