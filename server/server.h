#ifndef MOEPLAN_SERVER_SERVER_H_
#define MOEPLAN_SERVER_SERVER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/options.h"
#include "server/rpc/json_log.h"

namespace grpc {
class Channel;
}

namespace moeplan::server {

// A running moeplan server: store, sets, executors and services.
class Server {
 public:
  // Opens the store, loads the sets and serves. `log` outlives the server.
  // Errors: INVALID_ARGUMENT for options; else by the reason in the ErrorInfo
  // (ExitCodeOf), with nothing left running.
  static absl::StatusOr<std::unique_ptr<Server>> BuildAndStart(
      const ServerOptions& options, JsonLog& log);

  // Stops at once: running calls are cancelled.
  ~Server();

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // A channel to this server that needs no network.
  std::shared_ptr<grpc::Channel> InProcessChannel();

  // Where it listens, with the port that was bound; empty without a listener.
  const std::string& address() const;
  int port() const;

  // Where the page of metrics is served; empty where nothing is measured.
  std::string metrics_address() const;

  // Ends the service in order: health says NOT_SERVING and new fits are
  // refused; calls are still accepted until `wait_notice` returns; then running
  // calls may end until the deadline of the options, fits are aborted shortly
  // before it, and what is left is cancelled. Returns when nothing runs any
  // more. Call it once.
  void Drain(const std::function<void(absl::Duration notice)>& wait_notice);

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_SERVER_H_
