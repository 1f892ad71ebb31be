#ifndef MOEPLAN_TESTS_INTEGRATION_SERVER_IN_PROCESS_SERVER_H_
#define MOEPLAN_TESTS_INTEGRATION_SERVER_IN_PROCESS_SERVER_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "server/server.h"

namespace moeplan::server {

// A server with a memory store, reached over an in-process channel, and what it
// logs.
class InProcessServer {
 public:
  // `metrics_address` as in ServerOptions; empty: nothing is measured.
  explicit InProcessServer(const std::string& metrics_address = "")
      : stream_(open_memstream(&text_, &size_)) {
    log_ = std::make_unique<JsonLog>(stream_, LogLevel::kInfo);
    ServerOptions options;
    options.listening.address.clear();
    options.listening.reflection = false;
    options.measuring.address = metrics_address;
    auto started = Server::BuildAndStart(options, *log_);
    EXPECT_TRUE(started.ok()) << started.status();
    if (started.ok()) server_ = *std::move(started);
    channel_ = server_->InProcessChannel();
  }
  ~InProcessServer() {
    channel_.reset();
    server_.reset();
    std::fclose(stream_);
    std::free(text_);
  }

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  std::string metrics_address() const { return server_->metrics_address(); }

  // What was logged so far. Each line is flushed as it is written.
  std::string Log() const { return std::string(text_, size_); }

 private:
  char* text_ = nullptr;
  size_t size_ = 0;
  std::FILE* stream_;
  std::unique_ptr<JsonLog> log_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace moeplan::server

#endif  // MOEPLAN_TESTS_INTEGRATION_SERVER_IN_PROCESS_SERVER_H_
