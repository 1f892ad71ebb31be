#include "client/cli/error_report.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cli/common_options.h"
#include "client/cli/exit_code.h"
#include "client/cli/io.h"
#include "client/cpp/rpc_error.h"
#include "nlohmann/json.hpp"

namespace moeplan::cli {
namespace {

struct FieldOption {
  absl::string_view field;  // a prefix of the proto path
  absl::string_view option;
};

// The first prefix that matches counts.
constexpr FieldOption kFieldOptions[] = {
    {"coefficient_set_id", "--store, or the id of sets create"},
    {"coefficient_set", "--set"},
    {"dense_coefficient_set", "--dense-set"},
    {"objective", "--minimize"},
    {"target_loss", "--target-loss"},
    {"budget", "--compute"},
    {"memory_limit.as_dense_model", "--memory-as-dense"},
    {"serving_memory.kv_cache_tokens", "--kv-tokens"},
    {"serving_memory.bytes_per_weight", "--weight-bits"},
    {"serving_memory.bytes_per_cache_element", "--kv-bits"},
    {"memory_limit.total_params", "--memory-params"},
    {"memory_limit.elements", "--memory-elements"},
    {"memory_limit", "--memory"},
    {"token_supply.max_epochs", "--max-epochs"},
    {"token_supply", "--available-tokens"},
    {"serving_demand", "--served-tokens"},
    {"search_space.expansion_rates", "--expansion-rates"},
    {"search_space.granularities", "--granularities"},
    {"search_space.routing_flops", "--routing-flops"},
    {"search_space.smallest_shape.d_model", "--smallest-width"},
    {"search_space.smallest_shape.block_count", "--smallest-depth"},
    {"search_space.any_shape", "--any-shape"},
    {"loss_tolerance", "--loss-tolerance"},
    {"alternative_count", "--alternatives"},
    {"candidate.training_tokens", "--tokens"},
    {"candidate.point.expansion_rate", "--expansion-rate"},
    {"candidate.point.granularity", "--granularity"},
    {"candidate.point", "--active-params"},
    {"candidate.shape", "--model"},
    {"max_extrapolation_decades", "--max-extrapolation"},
    {"interval_level", "--interval-level"},
    {"initial_coefficients", "--start-from"},
    {"strict", "--strict"},
    {"point_columns.active_params", "--active-params"},
    {"point_columns.law_params", "--law-params"},
    {"point_columns.training_tokens", "--tokens"},
    {"point_columns.expansion_rate", "--expansion-rate"},
    {"point_columns.granularity", "--granularity"},
    {"shape_points", "--model"},
    {"families", "--family"},
    {"fixed_coefficients", "--hold"},
    {"loss_function", "--huber-delta"},
    {"hold_out", "--hold-out"},
    {"start_count", "--starts"},
    {"bootstrap_draw_count", "--draws"},
    {"convention", "--convention-of"},
};

std::string OptionOf(absl::string_view field) {
  for (const FieldOption& entry : kFieldOptions) {
    if (absl::StartsWith(field, entry.field)) {
      return absl::StrCat(" (", entry.option, ")");
    }
  }
  return "";
}

std::string Headline(const client::RpcError& error,
                     const CommonOptions& options) {
  switch (error.code) {
    case absl::StatusCode::kUnavailable:
      if (!error.reason.empty()) return error.message;
      return absl::StrCat("cannot reach the server at ", options.server, ": ",
                          error.message);
    case absl::StatusCode::kDeadlineExceeded:
      return "no answer in time";
    case absl::StatusCode::kInvalidArgument:
      if (!error.field_violations.empty()) return "the request is not valid:";
      return error.message;
    default:
      return error.message;
  }
}

std::string Advice(const client::RpcError& error,
                   const CommonOptions& options) {
  switch (error.code) {
    case absl::StatusCode::kUnavailable:
      if (options.offline || !error.reason.empty()) return "";
      return "Start one with `moeplan-server`, name another one with --server "
             "host:port, or answer without one: --offline.";
    case absl::StatusCode::kDeadlineExceeded:
      return "Allow more time with --timeout, such as --timeout 2m.";
    case absl::StatusCode::kNotFound:
      if (absl::StartsWith(error.resource_name, "calibrations/")) {
        return "`moeplan-worker run --server host:port` reports one.";
      }
      return "`moeplan sets list` lists the coefficient sets.";
    case absl::StatusCode::kOutOfRange:
      return "Without --strict the answer is given and marked as "
             "extrapolated.";
    case absl::StatusCode::kAlreadyExists:
      return "Sets are immutable: a change is a new id.";
    case absl::StatusCode::kResourceExhausted:
      if (error.retry_delay.has_value()) {
        return absl::StrCat("Try again in ",
                            absl::FormatDuration(*error.retry_delay), ".");
      }
      return "";
    default:
      return "";
  }
}

nlohmann::json ToJsonObject(const client::RpcError& error) {
  nlohmann::json violations = nlohmann::json::array();
  for (const client::FieldViolation& violation : error.field_violations) {
    violations.push_back(
        {{"field", violation.field}, {"description", violation.description}});
  }
  nlohmann::json object = {
      {"code", absl::StatusCodeToString(error.code)},
      {"message", error.message},
      {"reason", error.reason},
      {"metadata", error.metadata},
      {"field_violations", violations},
      {"field_violation_count", error.field_violation_count}};
  if (error.retry_delay.has_value()) {
    object["retry_delay_seconds"] = absl::ToDoubleSeconds(*error.retry_delay);
  }
  return {{"error", object}};
}

// Text from outside may hold bytes that are no UTF-8.
std::string Dump(const nlohmann::json& json) {
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

ExitCode ReportError(const absl::Status& status, const CommonOptions& options,
                     Io& io) {
  const client::RpcError error = client::DecodeRpcError(status);
  if (options.format == OutputFormat::kJson) {
    io.err << Dump(ToJsonObject(error)) << '\n';
    return ExitCodeOf(status.code());
  }
  io.err << io.err_terminal.Error("error: ") << Headline(error, options)
         << '\n';
  for (const client::FieldViolation& violation : error.field_violations) {
    io.err << "  " << violation.field << OptionOf(violation.field) << " "
           << violation.description << '\n';
  }
  const auto listed = static_cast<int64_t>(error.field_violations.size());
  if (error.field_violation_count > listed) {
    io.err << "  and " << error.field_violation_count - listed << " more\n";
  }
  for (const client::FieldViolation& precondition : error.preconditions) {
    if (absl::StrContains(error.message, precondition.description)) continue;
    io.err << "  " << precondition.field << ": " << precondition.description
           << '\n';
  }
  const std::string advice = Advice(error, options);
  if (!advice.empty()) io.err << advice << '\n';
  return ExitCodeOf(status.code());
}

ExitCode ReportUsageError(absl::string_view text, const CommonOptions& options,
                          Io& io) {
  if (options.format == OutputFormat::kJson) {
    io.err << Dump({{"error",
                     {{"code", "USAGE"}, {"message", std::string(text)}}}})
           << '\n';
  } else {
    io.err << io.err_terminal.Error("error: ") << text << '\n';
  }
  return kUsage;
}

}  // namespace moeplan::cli
