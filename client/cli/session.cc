#include "client/cli/session.h"

#include <memory>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/cli/common_options.h"
#include "client/cli/offline.h"
#include "client/cpp/planner_client.h"
#include "core/base/status_macros.h"

namespace moeplan::cli {

absl::StatusOr<std::unique_ptr<Session>> Session::Open(
    const CommonOptions& options) {
  client::PlannerClientOptions client_options;
  if (options.timeout > absl::ZeroDuration()) {
    client_options.query_timeout = options.timeout;
    client_options.fit_timeout = options.timeout;
  }
  if (!options.offline) {
    return absl::WrapUnique(new Session(
        nullptr, client::MakeChannel(options.server), client_options));
  }
  MOEPLAN_ASSIGN_OR_RETURN(std::unique_ptr<OfflineServer> offline,
                           StartOfflineServer(options.data_dir));
  const std::shared_ptr<grpc::Channel> channel = offline->channel();
  return absl::WrapUnique(
      new Session(std::move(offline), channel, client_options));
}

}  // namespace moeplan::cli
