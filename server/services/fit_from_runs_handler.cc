#include "server/services/fit_from_runs_handler.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "core/base/status_macros.h"
#include "core/fit/fit_from_runs.h"
#include "server/convert/fit_from_runs_convert.h"
#include "server/convert/fit_report_convert.h"
#include "server/convert/resource_name.h"
#include "server/convert/timestamp_convert.h"
#include "server/rpc/server_version.h"
#include "server/services/request_hash.h"
#include "server/store/store_errors.h"

namespace moeplan::server {
namespace {

using Stream = ResponseStream<v1::FitFromRunsResponse>;
using SetPointer = std::shared_ptr<const CoefficientSet>;

// At most 20 messages a second. Core reports one at a time.
class ProgressSender {
 public:
  explicit ProgressSender(Stream& stream) : stream_(stream) {}

  void Send(const FitProgress& progress) {
    constexpr absl::Duration kShortestPause = absl::Milliseconds(50);
    const absl::Time now = absl::Now();
    if (now < last_ + kShortestPause) return;
    last_ = now;
    v1::FitFromRunsResponse message;
    FitProgressToWire(progress, message.mutable_progress());
    stream_.WriteLatest(std::move(message));
  }

 private:
  Stream& stream_;
  absl::Time last_ = absl::InfinitePast();
};

void SendResult(v1::FitResult result, Stream& stream) {
  v1::FitFromRunsResponse message;
  *message.mutable_result() = std::move(result);
  stream.Write(std::move(message));
}

// Said before minutes of work rather than after; the store has the last word.
absl::Status CheckIdsFree(const FitQuery& query, const SetSnapshot& snapshot) {
  if (query.set_id.empty()) return absl::OkStatus();
  for (const std::string& family : query.options.families) {
    const std::string id = query.SetIdOf(family);
    if (snapshot.sets().count(id) > 0) return SetExistsError(id);
  }
  return absl::OkStatus();
}

// The fitted set under the names that the caller gave; null without one.
absl::StatusOr<SetPointer> MakeSet(const FitQuery& query,
                                   const FitReport& report) {
  if (!report.coefficient_set.has_value()) return SetPointer();
  CoefficientSetSpec spec = *report.coefficient_set;
  if (!query.set_id.empty()) spec.id = query.SetIdOf(report.family);
  if (!query.display_name.empty()) spec.display_name = query.display_name;
  if (!query.run_source.empty()) {
    absl::StrAppend(&spec.source, "; ", query.run_source);
  }
  absl::StatusOr<SetPointer> set = CoefficientSet::Create(std::move(spec));
  if (set.ok()) return set;
  // The caller gave runs, not a set: a set that core cannot make is ours.
  return absl::InternalError(
      absl::StrCat("the fit of ", report.family,
                   " made no legal set: ", set.status().message()));
}

absl::StatusOr<std::vector<FitReport>> RunFit(
    const ServiceEnvironment& environment, CallContext& call,
    const FitQuery& query, Stream& stream) {
  ProgressSender sender(stream);
  FitContext context;
  context.interrupter = &call.interrupter();
  context.parallel_for = environment.fit_parallel_for;
  context.on_progress = [&sender](const FitProgress& progress) {
    sender.Send(progress);
  };
  absl::StatusOr<std::vector<FitReport>> reports =
      FitFromRuns(query.table, query.options, context);
  if (reports.ok()) {
    const absl::Status interrupted = call.InterruptStatus();
    if (!interrupted.ok()) reports = interrupted;
  }
  if (!reports.ok() && environment.answer_observer != nullptr) {
    environment.answer_observer->OnFitFailed(call.interrupt_reason());
  }
  return reports;
}

}  // namespace

absl::Status HandleFitFromRuns(const ServiceEnvironment& environment,
                               CallContext& call,
                               const v1::FitFromRunsRequest& request,
                               Stream& stream) {
  MOEPLAN_ASSIGN_OR_RETURN(const FitQuery query, FitFromRunsFromWire(request));
  SetCatalog& catalog = *environment.catalog;
  const Idempotency idempotency = IdempotencyOf(request);
  MOEPLAN_ASSIGN_OR_RETURN(const std::optional<std::string> known,
                           catalog.FindResult(idempotency));
  v1::FitResult result;
  if (known.has_value()) {
    if (!result.ParseFromString(*known)) {
      return absl::InternalError("a kept fit result does not parse");
    }
    SendResult(std::move(result), stream);
    return absl::OkStatus();
  }
  MOEPLAN_RETURN_IF_ERROR(CheckIdsFree(query, *catalog.snapshot()));
  const absl::Time started = absl::Now();
  MOEPLAN_ASSIGN_OR_RETURN(const std::vector<FitReport> reports,
                           RunFit(environment, call, query, stream));

  const absl::Time now = absl::Now();
  std::vector<SetPointer> sets_to_store;
  for (const FitReport& report : reports) {
    MOEPLAN_ASSIGN_OR_RETURN(const SetPointer set, MakeSet(query, report));
    v1::FitReport* wire = result.add_reports();
    FitReportToWire(report, set.get(), query.include_fitted_losses, wire);
    if (set == nullptr || query.set_id.empty()) continue;
    v1::CoefficientSet* stored =
        wire->mutable_fitted()->mutable_coefficient_set();
    stored->set_name(CoefficientSetName(set->id()));
    TimestampToWire(now, stored->mutable_create_time());
    sets_to_store.push_back(set);
  }
  result.set_run_table_hash(query.table.hash());
  result.set_server_version(ServerVersion());
  if (environment.answer_observer != nullptr) {
    environment.answer_observer->OnFit(result, now - started);
  }
  if (!sets_to_store.empty() || !idempotency.request_id.empty()) {
    MOEPLAN_ASSIGN_OR_RETURN(const WriteOutcome outcome,
                             catalog.Create(idempotency, sets_to_store,
                                            result.SerializeAsString(), now));
    // The same request came twice at once, and the other one was first.
    if (outcome.replayed && !result.ParseFromString(outcome.result)) {
      return absl::InternalError("a kept fit result does not parse");
    }
  }
  SendResult(std::move(result), stream);
  return absl::OkStatus();
}

}  // namespace moeplan::server
