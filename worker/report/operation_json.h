#ifndef MOEPLAN_WORKER_REPORT_OPERATION_JSON_H_
#define MOEPLAN_WORKER_REPORT_OPERATION_JSON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/calibration/operation.h"
#include "nlohmann/json_fwd.hpp"

namespace moeplan::worker {

// One size of an operation by its field's name.
struct NamedSize {
  std::string name;
  int64_t value = 0;
  bool operator==(const NamedSize&) const = default;
};

// An operation taken apart: all that a file or a message has to say of it.
struct OperationParts {
  OperationKind kind = OperationKind::kLaunch;
  std::string pass;  // forward, backward, input_gradient, ...; empty: neither
  std::vector<NamedSize> sizes;  // booleans as 0 and 1
  std::vector<int64_t> rows_per_expert;
};

OperationParts PartsOf(const Operation& operation);

// Errors: INVALID_ARGUMENT naming what is missing or not known.
absl::StatusOr<Operation> OperationOf(const OperationParts& parts);

// {"kind": "gemm", "m": 512, ...}; "pass" and "rows_per_expert" where they have
// a meaning.
nlohmann::json ToJson(const Operation& operation);

// Errors: INVALID_ARGUMENT for anything that is no such object.
absl::StatusOr<Operation> OperationFromJson(const nlohmann::json& json);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_REPORT_OPERATION_JSON_H_
