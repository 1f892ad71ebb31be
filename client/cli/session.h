#ifndef MOEPLAN_CLIENT_CLI_SESSION_H_
#define MOEPLAN_CLIENT_CLI_SESSION_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "client/cli/common_options.h"
#include "client/cli/offline.h"
#include "client/cpp/planner_client.h"

namespace moeplan::cli {

// A command's way to an answer: the server of --server, or the one of this
// process with --offline.
class Session {
 public:
  // Errors: those of StartOfflineServer; a server is first contacted by the
  // first call.
  static absl::StatusOr<std::unique_ptr<Session>> Open(
      const CommonOptions& options);

  const client::PlannerClient& client() const { return client_; }

 private:
  Session(std::unique_ptr<OfflineServer> offline,
          const std::shared_ptr<grpc::Channel>& channel,
          client::PlannerClientOptions options)
      : offline_(std::move(offline)), client_(channel, options) {}

  std::unique_ptr<OfflineServer> offline_;  // outlives client_
  client::PlannerClient client_;
};

}  // namespace moeplan::cli

#endif  // MOEPLAN_CLIENT_CLI_SESSION_H_
