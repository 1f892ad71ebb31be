#ifndef MOEPLAN_SERVER_CONVERT_CONVERT_BUDGET_CONVERT_H_
#define MOEPLAN_SERVER_CONVERT_CONVERT_BUDGET_CONVERT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/arch/memory.h"
#include "core/arch/model_shape.h"
#include "core/calibration/throughput.h"
#include "moeplan/v1/calibration.pb.h"

namespace moeplan::server {

enum class BudgetKind { kDeviceHours, kTrainFlops, kDeviceBytes, kTotalParams };

// What a ConvertBudgetRequest asks, every field in its range.
struct ConvertBudgetQuery {
  std::string calibration_id;
  std::string set_id;
  std::optional<ModelShape> shape;  // set
  TrainingRunSetup run;
  TrainingMemorySetup memory;
  double goodput = 1;
  std::string dtype;  // empty: the first that has a model of time
  BudgetKind kind = BudgetKind::kDeviceHours;
  double amount = 0;  // of that kind
  // Of defaults that the request left to the server.
  std::vector<std::string> assumptions;
};

// Errors: INVALID_ARGUMENT with every violation; UNIMPLEMENTED naming the first
// part that is not served.
absl::StatusOr<ConvertBudgetQuery> ConvertBudgetFromWire(
    const v1::ConvertBudgetRequest& wire);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_CONVERT_CONVERT_BUDGET_CONVERT_H_
