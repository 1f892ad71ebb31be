// kill -9 while eight clients store coefficient sets, again and again on one
// data directory: what was acknowledged is there, once and unchanged; what was
// cut off is finished by its retry; the store opens every time.
//
// MOEPLAN_KILLS says how often (default 3), MOEPLAN_KILL_SEED when.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "grpcpp/client_context.h"
#include "moeplan/v1/coefficient_set.grpc.pb.h"
#include "tests/testing/server_process.h"

namespace moeplan::testing {
namespace {

constexpr int kWriters = 8;

uint64_t NumberFrom(const char* variable, uint64_t standard) {
  const char* text = std::getenv(variable);
  return text == nullptr ? standard : std::strtoull(text, nullptr, 10);
}

// What a client wants to store; its numbers tell it from every other.
struct Write {
  int64_t number;

  std::string id() const { return absl::StrCat("write-", number); }
  std::string request_id() const {
    return absl::StrFormat("00000000-0000-4000-8000-%012x", number);
  }
  double irreducible_loss() const {
    return 1 + 1e-6 * static_cast<double>(number);
  }

  v1::CreateCoefficientSetRequest Request() const {
    v1::CreateCoefficientSetRequest request;
    request.set_coefficient_set_id(id());
    request.set_request_id(request_id());
    v1::CoefficientSet& set = *request.mutable_coefficient_set();
    set.set_family("dense");
    set.set_source("a test of writes");
    set.mutable_convention()->set_loss_unit(v1::LOSS_UNIT_NATS_PER_TOKEN);
    set.mutable_convention()->set_flop_rule(v1::FLOP_RULE_SIX_PER_ACTIVE_PARAM);
    const std::pair<const char*, double> values[] = {{"a", 482.01},
                                                     {"alpha", 0.3478},
                                                     {"b", 2085.43},
                                                     {"beta", 0.3658},
                                                     {"c", irreducible_loss()}};
    for (const auto& [name, value] : values) {
      v1::Coefficient* one = set.add_coefficients();
      one->set_name(name);
      one->set_value(value);
    }
    return request;
  }
};

using Stub = v1::CoefficientSetService::Stub;

std::unique_ptr<Stub> StubOf(const ServerProcess& server) {
  return v1::CoefficientSetService::NewStub(server.channel());
}

grpc::Status Create(Stub& stub, const Write& write, v1::CoefficientSet* set) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
  v1::CreateCoefficientSetResponse response;
  grpc::Status status =
      stub.CreateCoefficientSet(&context, write.Request(), &response);
  *set = response.coefficient_set();
  return status;
}

// All sets that did not come with the server, by name; a name that is listed
// twice is a failure.
std::map<std::string, v1::CoefficientSet> ListOwn(Stub& stub) {
  std::map<std::string, v1::CoefficientSet> sets;
  v1::ListCoefficientSetsRequest request;
  request.set_page_size(100);
  do {
    grpc::ClientContext context;
    v1::ListCoefficientSetsResponse page;
    const grpc::Status status =
        stub.ListCoefficientSets(&context, request, &page);
    EXPECT_TRUE(status.ok()) << status.error_message();
    for (const v1::CoefficientSet& set : page.coefficient_sets()) {
      if (set.published()) continue;
      EXPECT_TRUE(sets.emplace(set.name(), set).second)
          << set.name() << " is listed twice";
    }
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return sets;
}

// Eight clients that write until their server is gone.
class Writers {
 public:
  Writers(const ServerProcess& server, int64_t first_number)
      : next_number_(first_number) {
    for (int i = 0; i < kWriters; ++i) {
      threads_.emplace_back([this, stub = StubOf(server)] { Run(*stub); });
    }
  }

  void WaitUntilGone() {
    for (std::thread& thread : threads_) thread.join();
  }

  int64_t acknowledged_count() const { return acknowledged_count_; }
  int64_t next_number() const { return next_number_; }
  const std::map<int64_t, v1::CoefficientSet>& acknowledged() const {
    return acknowledged_;
  }
  const std::vector<int64_t>& cut_off() const { return cut_off_; }
  const std::vector<std::string>& refused() const { return refused_; }

 private:
  void Run(Stub& stub) {
    while (true) {
      const Write write{next_number_++};
      v1::CoefficientSet set;
      const grpc::Status status = Create(stub, write, &set);
      std::lock_guard<std::mutex> lock(mutex_);
      if (status.ok()) {
        acknowledged_[write.number] = set;
        ++acknowledged_count_;
        continue;
      }
      cut_off_.push_back(write.number);
      if (status.error_code() != grpc::StatusCode::UNAVAILABLE) {
        refused_.push_back(absl::StrCat("code ", status.error_code(), ": ",
                                        status.error_message()));
      }
      return;
    }
  }

  std::atomic<int64_t> next_number_;
  std::atomic<int64_t> acknowledged_count_{0};
  std::mutex mutex_;
  std::map<int64_t, v1::CoefficientSet> acknowledged_;
  std::vector<int64_t> cut_off_;
  std::vector<std::string> refused_;
  std::vector<std::thread> threads_;
};

class KillDuringWritesTest : public ::testing::Test {
 protected:
  void Start() {
    auto server = ServerProcess::Start(folder_.path() + "/data",
                                       {"--drain-notice", "0s"});
    ASSERT_TRUE(server.ok()) << "the store does not open: " << server.status();
    server_ = *std::move(server);
  }

  // Kills the server at a moment that only `random` knows, once writes flow.
  void WriteAndKill() {
    Writers writers(*server_, next_number_);
    const auto most = static_cast<int64_t>(1 + random_() % 60);
    const absl::Time give_up = absl::Now() + absl::Minutes(1);
    while (writers.acknowledged_count() < most && absl::Now() < give_up) {
      std::this_thread::yield();
    }
    // Anywhere within the next write, not only at its end.
    const absl::Time moment =
        absl::Now() + absl::Microseconds(random_() % 5000);
    while (absl::Now() < moment) std::this_thread::yield();
    server_->Kill();
    writers.WaitUntilGone();
    EXPECT_GE(writers.acknowledged_count(), most);
    for (const std::string& why : writers.refused()) ADD_FAILURE() << why;
    for (const auto& [number, set] : writers.acknowledged()) {
      acknowledged_[number] = set;
    }
    cut_off_ = writers.cut_off();
    next_number_ = writers.next_number();
  }

  // What the store holds against what was promised.
  void ExpectAcknowledgedWrites(bool cut_off_may_be_there) {
    std::map<std::string, v1::CoefficientSet> sets = ListOwn(*StubOf(*server_));
    for (const auto& [number, set] : acknowledged_) {
      const auto found = sets.find(set.name());
      ASSERT_NE(found, sets.end()) << set.name() << " is lost";
      EXPECT_EQ(found->second.checksum(), set.checksum());
      EXPECT_EQ(found->second.SerializeAsString(), set.SerializeAsString());
      EXPECT_EQ(found->second.coefficients(4).value(),
                Write{number}.irreducible_loss());
      sets.erase(found);
    }
    for (const int64_t number : cut_off_) {
      if (!cut_off_may_be_there) break;
      kept_unacknowledged_ +=
          sets.erase("coefficientSets/" + Write{number}.id());
    }
    EXPECT_TRUE(sets.empty()) << sets.begin()->first << " was never promised";
  }

  void RetryCutOffWrites() {
    const std::unique_ptr<Stub> stub = StubOf(*server_);
    for (const int64_t number : cut_off_) {
      v1::CoefficientSet set;
      const grpc::Status status = Create(*stub, {number}, &set);
      ASSERT_TRUE(status.ok()) << status.error_message();
      acknowledged_[number] = set;
      ++retried_;
    }
    cut_off_.clear();
  }

  // A client that missed the answer asks again, long after.
  void RepeatAcknowledgedWrites() {
    const std::unique_ptr<Stub> stub = StubOf(*server_);
    int64_t index = 0;
    for (const auto& [number, first] : acknowledged_) {
      if (++index % 10 != 0) continue;
      v1::CoefficientSet set;
      const grpc::Status status = Create(*stub, {number}, &set);
      ASSERT_TRUE(status.ok()) << status.error_message();
      EXPECT_EQ(set.SerializeAsString(), first.SerializeAsString());
    }
  }

  const uint64_t seed_ = NumberFrom("MOEPLAN_KILL_SEED", 20261122);
  std::mt19937_64 random_{seed_};
  TemporaryFolder folder_;
  std::unique_ptr<ServerProcess> server_;
  int64_t next_number_ = 1;
  std::map<int64_t, v1::CoefficientSet> acknowledged_;
  std::vector<int64_t> cut_off_;
  size_t kept_unacknowledged_ = 0;
  int64_t retried_ = 0;
};

TEST_F(KillDuringWritesTest, NothingAcknowledgedIsLostOrThereTwice) {
  const uint64_t kills = NumberFrom("MOEPLAN_KILLS", 3);
  ASSERT_GE(kills, 1u);
  ASSERT_NO_FATAL_FAILURE(Start());
  for (uint64_t i = 0; i < kills; ++i) {
    SCOPED_TRACE(absl::StrCat("kill ", i + 1, ", seed ", seed_));
    WriteAndKill();
    ASSERT_NO_FATAL_FAILURE(Start());
    ASSERT_NO_FATAL_FAILURE(ExpectAcknowledgedWrites(true));
    ASSERT_NO_FATAL_FAILURE(RetryCutOffWrites());
    ASSERT_NO_FATAL_FAILURE(RepeatAcknowledgedWrites());
    ASSERT_NO_FATAL_FAILURE(ExpectAcknowledgedWrites(false));
  }
  EXPECT_GT(retried_, 0) << "no write was cut off: the test tested nothing";
  EXPECT_EQ(server_->Terminate(), 0);
  std::cout << "seed " << seed_ << ": " << kills << " kills, "
            << acknowledged_.size() << " sets, " << retried_
            << " writes cut off, of which " << kept_unacknowledged_
            << " had taken effect; nothing lost, nothing twice\n";
}

}  // namespace
}  // namespace moeplan::testing
