#include "client/cpp/planner_client.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cpp/request_id.h"
#include "client/cpp/retry_overload.h"
#include "client/cpp/rpc_error.h"
#include "client/cpp/service_config.h"
#include "core/base/status_macros.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace moeplan::client {
namespace {

constexpr int kMaxMessageBytes = 16 << 20;

// One unary call with deadline and overload retries.
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Call(Stub& stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*,
                                                           const Request&,
                                                           Response*),
                              const Request& request, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  Response response;
  MOEPLAN_RETURN_IF_ERROR(RetryOverload(deadline, RealRetryClock(), [&] {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(deadline));
    response.Clear();
    return ToAbslStatus((stub.*method)(&context, request, &response));
  }));
  return response;
}

}  // namespace

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(DefaultServiceConfig());
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // A server that is just starting is found within the retries, which are over
  // before gRPC's own first reconnection.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 100);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(),
                                   arguments);
}

PlannerClient::PlannerClient(const std::shared_ptr<grpc::Channel>& channel,
                             PlannerClientOptions options)
    : planner_(v1::PlannerService::NewStub(channel)),
      sets_(v1::CoefficientSetService::NewStub(channel)),
      options_(options) {}

absl::StatusOr<v1::PredictResponse> PlannerClient::Predict(
    const v1::PredictRequest& request) const {
  return Call(*planner_, &v1::PlannerService::Stub::Predict, request,
              options_.query_timeout);
}

absl::StatusOr<v1::OptimalConfigResponse> PlannerClient::OptimalConfig(
    const v1::OptimalConfigRequest& request) const {
  return Call(*planner_, &v1::PlannerService::Stub::OptimalConfig, request,
              options_.query_timeout);
}

absl::StatusOr<v1::GetServerInfoResponse> PlannerClient::GetServerInfo() const {
  return Call(*planner_, &v1::PlannerService::Stub::GetServerInfo,
              v1::GetServerInfoRequest(), options_.query_timeout);
}

absl::StatusOr<v1::FitResult> PlannerClient::FitFromRuns(
    v1::FitFromRunsRequest request,
    const std::function<void(const v1::FitProgress&)>& on_progress) const {
  if (request.request_id().empty()) request.set_request_id(NewRequestId());
  const absl::Time deadline = absl::Now() + options_.fit_timeout;
  v1::FitResult result;
  bool has_result = false;
  MOEPLAN_RETURN_IF_ERROR(RetryOverload(deadline, RealRetryClock(), [&] {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(deadline));
    const auto reader = planner_->FitFromRuns(&context, request);
    v1::FitFromRunsResponse event;
    while (reader->Read(&event)) {
      if (event.has_result()) {
        result = std::move(*event.mutable_result());
        has_result = true;
      } else if (event.has_progress() && on_progress) {
        on_progress(event.progress());
      }
    }
    return ToAbslStatus(reader->Finish());
  }));
  if (!has_result) {
    return absl::InternalError("the stream ended without a result");
  }
  return result;
}

absl::StatusOr<v1::CoefficientSet> PlannerClient::GetCoefficientSet(
    const std::string& name, bool with_draws) const {
  v1::GetCoefficientSetRequest request;
  request.set_name(name);
  request.set_include_draws(with_draws);
  MOEPLAN_ASSIGN_OR_RETURN(
      auto response,
      Call(*sets_, &v1::CoefficientSetService::Stub::GetCoefficientSet, request,
           options_.query_timeout));
  return std::move(*response.mutable_coefficient_set());
}

absl::StatusOr<std::vector<v1::CoefficientSet>>
PlannerClient::ListCoefficientSets(
    v1::ListCoefficientSetsRequest request) const {
  std::vector<v1::CoefficientSet> sets;
  do {
    MOEPLAN_ASSIGN_OR_RETURN(
        auto response,
        Call(*sets_, &v1::CoefficientSetService::Stub::ListCoefficientSets,
             request, options_.query_timeout));
    for (auto& set : *response.mutable_coefficient_sets()) {
      sets.push_back(std::move(set));
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return sets;
}

absl::StatusOr<v1::CoefficientSet> PlannerClient::CreateCoefficientSet(
    v1::CreateCoefficientSetRequest request) const {
  if (request.request_id().empty()) request.set_request_id(NewRequestId());
  MOEPLAN_ASSIGN_OR_RETURN(
      auto response,
      Call(*sets_, &v1::CoefficientSetService::Stub::CreateCoefficientSet,
           request, options_.query_timeout));
  return std::move(*response.mutable_coefficient_set());
}

absl::Status PlannerClient::DeleteCoefficientSet(
    v1::DeleteCoefficientSetRequest request) const {
  if (request.request_id().empty()) request.set_request_id(NewRequestId());
  return Call(*sets_, &v1::CoefficientSetService::Stub::DeleteCoefficientSet,
              request, options_.query_timeout)
      .status();
}

}  // namespace moeplan::client
