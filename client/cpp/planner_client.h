#ifndef MOEPLAN_CLIENT_CPP_PLANNER_CLIENT_H_
#define MOEPLAN_CLIENT_CPP_PLANNER_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"
#include "moeplan/v1/coefficient_set.grpc.pb.h"
#include "moeplan/v1/planner.grpc.pb.h"

namespace moeplan::client {

struct PlannerClientOptions {
  // From the call to its end, all tries and waits together.
  absl::Duration query_timeout = absl::Seconds(30);
  absl::Duration fit_timeout = absl::Minutes(10);
};

// A channel to `target` (host:port or a gRPC name) with moeplan's service
// config: retries, throttling, round robin. Plain text. Connects on first use.
std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target);

// The planner and its coefficient sets over one channel. Calls block until they
// are answered or their time is up. UNAVAILABLE is retried by the channel's
// service config, overload after the wait that the server names; writes carry a
// request id, made here where the caller gave none, so that a retry never
// takes effect twice.
//
// Errors: those of the RPC, with its details for DecodeRpcError; UNAVAILABLE
// where there is no connection; DEADLINE_EXCEEDED.
// Thread-safe.
class PlannerClient {
 public:
  explicit PlannerClient(const std::shared_ptr<grpc::Channel>& channel,
                         PlannerClientOptions options = {});

  absl::StatusOr<v1::PredictResponse> Predict(
      const v1::PredictRequest& request) const;
  absl::StatusOr<v1::OptimalConfigResponse> OptimalConfig(
      const v1::OptimalConfigRequest& request) const;
  absl::StatusOr<v1::GetServerInfoResponse> GetServerInfo() const;

  // `on_progress` is called from this thread, in order, and may be empty.
  absl::StatusOr<v1::FitResult> FitFromRuns(
      v1::FitFromRunsRequest request,
      const std::function<void(const v1::FitProgress&)>& on_progress) const;

  absl::StatusOr<v1::CoefficientSet> GetCoefficientSet(const std::string& name,
                                                       bool with_draws) const;
  // All pages.
  absl::StatusOr<std::vector<v1::CoefficientSet>> ListCoefficientSets(
      v1::ListCoefficientSetsRequest request) const;
  absl::StatusOr<v1::CoefficientSet> CreateCoefficientSet(
      v1::CreateCoefficientSetRequest request) const;
  absl::Status DeleteCoefficientSet(
      v1::DeleteCoefficientSetRequest request) const;

 private:
  std::unique_ptr<v1::PlannerService::Stub> planner_;
  std::unique_ptr<v1::CoefficientSetService::Stub> sets_;
  const PlannerClientOptions options_;
};

}  // namespace moeplan::client

#endif  // MOEPLAN_CLIENT_CPP_PLANNER_CLIENT_H_
