// The server as a process: its exit codes, its start-up errors, what survives a
// restart, and the order in which it ends.

#include "tests/testing/server_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "moeplan/v1/coefficient_set.grpc.pb.h"
#include "moeplan/v1/planner.grpc.pb.h"
#include "tests/testing/raw_call.h"

namespace moeplan::server {
namespace {

using ::moeplan::testing::DecodeDetails;
using ::moeplan::testing::ServerProcess;
using ::moeplan::testing::TemporaryFolder;
using ::testing::HasSubstr;

struct Ended {
  int exit_code = -1;
  std::string output;  // standard output and error
};

// Runs moeplan-server with these arguments to its end.
Ended RunProgram(const std::string& arguments) {
  TemporaryFolder folder;
  const std::string file = folder.path() + "/output";
  const char* program = std::getenv("MOEPLAN_SERVER_PROGRAM");
  EXPECT_NE(program, nullptr);
  const int status = std::system(
      absl::StrCat("timeout 60 ", program, " ", arguments, " >", file, " 2>&1")
          .c_str());
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text.str()};
}

class ServerProcessTest : public ::testing::Test {
 protected:
  std::unique_ptr<ServerProcess> Start(const std::vector<std::string>& more = {
                                           "--drain-notice", "0s"}) {
    auto started = ServerProcess::Start(data_dir(), more);
    EXPECT_TRUE(started.ok()) << started.status();
    return started.ok() ? *std::move(started) : nullptr;
  }
  std::string data_dir() const { return folder_.path() + "/data"; }

  void Execute(const std::string& sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open((data_dir() + "/moeplan.db").c_str(), &handle),
              SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(handle);
  }

  TemporaryFolder folder_;
};

TEST_F(ServerProcessTest, HelpListsEveryFlagAndExitCode) {
  const Ended help = RunProgram("--help");
  EXPECT_EQ(help.exit_code, 0);
  for (const char* text :
       {"--listen", "--port-file", "--data-dir", "--default-set",
        "--default-dense-set", "--threads", "--fit-threads", "--reflection",
        "--drain-notice", "--drain-deadline", "--slow-call", "--log-level",
        "--max-calibrations", "--max-calibration-bytes", "256MiB",
        "healthcheck", "Exit codes", "MOEPLAN_LISTEN", "127.0.0.1:7600"}) {
    EXPECT_THAT(help.output, HasSubstr(text));
  }
  EXPECT_EQ(RunProgram("--version").exit_code, 0);
}

TEST_F(ServerProcessTest, BadFlagsAreExitCodeTwo) {
  for (const char* flags :
       {"--no-such-flag", "--threads many", "--drain-notice 5parsecs",
        "--log-level loud", "--listen 127.0.0.1:0 --default-set UPPER",
        "--listen 127.0.0.1:0 --default-set none-such",
        "--listen 127.0.0.1:0 --threads -1", "--max-calibrations -1",
        "--max-calibration-bytes many"}) {
    const Ended ended = RunProgram(flags);
    EXPECT_EQ(ended.exit_code, 2) << flags << "\n" << ended.output;
    EXPECT_FALSE(ended.output.empty());
  }
}

TEST_F(ServerProcessTest, TakenPortIsExitCodeThree) {
  const auto server = Start();
  ASSERT_NE(server, nullptr);
  const Ended ended = RunProgram("--listen " + server->address());
  EXPECT_EQ(ended.exit_code, 3) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr(server->address()));
  EXPECT_THAT(ended.output, HasSubstr("in use"));
  EXPECT_EQ(RunProgram("--listen no-port-here").exit_code, 3);
}

TEST_F(ServerProcessTest, UnusableDataDirectoryIsExitCodeFour) {
  const std::string file = folder_.path() + "/file";
  std::ofstream(file) << "not a directory";
  for (const std::string& path : {file, file + "/below"}) {
    const Ended ended = RunProgram("--listen 127.0.0.1:0 --data-dir " + path);
    EXPECT_EQ(ended.exit_code, 4) << ended.output;
    EXPECT_THAT(ended.output, HasSubstr(path));
  }
  const auto server = Start();
  ASSERT_NE(server, nullptr);
  const Ended second =
      RunProgram("--listen 127.0.0.1:0 --data-dir " + data_dir());
  EXPECT_EQ(second.exit_code, 4);
  EXPECT_THAT(second.output, HasSubstr("in use by another moeplan-server"));
}

