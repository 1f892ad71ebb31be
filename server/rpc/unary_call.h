#ifndef MOEPLAN_SERVER_RPC_UNARY_CALL_H_
#define MOEPLAN_SERVER_RPC_UNARY_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/rpc/call_class.h"
#include "server/rpc/call_dispatcher.h"
#include "server/rpc/output_check.h"
#include "server/rpc/reactor_call.h"

namespace moeplan::server {

// The handler of a unary call and what it works on.
template <typename Request, typename Response>
class UnaryHandling : public ReactorCall::Steps {
 public:
  using Handler =
      std::function<absl::Status(CallContext&, const Request&, Response*)>;

  UnaryHandling(const Request* request, Response* response, Handler handler)
      : request_(request), response_(response), handler_(std::move(handler)) {}

  absl::Status Handle(CallContext& call) final {
    absl::Status status = handler_(call, *request_, response_);
    if (status.ok()) status = CheckFinite(*response_);
    return status;
  }

 private:
  const Request* const request_;
  Response* const response_;
  const Handler handler_;
};

// A call that is answered before gRPC's thread returns.
template <typename Request, typename Response>
class InlineUnaryCall final : public UnaryHandling<Request, Response> {
 public:
  InlineUnaryCall(grpc::ServerUnaryReactor* reactor, const Request* request,
                  Response* response,
                  typename UnaryHandling<Request, Response>::Handler handler)
      : UnaryHandling<Request, Response>(request, response, std::move(handler)),
        reactor_(reactor) {}

  void FinishWith(const grpc::Status& status) override {
    reactor_->Finish(status);
  }

 private:
  grpc::ServerUnaryReactor* const reactor_;
};

// Answers a unary call by `handler`, a plain function of the request, on the
// thread of the class: gRPC's own for kInline, else the class's executor.
// Finishes exactly once, whatever happens; deletes itself when gRPC is done.
template <typename Request, typename Response>
class UnaryCall final : public grpc::ServerUnaryReactor,
                        private UnaryHandling<Request, Response> {
 public:
  using Handler = typename UnaryHandling<Request, Response>::Handler;

  static grpc::ServerUnaryReactor* Start(CallDispatcher& dispatcher,
                                         absl::string_view method,
                                         CallClass call_class,
                                         grpc::CallbackServerContext* context,
                                         const Request* request,
                                         Response* response, Handler handler) {
    if (call_class == CallClass::kInline) {
      // gRPC's default reactor ends on this thread; one of our own is ended by
      // another, which costs a sixth of the rate.
      grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
      InlineUnaryCall<Request, Response> steps(reactor, request, response,
                                               std::move(handler));
      ReactorCall(dispatcher, method, call_class, context, &steps).Start();
      return reactor;
    }
    auto* call = new UnaryCall(dispatcher, method, call_class, context, request,
                               response, std::move(handler));
    call->call_.Start();
    return call;
  }

 private:
  UnaryCall(CallDispatcher& dispatcher, absl::string_view method,
            CallClass call_class, grpc::CallbackServerContext* context,
            const Request* request, Response* response, Handler handler)
      : UnaryHandling<Request, Response>(request, response, std::move(handler)),
        call_(dispatcher, method, call_class, context, this) {}

  void FinishWith(const grpc::Status& status) override { Finish(status); }

  void OnCancel() override { call_.OnClientLeft(); }
  void OnDone() override { delete this; }

  ReactorCall call_;
};

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_RPC_UNARY_CALL_H_
