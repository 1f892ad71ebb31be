// The page of metrics of a running server, against docs/metrics.md and against
// what was asked of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "moeplan/v1/coefficient_set.grpc.pb.h"
#include "moeplan/v1/planner.grpc.pb.h"
#include "tests/integration/server/dense_runs.h"
#include "tests/integration/server/in_process_server.h"
#include "tests/testing/http_get.h"
#include "tests/testing/raw_call.h"

namespace moeplan::server {
namespace {

using ::moeplan::testing::CallRaw;
using ::moeplan::testing::HttpGet;

// Series, as they stand on the page, and their values.
using Series = std::map<std::string, double>;

constexpr char kPredictLabels[] =
    "{grpc_method=\"Predict\",grpc_service=\"moeplan.v1.PlannerService\","
    "grpc_type=\"unary\"}";
constexpr char kUnknownLabels[] =
    "{grpc_method=\"unknown\",grpc_service=\"unknown\",grpc_type=\"unary\"}";

class MetricsTest : public ::testing::Test {
 protected:
  MetricsTest()
      : server_("127.0.0.1:0"),
        planner_(v1::PlannerService::NewStub(server_.channel())) {}

  Series Scrape() {
    const auto page = HttpGet(server_.metrics_address(), "/metrics");
    EXPECT_TRUE(page.ok()) << page.status();
    Series series;
    if (!page.ok()) return series;
    page_ = *page;
    for (const absl::string_view line : absl::StrSplit(page_, '\n')) {
      if (line.empty() || line[0] == '#') continue;
      const size_t cut = line.rfind(' ');
      double value = 0;
      // A summary without events says Nan.
      if (absl::SimpleAtod(line.substr(cut + 1), &value)) {
        series[std::string(line.substr(0, cut))] = value;
      }
    }
    return series;
  }

  // A call is counted after its last byte left, which the client may see first.
  Series ScrapeUntil(const std::string& name, double value) {
    const auto give_up =
        std::chrono::steady_clock::now() + std::chrono::seconds(20);
    Series series = Scrape();
    while (series[name] != value &&
           std::chrono::steady_clock::now() < give_up) {
      series = Scrape();
    }
    EXPECT_EQ(series[name], value) << name;
    return series;
  }

  grpc::Status Predict(double active_params) {
    v1::PredictRequest request;
    v1::PointColumns* columns = request.mutable_point_columns();
    columns->add_active_params(active_params);
    columns->add_training_tokens(1e10);
    columns->add_expansion_rate(8);
    grpc::ClientContext context;
    v1::PredictResponse response;
    return planner_->Predict(&context, request, &response);
  }
  grpc::Status Plan(double memory_bytes) {
    v1::OptimalConfigRequest request;
    request.set_objective(v1::OBJECTIVE_LEAST_LOSS);
    request.mutable_budget()->set_train_flops(1e22);
    request.mutable_memory_limit()->set_bytes(
        static_cast<int64_t>(memory_bytes));
    grpc::ClientContext context;
    v1::OptimalConfigResponse response;
    return planner_->OptimalConfig(&context, request, &response);
  }

  grpc::Status Fit(const v1::FitFromRunsRequest& request) {
    grpc::ClientContext context;
    auto reader = planner_->FitFromRuns(&context, request);
    v1::FitFromRunsResponse response;
    while (reader->Read(&response)) {
    }
    return reader->Finish();
  }

  InProcessServer server_;
  std::unique_ptr<v1::PlannerService::Stub> planner_;
  std::string page_;
};

TEST_F(MetricsTest, EveryMetricOfTheDocumentIsServedWithItsTypeAndNoOther) {
  std::map<std::string, std::string> documented;
  std::ifstream file("docs/metrics.md");
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> cells = absl::StrSplit(line, '|');
    if (cells.size() < 4 || !absl::StartsWith(cells[1], " `")) continue;
    const std::string name = std::string(absl::StripAsciiWhitespace(cells[1]));
    documented[name.substr(1, name.size() - 2)] =
        std::string(absl::StripAsciiWhitespace(cells[2]));
  }
  ASSERT_GT(documented.size(), 25u);
  Scrape();
  std::map<std::string, std::string> served;
  for (const absl::string_view line : absl::StrSplit(page_, '\n')) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    // The exposer's own are the library's.
    if (words.size() == 4 && words[1] == "TYPE" &&
        !absl::StartsWith(words[2], "exposer_")) {
      served[words[2]] = words[3];
    }
  }
  EXPECT_THAT(served, ::testing::ContainerEq(documented));
}

