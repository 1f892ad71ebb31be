// The rate of unary Predict with metrics on, against an empty handler that
// answers the same messages in the same process. Both are asked in turn, a
// slice of time each, so that what else the machine does meets both alike.
//
// MOEPLAN_BENCH_SLICES pairs of slices (default 2, which proves nothing but
// that it runs); from 10 on the promised ratios are asserted.

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "moeplan/v1/planner.grpc.pb.h"
#include "server/server.h"

namespace moeplan::server {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kClients = 8;
constexpr auto kSlice = std::chrono::milliseconds(500);
constexpr auto kPatience = std::chrono::seconds(30);

v1::PredictRequest OnePoint() {
  v1::PredictRequest request;
  v1::PointColumns* columns = request.mutable_point_columns();
  columns->add_active_params(2e8);
  columns->add_training_tokens(1e10);
  columns->add_expansion_rate(8);
  return request;
}

// Answers every Predict with one message, and does nothing else.
class EmptyPlanner final : public v1::PlannerService::CallbackService {
 public:
  explicit EmptyPlanner(v1::PredictResponse answer)
      : answer_(std::move(answer)) {}

  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context,
                                    const v1::PredictRequest*,
                                    v1::PredictResponse* response) override {
    *response = answer_;
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  const v1::PredictResponse answer_;
};

// A client connection for each thread, as clients on other machines have.
class Load {
 public:
  explicit Load(const std::string& address) {
    for (int i = 0; i < kClients; ++i) {
      grpc::ChannelArguments arguments;
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      const auto channel = grpc::CreateCustomChannel(
          address, grpc::InsecureChannelCredentials(), arguments);
      channel->WaitForConnected(std::chrono::system_clock::now() + kPatience);
      stubs_.push_back(v1::PlannerService::NewStub(channel));
    }
    latencies_.resize(kClients);
  }

  // Asks for the length of a slice.
  void RunSlice() {
    const Clock::time_point end = Clock::now() + kSlice;
    std::vector<std::thread> threads;
    for (size_t i = 0; i < kClients; ++i) {
      threads.emplace_back([this, i, end] {
        const v1::PredictRequest request = OnePoint();
        while (Clock::now() < end) {
          const Clock::time_point start = Clock::now();
          grpc::ClientContext context;
          v1::PredictResponse response;
          const grpc::Status status =
              stubs_[i]->Predict(&context, request, &response);
          if (!status.ok() && failures_++ == 0) {
            std::printf("first failure: code %d, %s\n", status.error_code(),
                        status.error_message().c_str());
          }
          latencies_[i].push_back(Clock::now() - start);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    seconds_ += std::chrono::duration<double>(kSlice).count();
  }

  void Forget() {
    for (auto& of_client : latencies_) of_client.clear();
    seconds_ = 0;
  }
  int failures() const { return failures_; }
  double rate() const {
    size_t count = 0;
    for (const auto& of_client : latencies_) count += of_client.size();
    return static_cast<double>(count) / seconds_;
  }
  double p99_ms() const {
    std::vector<Clock::duration> all;
    for (const auto& of_client : latencies_) {
      all.insert(all.end(), of_client.begin(), of_client.end());
    }
    const auto at = all.begin() + static_cast<ptrdiff_t>(all.size() * 99 / 100);
    std::nth_element(all.begin(), at, all.end());
    return std::chrono::duration<double, std::milli>(*at).count();
  }

 private:
  std::vector<std::unique_ptr<v1::PlannerService::Stub>> stubs_;
  std::vector<std::vector<Clock::duration>> latencies_;
  std::atomic<int> failures_{0};
  double seconds_ = 0;
};

TEST(PredictRateBenchmark, IsNearThatOfAnEmptyHandler) {
  const char* given = std::getenv("MOEPLAN_BENCH_SLICES");
  const int slices = given == nullptr ? 2 : std::atoi(given);
  JsonLog log(stderr, LogLevel::kError);
  ServerOptions options;
  options.listening.address = "127.0.0.1:0";
  options.measuring.address = "127.0.0.1:0";
  auto server = Server::BuildAndStart(options, log);
  ASSERT_TRUE(server.ok()) << server.status();

  v1::PredictResponse answer;
  grpc::ClientContext context;
  ASSERT_TRUE(v1::PlannerService::NewStub((*server)->InProcessChannel())
                  ->Predict(&context, OnePoint(), &answer)
                  .ok());
  EmptyPlanner empty_planner(answer);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&empty_planner);
  const std::unique_ptr<grpc::Server> empty_server = builder.BuildAndStart();

  Load ours((*server)->address());
  Load empty("127.0.0.1:" + std::to_string(port));
  ours.RunSlice();  // connections and caches
  empty.RunSlice();
  ours.Forget();
  empty.Forget();
  for (int i = 0; i < slices; ++i) {
    ours.RunSlice();
    empty.RunSlice();
  }
  EXPECT_EQ(ours.failures() + empty.failures(), 0);
  const double rate_ratio = ours.rate() / empty.rate();
  const double p99_ratio = ours.p99_ms() / empty.p99_ms();
  std::printf(
      "Predict %.0f/s, p99 %.2f ms; empty handler %.0f/s, p99 %.2f ms\n"
      "rate ratio %.3f, p99 ratio %.2f\n",
      ours.rate(), ours.p99_ms(), empty.rate(), empty.p99_ms(), rate_ratio,
      p99_ratio);
  if (slices >= 10) {
    EXPECT_GE(rate_ratio, 0.90);
    EXPECT_LE(p99_ratio, 1.5);
  }
}

}  // namespace
}  // namespace moeplan::server
