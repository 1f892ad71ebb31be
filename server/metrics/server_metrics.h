#ifndef MOEPLAN_SERVER_METRICS_SERVER_METRICS_H_
#define MOEPLAN_SERVER_METRICS_SERVER_METRICS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "server/rpc/call_dispatcher.h"
#include "server/rpc/call_observer.h"
#include "server/services/answer_observer.h"
#include "server/services/set_catalog.h"
#include "server/store/store.h"

namespace grpc {
class CallbackGenericService;
namespace experimental {
class ServerInterceptorFactoryInterface;
}
}  // namespace grpc

namespace moeplan::server {

// All metrics of a server (docs/metrics.md), and the page that shows them.
// Outlives everything that it is told of.
class ServerMetrics {
 public:
  ServerMetrics();
  ~ServerMetrics();

  ServerMetrics(const ServerMetrics&) = delete;
  ServerMetrics& operator=(const ServerMetrics&) = delete;

  CallObserver& call_observer();
  AnswerObserver& answer_observer();
  // `store`, measured.
  std::unique_ptr<Store> Meter(std::unique_ptr<Store> store);
  // To be given to the gRPC server.
  std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
  NewInterceptorFactory();
  grpc::CallbackGenericService* unknown_methods();

  // Serves the page on `address`, HOST:PORT, until StopServing(). Arguments
  // outlive that. Errors: reason CANNOT_LISTEN.
  absl::Status Serve(const std::string& address, const SetCatalog& catalog,
                     CallDispatcher& dispatcher);
  void StopServing();

  // Where the page is served, with the port that was bound; empty before.
  std::string address() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_METRICS_SERVER_METRICS_H_
