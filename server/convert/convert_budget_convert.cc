#include "server/convert/convert_budget_convert.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/arch/param_count.h"
#include "core/base/status_macros.h"
#include "core/calibration/measurement.h"
#include "server/convert/model_shape_convert.h"
#include "server/convert/resource_name.h"
#include "server/convert/training_setup_convert.h"
#include "server/rpc/status.h"

namespace moeplan::server {
namespace {

constexpr int64_t kMostDevices = 1000000;
constexpr double kLeastGoodput = 1e-9;

void ReadBudget(const v1::ConvertBudgetRequest& wire, ConvertBudgetQuery& query,
                Violations& violations) {
  constexpr double kMostHours = 1e12;
  constexpr double kMostFlops = 1e36;
  constexpr int64_t kMostBytes = int64_t{1} << 60;
  constexpr double kMostParams = 1e18;
  switch (wire.budget_case()) {
    case v1::ConvertBudgetRequest::kDeviceHours:
      query.kind = BudgetKind::kDeviceHours;
      query.amount = wire.device_hours();
      violations.RequireWithin("device_hours", query.amount,
                               std::numeric_limits<double>::denorm_min(),
                               kMostHours);
      return;
    case v1::ConvertBudgetRequest::kTrainFlops:
      query.kind = BudgetKind::kTrainFlops;
      query.amount = wire.train_flops();
      violations.RequireWithin("train_flops", query.amount, 1, kMostFlops);
      return;
    case v1::ConvertBudgetRequest::kDeviceBytes:
      query.kind = BudgetKind::kDeviceBytes;
      query.amount = static_cast<double>(wire.device_bytes());
      violations.RequireIntegerWithin("device_bytes", wire.device_bytes(), 1,
                                      kMostBytes);
      return;
    case v1::ConvertBudgetRequest::kTotalParams:
      query.kind = BudgetKind::kTotalParams;
      query.amount = wire.total_params();
      violations.RequireWithin("total_params", query.amount, 1, kMostParams);
      return;
    case v1::ConvertBudgetRequest::BUDGET_NOT_SET:
      break;
  }
  violations.Add("budget", "must be set");
}

bool AsksForTime(const ConvertBudgetQuery& query) {
  return query.kind == BudgetKind::kDeviceHours ||
         query.kind == BudgetKind::kTrainFlops;
}

// Sizes of operations are 64-bit integers in core; each is at most a few times
// the tokens of a micro-batch times the parameters that a token touches.
absl::Status CheckShapeServed(const ConvertBudgetQuery& query) {
  constexpr double kMostElements = 0x1p58;
  const double params = static_cast<double>(
      SumParams(CountParams(*query.shape).active, kEveryParam));
  const double tokens = static_cast<double>(query.run.sequence_tokens) *
                        static_cast<double>(query.run.micro_batch_sequences);
  if (params * tokens <= kMostElements) return absl::OkStatus();
  return NotServedError(
      "shape",
      "this server does not time micro-batches of over 2^58 active parameters "
      "times tokens");
}

}  // namespace

absl::StatusOr<ConvertBudgetQuery> ConvertBudgetFromWire(
    const v1::ConvertBudgetRequest& wire) {
  Violations violations;
  const std::string calibration_id =
      ParseCalibrationName("calibration", wire.calibration(), violations);
  const std::string set_id = ParseCoefficientSetName(
      "coefficient_set", wire.coefficient_set(), violations);
  if (!wire.has_shape()) violations.Add("shape", "must be set");
  ConvertBudgetQuery query;
  query.calibration_id = calibration_id;
  query.set_id = set_id;
  query.shape = ModelShapeFromWire("shape", wire.shape(), violations);
  query.goodput = wire.has_goodput() ? wire.goodput() : 1;
  query.dtype = wire.dtype();
  const TrainingSetupQuery setup =
      TrainingSetupFromWire("training_setup", wire.has_training_setup(),
                            wire.training_setup(), violations);
  query.run = setup.run;
  query.memory.recomputation = setup.recomputation;
  query.memory.sequence_tokens = setup.run.sequence_tokens;
  query.memory.micro_batch_sequences = setup.run.micro_batch_sequences;
  for (const Assumption& each : setup.assumptions) {
    query.assumptions.push_back(DescribeAssumption(each));
  }
  if (wire.device_count() != 0) {
    violations.RequireIntegerWithin("device_count", wire.device_count(), 1,
                                    kMostDevices);
    query.run.device_count = wire.device_count();
  }
  violations.RequireWithin("goodput", query.goodput, kLeastGoodput, 1);
  if (!query.dtype.empty() && ElementBytes(query.dtype) == 0) {
    violations.Add("dtype", "must be empty, bf16, fp16, f32, tf32, fp8 or f64",
                   query.dtype);
  }
  ReadBudget(wire, query, violations);
  if (!violations.empty()) return InvalidRequestError(violations);
  MOEPLAN_RETURN_IF_ERROR(CheckTrainingSetupServed(wire.training_setup(), setup,
                                                   AsksForTime(query),
                                                   query.run.device_count));
  MOEPLAN_RETURN_IF_ERROR(CheckShapeServed(query));
  return query;
}

}  // namespace moeplan::server
