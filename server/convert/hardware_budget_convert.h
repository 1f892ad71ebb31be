#ifndef MOEPLAN_SERVER_CONVERT_HARDWARE_BUDGET_CONVERT_H_
#define MOEPLAN_SERVER_CONVERT_HARDWARE_BUDGET_CONVERT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/field_path.h"
#include "core/base/violations.h"
#include "core/calibration/communication.h"
#include "core/calibration/serving_demand.h"
#include "core/plan/optimal_config.h"
#include "moeplan/v1/budget.pb.h"
#include "moeplan/v1/workload.pb.h"

namespace moeplan::server {

// One machine that could be used; either calibration_id or product and dtype.
struct HardwareOptionQuery {
  std::string calibration_id;
  std::string product;
  std::string dtype;
  int64_t device_count = 1;
  std::optional<double> price_per_hour;
};

struct HardwareBudgetQuery {
  std::vector<HardwareOptionQuery> options;
  double wall_seconds = 0;
  AssumedNumber goodput = {1};
};

// Adds what breaks a rule; what cannot be read is left at its default.
HardwareBudgetQuery HardwareBudgetFromWire(const FieldPath& field,
                                           const v1::HardwareBudget& wire,
                                           Violations& violations);

// What the machines of a hardware budget serve, but for device_bytes, which are
// theirs. `wire` has passed ConvertServingDemand; `memory` is the request's.
ServingDemand ServingDemandOnDevices(const v1::ServingDemand& wire,
                                     const ServingMemoryAccounting& memory);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_CONVERT_HARDWARE_BUDGET_CONVERT_H_
