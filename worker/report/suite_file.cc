#include "worker/report/suite_file.h"

#include <fstream>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/sha256.h"
#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "worker/bench/routing.h"
#include "worker/report/operation_json.h"

namespace moeplan::worker {
namespace {

using nlohmann::json;

constexpr int64_t kMostTokens = int64_t{1} << 24;
// Rows that somebody saw, instead of a pattern by which they are drawn.
constexpr char kCaptured[] = "captured";
// Of the hash that tells such rows apart.
constexpr size_t kRowsDigits = 8;

absl::StatusOr<json> RowsOf(const json& routing, uint64_t seed) {
  if (routing.value("pattern", "") == kCaptured) {
    if (!routing.contains("rows_per_expert")) {
      return absl::InvalidArgumentError(
          "routing: a captured pattern needs rows_per_expert");
    }
    return routing["rows_per_expert"];
  }
  MOEPLAN_ASSIGN_OR_RETURN(const RoutingPattern pattern,
                           RoutingPatternOf(routing.value("pattern", "")));
  const int64_t tokens = routing.value("tokens", int64_t{0});
  const int64_t experts = routing.value("experts", int64_t{0});
  const int64_t choices = routing.value("experts_per_token", int64_t{0});
  if (tokens < 1 || tokens > kMostTokens || experts < 1 ||
      experts > kMostExperts || choices < 1 || choices > experts) {
    return absl::InvalidArgumentError(
        "routing needs tokens (1 to 16777216), experts (1 to 65536) and "
        "experts_per_token (1 to experts)");
  }
  return DrawRows(pattern, tokens, experts, choices, seed);
}

absl::StatusOr<Case> CaseOf(const json& from) {
  Case one;
  one.dtype = from.value("dtype", "f32");
  one.backend = from.value("backend", "");
  one.seed = from.value("seed", uint64_t{1});
  one.is_ceiling = from.value("ceiling", false);
  json operation = from.value("operation", json());
  if (from.contains("routing") && operation.is_object()) {
    MOEPLAN_ASSIGN_OR_RETURN(operation["rows_per_expert"],
                             RowsOf(from["routing"], one.seed));
    one.routing = from["routing"].value("pattern", "");
    // A name holds the sum and the largest of the rows only; of two captured
    // ones both may be the same.
    if (one.routing == kCaptured) {
      one.routing +=
          Sha256Hex(operation["rows_per_expert"].dump()).substr(0, kRowsDigits);
    }
  }
  MOEPLAN_ASSIGN_OR_RETURN(one.operation, OperationFromJson(operation));
  return one;
}

absl::StatusOr<Suite> SuiteOf(const json& from, DeviceKind kind) {
  Suite suite;
  suite.options = OptionsOf(from.value("protocol", ""), kind);
  const json& cases = from.at("cases");
  for (size_t i = 0; i < cases.size(); ++i) {
    auto one = CaseOf(cases.at(i));
    if (!one.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("cases[", i, "]: ", one.status().message()));
    }
    suite.cases.push_back(*std::move(one));
  }
  return suite;
}

}  // namespace

absl::Status CheckSuite(const Suite& suite) {
  // The rules are those of a calibration whose cases were all skipped.
  Calibration calibration;
  calibration.device.product = "any";
  calibration.device.multiprocessor_count = 1;
  calibration.device.memory_bytes = 1;
  for (const Case& one : suite.cases) {
    Measurement measurement;
    measurement.case_name = NameOf(one);
    measurement.operation = one.operation;
    measurement.dtype = one.dtype;
    calibration.measurements.push_back(std::move(measurement));
  }
  Violations violations;
  CheckCalibration(calibration, violations);
  return violations.ToStatus();
}

absl::StatusOr<Suite> ReadSuite(const std::string& path, DeviceKind kind) {
  std::ifstream file(path);
  if (!file) {
    return absl::NotFoundError(absl::StrCat(path, " cannot be read"));
  }
  const json from = json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!from.is_object() || !from.contains("cases") ||
      !from["cases"].is_array()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is no JSON object with an array \"cases\""));
  }
  absl::StatusOr<Suite> suite;
  try {
    suite = SuiteOf(from, kind);
  } catch (const json::exception& error) {
    suite = absl::InvalidArgumentError(error.what());
  }
  if (suite.ok()) {
    suite->name = path;
    const absl::Status legal = CheckSuite(*suite);
    if (!legal.ok()) suite = legal;
  }
  if (suite.ok()) return suite;
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": ", suite.status().message()));
}

}  // namespace moeplan::worker