TEST_F(ServerProcessTest, NewerCorruptAndForeignDatabasesAreExitCodeFive) {
  const std::string serve = "--listen 127.0.0.1:0 --data-dir " + data_dir();
  ASSERT_EQ(Start()->Terminate(), 0);
  Execute("UPDATE schema_info SET version = 9, oldest_following_version = 9");
  const Ended newer = RunProgram(serve);
  EXPECT_EQ(newer.exit_code, 5) << newer.output;
  EXPECT_THAT(newer.output, HasSubstr("schema version 9"));

  Execute("PRAGMA application_id = 42");
  const Ended foreign = RunProgram(serve);
  EXPECT_EQ(foreign.exit_code, 5) << foreign.output;
  EXPECT_THAT(foreign.output, HasSubstr("not a moeplan database"));

  std::filesystem::remove_all(data_dir());
  std::filesystem::create_directory(data_dir());
  std::ofstream(data_dir() + "/moeplan.db") << std::string(8192, 'x');
  const Ended corrupt = RunProgram(serve);
  EXPECT_EQ(corrupt.exit_code, 5) << corrupt.output;
}

TEST_F(ServerProcessTest, SetsSurviveARestart) {
  v1::CoefficientSet created;
  {
    const auto server = Start();
    ASSERT_NE(server, nullptr);
    auto stub = v1::CoefficientSetService::NewStub(server->channel());
    v1::GetCoefficientSetRequest get;
    get.set_name("coefficientSets/joint-2025");
    v1::GetCoefficientSetResponse published;
    grpc::ClientContext get_context;
    ASSERT_TRUE(stub->GetCoefficientSet(&get_context, get, &published).ok());
    v1::CreateCoefficientSetRequest create;
    create.set_coefficient_set_id("mine");
    *create.mutable_coefficient_set() = published.coefficient_set();
    v1::CreateCoefficientSetResponse answer;
    grpc::ClientContext context;
    ASSERT_TRUE(stub->CreateCoefficientSet(&context, create, &answer).ok());
    created = answer.coefficient_set();
    EXPECT_EQ(server->Terminate(), 0);
  }
  const auto server = Start();
  ASSERT_NE(server, nullptr);
  auto stub = v1::CoefficientSetService::NewStub(server->channel());
  v1::GetCoefficientSetRequest get;
  get.set_name("coefficientSets/mine");
  v1::GetCoefficientSetResponse found;
  grpc::ClientContext context;
  ASSERT_TRUE(stub->GetCoefficientSet(&context, get, &found).ok());
  EXPECT_EQ(found.coefficient_set().SerializeAsString(),
            created.SerializeAsString());
  EXPECT_EQ(server->Terminate(), 0);

  // A damaged set is quarantined, and the others are served.
  Execute("UPDATE coefficient_sets SET checksum = 'other' WHERE id = 'mine'");
  const auto damaged = Start();
  ASSERT_NE(damaged, nullptr);
  stub = v1::CoefficientSetService::NewStub(damaged->channel());
  grpc::ClientContext damaged_context;
  EXPECT_EQ(stub->GetCoefficientSet(&damaged_context, get, &found).error_code(),
            grpc::StatusCode::DATA_LOSS);
  get.set_name("coefficientSets/joint-2025");
  grpc::ClientContext other_context;
  EXPECT_TRUE(stub->GetCoefficientSet(&other_context, get, &found).ok());
}

