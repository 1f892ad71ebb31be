#include "server/metrics/server_metrics.h"

#include <utility>

#include "core/base/status_macros.h"
#include "server/metrics/answer_metrics.h"
#include "server/metrics/call_metrics.h"
#include "server/metrics/metered_store.h"
#include "server/metrics/metrics_endpoint.h"
#include "server/metrics/process_metrics.h"
#include "server/metrics/rpc_metrics.h"
#include "server/metrics/state_metrics.h"

namespace moeplan::server {

struct ServerMetrics::Parts {
  std::shared_ptr<prometheus::Registry> registry =
      std::make_shared<prometheus::Registry>(
          prometheus::Registry::InsertBehavior::Merge);
  RpcMetrics rpcs{*registry};
  CallMetrics calls{*registry};
  AnswerMetrics answers{*registry};
  std::unique_ptr<grpc::CallbackGenericService> unknown_methods =
      NewUnknownMethodService(rpcs);
  std::unique_ptr<MetricsEndpoint> endpoint;
};

ServerMetrics::ServerMetrics() : parts_(std::make_unique<Parts>()) {}

ServerMetrics::~ServerMetrics() = default;

CallObserver& ServerMetrics::call_observer() { return parts_->calls; }

AnswerObserver& ServerMetrics::answer_observer() { return parts_->answers; }

std::unique_ptr<Store> ServerMetrics::Meter(std::unique_ptr<Store> store) {
  return NewMeteredStore(std::move(store), *parts_->registry);
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
ServerMetrics::NewInterceptorFactory() {
  return NewRpcMetricsInterceptorFactory(parts_->rpcs);
}

grpc::CallbackGenericService* ServerMetrics::unknown_methods() {
  return parts_->unknown_methods.get();
}

absl::Status ServerMetrics::Serve(const std::string& address,
                                  const SetCatalog& catalog,
                                  CallDispatcher& dispatcher) {
  MOEPLAN_ASSIGN_OR_RETURN(
      parts_->endpoint,
      MetricsEndpoint::Start(address, {parts_->registry, NewProcessMetrics(),
                                       NewStateMetrics(catalog, dispatcher)}));
  return absl::OkStatus();
}

void ServerMetrics::StopServing() { parts_->endpoint.reset(); }

std::string ServerMetrics::address() const {
  return parts_->endpoint == nullptr ? "" : parts_->endpoint->address();
}

}  // namespace moeplan::server
