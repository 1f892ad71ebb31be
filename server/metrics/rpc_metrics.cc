#include "server/metrics/rpc_metrics.h"

#include <google/protobuf/descriptor.h>

#include "absl/strings/str_cat.h"
#include "moeplan/v1/calibration.pb.h"
#include "moeplan/v1/coefficient_set.pb.h"
#include "moeplan/v1/planner.pb.h"

namespace moeplan::server {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerInterceptorFactoryInterface;
using grpc::experimental::ServerRpcInfo;

// By number, as go-grpc-prometheus writes them.
constexpr const char* kCodeNames[] = {"OK",
                                      "Canceled",
                                      "Unknown",
                                      "InvalidArgument",
                                      "DeadlineExceeded",
                                      "NotFound",
                                      "AlreadyExists",
                                      "PermissionDenied",
                                      "ResourceExhausted",
                                      "FailedPrecondition",
                                      "Aborted",
                                      "OutOfRange",
                                      "Unimplemented",
                                      "Internal",
                                      "Unavailable",
                                      "DataLoss",
                                      "Unauthenticated"};

// One call; made before the request is parsed, gone after the last byte left.
class RpcMetricsInterceptor final : public Interceptor {
 public:
  explicit RpcMetricsInterceptor(MethodMetrics& metrics) : metrics_(metrics) {
    metrics_.OnStarted();
  }
  ~RpcMetricsInterceptor() override {
    metrics_.OnHandled(code_, std::chrono::steady_clock::now() - started_);
  }

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::POST_RECV_MESSAGE)) {
      metrics_.OnMessageReceived();
    }
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::PRE_SEND_MESSAGE)) {
      metrics_.OnMessageSent();
    }
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::PRE_SEND_STATUS)) {
      code_ = methods->GetSendStatus().error_code();
    }
    methods->Proceed();
  }

 private:
  MethodMetrics& metrics_;
  const std::chrono::steady_clock::time_point started_ =
      std::chrono::steady_clock::now();
  // Of a call that ended before any status of ours.
  grpc::StatusCode code_ = grpc::StatusCode::CANCELLED;
};

class InterceptorFactory final : public ServerInterceptorFactoryInterface {
 public:
  explicit InterceptorFactory(const RpcMetrics& metrics) : metrics_(metrics) {}

  Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    MethodMetrics* method = metrics_.Find(info->method());
    return method == nullptr ? nullptr : new RpcMetricsInterceptor(*method);
  }

 private:
  const RpcMetrics& metrics_;
};

class UnknownMethodReactor final : public grpc::ServerGenericBidiReactor {
 public:
  explicit UnknownMethodReactor(MethodMetrics& metrics) : metrics_(metrics) {
    metrics_.OnStarted();
    Finish(grpc::Status(grpc::StatusCode::UNIMPLEMENTED,
                        "this server has no such method"));
  }
  void OnDone() override {
    metrics_.OnHandled(grpc::StatusCode::UNIMPLEMENTED,
                       std::chrono::steady_clock::now() - started_);
    delete this;
  }

 private:
  MethodMetrics& metrics_;
  const std::chrono::steady_clock::time_point started_ =
      std::chrono::steady_clock::now();
};

class UnknownMethodService final : public grpc::CallbackGenericService {
 public:
  explicit UnknownMethodService(RpcMetrics& metrics) : metrics_(metrics) {}

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext*) override {
    return new UnknownMethodReactor(metrics_.unknown());
  }

 private:
  RpcMetrics& metrics_;
};

}  // namespace

MethodMetrics::MethodMetrics(prometheus::Registry& registry,
                             const std::string& type,
                             const std::string& service,
                             const std::string& method)
    : started_(AddCounter(registry, "grpc_server_started_total", "Calls begun.",
                          {{"grpc_type", type},
                           {"grpc_service", service},
                           {"grpc_method", method}})),
      received_(AddCounter(registry, "grpc_server_msg_received_total",
                           "Messages received.",
                           {{"grpc_type", type},
                            {"grpc_service", service},
                            {"grpc_method", method}})),
      sent_(AddCounter(registry, "grpc_server_msg_sent_total", "Messages sent.",
                       {{"grpc_type", type},
                        {"grpc_service", service},
                        {"grpc_method", method}})),
      seconds_(AddHistogram(registry, "grpc_server_handling_seconds",
                            "Whole calls: parsing, waiting, answering and "
                            "serialising included.",
                            {{"grpc_type", type},
                             {"grpc_service", service},
                             {"grpc_method", method}})) {
  for (size_t code = 0; code < handled_.size(); ++code) {
    handled_[code] = &AddCounter(registry, "grpc_server_handled_total",
                                 "Calls ended, by the code that left.",
                                 {{"grpc_type", type},
                                  {"grpc_service", service},
                                  {"grpc_method", method},
                                  {"grpc_code", kCodeNames[code]}});
  }
}

void MethodMetrics::OnHandled(grpc::StatusCode code,
                              std::chrono::duration<double> took) {
  const auto number = static_cast<size_t>(code);
  const size_t known = number < handled_.size()
                           ? number
                           : static_cast<size_t>(grpc::StatusCode::UNKNOWN);
  handled_[known]->Increment();
  seconds_.Observe(took.count());
}

RpcMetrics::RpcMetrics(prometheus::Registry& registry)
    : unknown_(std::make_unique<MethodMetrics>(registry, "unary", "unknown",
                                               "unknown")) {
  for (const google::protobuf::FileDescriptor* file :
       {v1::PredictRequest::descriptor()->file(),
        v1::GetServerInfoRequest::descriptor()->file(),
        v1::GetCoefficientSetRequest::descriptor()->file(),
        v1::GetCalibrationRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      const google::protobuf::ServiceDescriptor& service = *file->service(s);
      for (int m = 0; m < service.method_count(); ++m) {
        const google::protobuf::MethodDescriptor& method = *service.method(m);
        methods_.emplace(
            absl::StrCat("/", service.full_name(), "/", method.name()),
            std::make_unique<MethodMetrics>(
                registry, method.server_streaming() ? "server_stream" : "unary",
                service.full_name(), method.name()));
      }
    }
  }
}

MethodMetrics* RpcMetrics::Find(absl::string_view method) const {
  const auto found = methods_.find(method);
  return found == methods_.end() ? nullptr : found->second.get();
}

std::unique_ptr<ServerInterceptorFactoryInterface>
NewRpcMetricsInterceptorFactory(const RpcMetrics& metrics) {
  return std::make_unique<InterceptorFactory>(metrics);
}

std::unique_ptr<grpc::CallbackGenericService> NewUnknownMethodService(
    RpcMetrics& metrics) {
  return std::make_unique<UnknownMethodService>(metrics);
}

}  // namespace moeplan::server