TEST_F(ServerProcessTest, SigtermEndsARunningFitInOrder) {
  const auto server =
      Start({"--drain-notice", "0s", "--drain-deadline", "2500ms"});
  ASSERT_NE(server, nullptr);
  auto stub = v1::PlannerService::NewStub(server->channel());
  v1::FitFromRunsRequest request;
  for (int i = 0; i < 40; ++i) {
    request.mutable_runs()->add_active_params(1e8 * (1 + i % 7));
    request.mutable_runs()->add_training_tokens(1e9 * (1 + i % 11));
    request.mutable_runs()->add_loss(2.5 + 0.01 * (i % 5));
  }
  request.mutable_convention()->set_loss_unit(v1::LOSS_UNIT_NATS_PER_TOKEN);
  request.mutable_convention()->set_flop_rule(
      v1::FLOP_RULE_SIX_PER_ACTIVE_PARAM);
  request.add_families("dense");
  request.set_start_count(10000);
  request.set_bootstrap_draw_count(10000);
  request.set_coefficient_set_id("never");
  grpc::ClientContext context;
  const auto reader = stub->FitFromRuns(&context, request);
  v1::FitFromRunsResponse response;
  ASSERT_TRUE(reader->Read(&response));
  const absl::Time signalled = absl::Now();
  EXPECT_EQ(server->Terminate(), 0);
  const absl::Duration took = absl::Now() - signalled;
  EXPECT_LT(took, absl::Seconds(20)) << took;
  while (reader->Read(&response)) {
    EXPECT_FALSE(response.has_result());
  }
  const grpc::Status status = reader->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED)
      << status.error_message();
  EXPECT_EQ(DecodeDetails(status).error_info.reason(), "SHUTTING_DOWN");
  EXPECT_TRUE(DecodeDetails(status).has_retry_info);
}

TEST_F(ServerProcessTest, HealthcheckTellsTheStatesApart) {
  EXPECT_EQ(RunProgram("healthcheck --no-such-flag").exit_code, 1);
  EXPECT_EQ(
      RunProgram("healthcheck --addr 127.0.0.1:1 --timeout 300ms").exit_code,
      2);
  const auto server = Start();
  ASSERT_NE(server, nullptr);
  const std::string check = "healthcheck --addr " + server->address();
  EXPECT_EQ(RunProgram(check).exit_code, 0);
  EXPECT_EQ(RunProgram(check + " --service readiness").exit_code, 0);
  EXPECT_EQ(RunProgram(check + " --service moeplan.v1.CoefficientSetService")
                .exit_code,
            0);
  EXPECT_EQ(RunProgram(check + " --service no.such.Service").exit_code, 3);
}

TEST_F(ServerProcessTest, DrainingSaysNotServingWhileItStillAnswers) {
  TemporaryFolder folder;
  const std::string port_file = folder.path() + "/port";
  const std::string pid_file = folder.path() + "/pid";
  const char* program = std::getenv("MOEPLAN_SERVER_PROGRAM");
  ASSERT_NE(program, nullptr);
  ASSERT_EQ(std::system(absl::StrCat(program, " --listen 127.0.0.1:0 ",
                                     "--drain-notice 30s --log-level off ",
                                     "--port-file ", port_file,
                                     " >/dev/null 2>&1 & echo $! >", pid_file)
                            .c_str()),
            0);
  int port = 0;
  const absl::Time give_up = absl::Now() + absl::Seconds(60);
  while (port == 0 && absl::Now() < give_up) {
    std::ifstream(port_file) >> port;
    absl::SleepFor(absl::Milliseconds(10));
  }
  int pid = 0;
  std::ifstream(pid_file) >> pid;
  ASSERT_GT(port, 0);
  ASSERT_GT(pid, 0);
  const std::string check = absl::StrCat("healthcheck --addr 127.0.0.1:", port);
  EXPECT_EQ(RunProgram(check).exit_code, 0);
  ASSERT_EQ(kill(pid, SIGTERM), 0);
  int state = 0;
  while (state == 0 && absl::Now() < give_up)
    state = RunProgram(check).exit_code;
  EXPECT_EQ(state, 4);               // NOT_SERVING, and still answering
  EXPECT_EQ(kill(pid, SIGTERM), 0);  // a second one skips the notice
  while (kill(pid, 0) == 0 && absl::Now() < give_up) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_NE(kill(pid, 0), 0);
}

}  // namespace
}  // namespace moeplan::server
