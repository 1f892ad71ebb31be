#ifndef MOEPLAN_SERVER_METRICS_RPC_METRICS_H_
#define MOEPLAN_SERVER_METRICS_RPC_METRICS_H_

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/support/server_interceptor.h>

#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "server/metrics/metrics_page.h"

namespace moeplan::server {

// The series of one method, by the names of go-grpc-prometheus. Thread-safe.
class MethodMetrics {
 public:
  MethodMetrics(prometheus::Registry& registry, const std::string& type,
                const std::string& service, const std::string& method);

  void OnStarted() { started_.Increment(); }
  void OnMessageReceived() { received_.Increment(); }
  void OnMessageSent() { sent_.Increment(); }
  void OnHandled(grpc::StatusCode code, std::chrono::duration<double> took);

 private:
  prometheus::Counter& started_;
  prometheus::Counter& received_;
  prometheus::Counter& sent_;
  prometheus::Histogram& seconds_;
  std::array<prometheus::Counter*, 17> handled_;  // by code
};

// The series of every method of the server's own services, and of "unknown".
class RpcMetrics {
 public:
  // `registry` outlives this.
  explicit RpcMetrics(prometheus::Registry& registry);

  // By "/moeplan.v1.PlannerService/Predict"; null for what is not ours.
  MethodMetrics* Find(absl::string_view method) const;
  MethodMetrics& unknown() { return *unknown_; }

 private:
  absl::flat_hash_map<std::string, std::unique_ptr<MethodMetrics>> methods_;
  std::unique_ptr<MethodMetrics> unknown_;
};

// Counts every call between its true ends: from before its request is parsed
// until nothing of it is left. `metrics` outlives the server.
std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
NewRpcMetricsInterceptorFactory(const RpcMetrics& metrics);

// Answers methods that no service has with UNIMPLEMENTED, as gRPC does itself,
// and counts them. `metrics` outlives it.
std::unique_ptr<grpc::CallbackGenericService> NewUnknownMethodService(
    RpcMetrics& metrics);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_METRICS_RPC_METRICS_H_