TEST_F(MetricsTest, CallsAreCountedByTheCodeThatLeft) {
  EXPECT_TRUE(Predict(2e8).ok());
  EXPECT_TRUE(Predict(3e8).ok());
  EXPECT_EQ(Predict(-1).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const std::string rest =
      ",grpc_method=\"Predict\",grpc_service=\"moeplan.v1.PlannerService\","
      "grpc_type=\"unary\"}";
  Series series = ScrapeUntil(
      absl::StrCat("grpc_server_handling_seconds_count", kPredictLabels), 3);
  EXPECT_EQ(series[absl::StrCat("grpc_server_started_total", kPredictLabels)],
            3);
  EXPECT_EQ(
      series[absl::StrCat("grpc_server_msg_received_total", kPredictLabels)],
      3);
  EXPECT_EQ(series[absl::StrCat("grpc_server_msg_sent_total", kPredictLabels)],
            2);
  EXPECT_EQ(
      series[absl::StrCat("grpc_server_handled_total{grpc_code=\"OK\"", rest)],
      2);
  EXPECT_EQ(
      series[absl::StrCat(
          "grpc_server_handled_total{grpc_code=\"InvalidArgument\"", rest)],
      1);
  EXPECT_EQ(series["moeplan_predicted_points_total{extrapolation=\"inside\"}"],
            2);
}

TEST_F(MetricsTest, PointsOutsideTheBoxAreCountedAsSuch) {
  EXPECT_TRUE(Predict(5e13).ok());
  Series series = Scrape();
  EXPECT_EQ(series["moeplan_predicted_points_total{extrapolation=\"outside\"}"],
            1);
  EXPECT_EQ(series["moeplan_predicted_points_total{extrapolation=\"inside\"}"],
            0);
}

TEST_F(MetricsTest, PlansAreCountedByOutcomeAndByWhatHoldsThem) {
  EXPECT_TRUE(Plan(80e9).ok());
  EXPECT_TRUE(Plan(1).ok());
  Series series = Scrape();
  EXPECT_EQ(series["moeplan_plans_total{extrapolation=\"outside\","
                   "objective=\"least_loss\",outcome=\"plan\"}"],
            1);
  EXPECT_EQ(series["moeplan_plans_total{extrapolation=\"none\","
                   "objective=\"least_loss\",outcome=\"infeasible\"}"],
            1);
  for (const char* outcome : {"plan", "infeasible"}) {
    EXPECT_EQ(series[absl::StrCat("moeplan_binding_constraints_total{"
                                  "constraint=\"memory_limit\",outcome=\"",
                                  outcome, "\"}")],
              1)
        << outcome;
  }
}

TEST_F(MetricsTest, UnknownMethodsCountUnderOneNameAndAreRefused) {
  for (const char* method : {"/moeplan.v1.PlannerService/Nothing", "/x/y"}) {
    EXPECT_EQ(CallRaw(server_.channel(), method, "").status.error_code(),
              grpc::StatusCode::UNIMPLEMENTED);
  }
  ScrapeUntil(
      absl::StrCat("grpc_server_handling_seconds_count", kUnknownLabels), 2);
  EXPECT_FALSE(absl::StrContains(page_, "Nothing"));
}

TEST_F(MetricsTest, AFitIsCountedWithItsStarts) {
  EXPECT_TRUE(Fit(DenseRuns()).ok());
  Series series = Scrape();
  EXPECT_EQ(series["moeplan_fits_total{family=\"dense\",outcome=\"fitted\"}"],
            1);
  EXPECT_EQ(series["moeplan_fit_starts_total"], 8);
  EXPECT_EQ(series["moeplan_fit_starts_at_best_ratio_count"], 1);
  EXPECT_EQ(series["moeplan_fit_duration_seconds_count"], 1);
}

TEST_F(MetricsTest, AFitThatIsRefusedAtTheDoorIsNoFailedFit) {
  EXPECT_EQ(Fit(v1::FitFromRunsRequest()).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  Series series = Scrape();
  for (const char* reason : {"cancelled", "deadline", "shutdown", "other"}) {
    EXPECT_EQ(series[absl::StrCat("moeplan_fit_failures_total{reason=\"",
                                  reason, "\"}")],
              0)
        << reason;
  }
  EXPECT_EQ(series["moeplan_fit_duration_seconds_count"], 0);
}

TEST_F(MetricsTest, FitsThatEndEarlyAndRefusalsAreCountedByReason) {
  const v1::FitFromRunsRequest request = MinutesOfRuns();
  // One runs, some wait, the others are refused; then all are left.
  std::vector<grpc::ClientContext> contexts(12);
  std::vector<std::unique_ptr<grpc::ClientReader<v1::FitFromRunsResponse>>>
      readers;
  v1::FitFromRunsResponse response;
  for (grpc::ClientContext& context : contexts) {
    readers.push_back(planner_->FitFromRuns(&context, request));
    // The first one runs before the others come.
    if (readers.size() == 1) {
      ASSERT_TRUE(readers[0]->Read(&response));
    }
  }
  Series series = Scrape();
  const double limit = series["moeplan_inflight_limit{class=\"fit\"}"];
  ASSERT_GT(limit, 0);
  series = ScrapeUntil("moeplan_admission_rejected_total{class=\"fit\"}",
                       12 - limit);
  EXPECT_EQ(series["moeplan_inflight{class=\"fit\"}"], limit);
  for (grpc::ClientContext& each : contexts) each.TryCancel();
  for (const auto& reader : readers) {
    while (reader->Read(&response)) {
    }
    EXPECT_FALSE(reader->Finish().ok());
  }
  series = ScrapeUntil("moeplan_inflight{class=\"fit\"}", 0);
  // Those that still waited never ran.
  EXPECT_GE(series["moeplan_fit_failures_total{reason=\"cancelled\"}"], 1);
  EXPECT_LE(series["moeplan_fit_failures_total{reason=\"cancelled\"}"], limit);

  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(200));
  const auto reader = planner_->FitFromRuns(&context, request);
  while (reader->Read(&response)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  ScrapeUntil("moeplan_fit_failures_total{reason=\"deadline\"}", 1);
}

// The promise is made for 10,000 sets (MOEPLAN_SET_COUNT).
TEST_F(MetricsTest, APageWithManySetsIsQuickAndBounded) {
  const char* given = std::getenv("MOEPLAN_SET_COUNT");
  const int set_count = given == nullptr ? 100 : std::atoi(given);
  auto sets = v1::CoefficientSetService::NewStub(server_.channel());
  v1::GetCoefficientSetRequest get;
  get.set_name("coefficientSets/joint-2025");
  grpc::ClientContext get_context;
  v1::GetCoefficientSetResponse got;
  ASSERT_TRUE(sets->GetCoefficientSet(&get_context, get, &got).ok());
  for (int i = 0; i < set_count; ++i) {
    v1::CreateCoefficientSetRequest create;
    *create.mutable_coefficient_set() = got.coefficient_set();
    create.mutable_coefficient_set()->clear_name();
    create.mutable_coefficient_set()->clear_create_time();
    create.set_coefficient_set_id(absl::StrCat("copy-", i));
    grpc::ClientContext context;
    v1::CreateCoefficientSetResponse created;
    const grpc::Status status =
        sets->CreateCoefficientSet(&context, create, &created);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  Series series = Scrape();
  EXPECT_EQ(series["moeplan_coefficient_sets{state=\"served\"}"],
            set_count + 7);
  std::vector<double> milliseconds;
  for (int i = 0; i < 21; ++i) {
    const auto start = std::chrono::steady_clock::now();
    Scrape();
    const std::chrono::duration<double, std::milli> took =
        std::chrono::steady_clock::now() - start;
    milliseconds.push_back(took.count());
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  std::printf("scrape with %d sets: median %.1f ms, %zu series\n",
              set_count + 7, milliseconds[10], series.size());
  if (given != nullptr) {
    EXPECT_LE(milliseconds[10], 50);
  }
  EXPECT_LE(series.size(), 2000u);
}

TEST(MetricsAddressTest, AnAddressThatIsNoneIsRefusedByItsFlag) {
  JsonLog log(stderr, LogLevel::kOff);
  for (const char* address : {"7601", "127.0.0.1:", "127.0.0.1:99999",
                              "127.0.0.1:1,2", "127.0.0.1:80s", ":7601"}) {
    ServerOptions options;
    options.listening.address.clear();
    options.measuring.address = address;
    const auto server = Server::BuildAndStart(options, log);
    EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(server.status().message()),
                ::testing::HasSubstr("--metrics-listen"));
  }
}

}  // namespace
}  // namespace moeplan::server
