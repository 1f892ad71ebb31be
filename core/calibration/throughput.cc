#include "core/calibration/throughput.h"

#include <algorithm>
#include <limits>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/arch/param_count.h"
#include "core/base/status_macros.h"
#include "core/base/violations.h"
#include "core/calibration/model_operations.h"

namespace moeplan {
namespace {

constexpr int64_t kMostTokens = int64_t{1} << 40;

// Adds up predicted times.
class TimeSum {
 public:
  explicit TimeSum(const TimeModel& model) : model_(model) {}

  void Add(const Operation& operation, double count) {
    const PredictedTime time = model_.Predict(operation);
    seconds_ += count * time.seconds;
    parts_[time.operation_class] += count * time.seconds;
    extrapolation_decades_ =
        std::max(extrapolation_decades_, time.extrapolation_decades);
    const absl::string_view own = NameOf(KindOf(operation));
    if (!absl::StartsWith(time.operation_class, own)) {
      stand_ins_[std::string(own)] = time.operation_class;
    }
  }

  StepTime Finish(double tokens) const {
    StepTime step;
    step.seconds = seconds_;
    step.tokens = tokens;
    for (const auto& [name, seconds] : parts_)
      step.parts.push_back({name, seconds});
    step.extrapolation_decades = extrapolation_decades_;
    for (const auto& [missing, stand_in] : stand_ins_) {
      step.assumptions.push_back(
          absl::StrCat(missing, " was not measured; its time is that of ",
                       stand_in, " of the same size"));
    }
    if (model_.block_count() == 0) {
      step.assumptions.push_back(
          "no whole block was measured; the times of operations are added as "
          "if "
          "running in sequence cost nothing");
    }
    return step;
  }

 private:
  const TimeModel& model_;
  double seconds_ = 0;
  double extrapolation_decades_ = 0;
  std::map<std::string, double> parts_;
  std::map<std::string, std::string> stand_ins_;
};

absl::Status CheckSetup(const TrainingRunSetup& setup) {
  Violations violations;
  violations.RequireIntegerWithin("sequence_tokens", setup.sequence_tokens, 1,
                                  int64_t{1} << 24);
  violations.RequireIntegerWithin("micro_batch_sequences",
                                  setup.micro_batch_sequences, 1, 65536);
  violations.RequireIntegerWithin("global_batch_tokens",
                                  setup.global_batch_tokens, 0, kMostTokens);
  violations.RequireIntegerWithin("device_count", setup.device_count, 1,
                                  1000000);
  return violations.ToStatus();
}

}  // namespace

absl::StatusOr<StepTime> TrainingStepTime(const TimeModel& model,
                                          const ModelShape& shape,
                                          const TrainingRunSetup& setup) {
  MOEPLAN_RETURN_IF_ERROR(CheckSetup(setup));
  MOEPLAN_ASSIGN_OR_RETURN(
      const std::vector<RepeatedOperation> operations,
      TrainingOperations(shape, {.sequences = setup.micro_batch_sequences,
                                 .sequence_tokens = setup.sequence_tokens}));
  const int64_t micro_batch_tokens =
      setup.micro_batch_sequences * setup.sequence_tokens;
  const int64_t round_tokens = micro_batch_tokens * setup.device_count;
  const int64_t micro_batches = std::max<int64_t>(
      1, (setup.global_batch_tokens + round_tokens - 1) / round_tokens);
  TimeSum sum(model);
  for (const RepeatedOperation& each : operations) {
    sum.Add(each.operation, static_cast<double>(micro_batches) *
                                model.block_ratio() * each.count);
  }
  sum.Add(OptimizerStep{SumParams(CountParams(shape).total, kEveryParam)}, 1);
  StepTime step = sum.Finish(static_cast<double>(micro_batches * round_tokens));
  if (setup.device_count > 1) {
    step.assumptions.push_back(absl::StrCat(
        "the ", setup.device_count,
        " devices exchange gradients in no time, and each holds the whole "
        "model"));
  }
  return step;
}

absl::StatusOr<StepTime> ServingStepTime(const TimeModel& model,
                                         const ModelShape& shape,
                                         int64_t sequences,
                                         int64_t query_tokens,
                                         int64_t context_tokens) {
  Violations violations;
  violations.RequireIntegerWithin("sequences", sequences, 1, int64_t{1} << 30);
  violations.RequireIntegerWithin("query_tokens", query_tokens, 1,
                                  int64_t{1} << 24);
  violations.RequireIntegerWithin("context_tokens", context_tokens,
                                  query_tokens, int64_t{1} << 30);
  MOEPLAN_RETURN_IF_ERROR(violations.ToStatus());
  MOEPLAN_ASSIGN_OR_RETURN(
      const std::vector<RepeatedOperation> operations,
      ServingOperations(shape, {.sequences = sequences,
                                .query_tokens = query_tokens,
                                .context_tokens = context_tokens}));
  TimeSum sum(model);
  for (const RepeatedOperation& each : operations) {
    sum.Add(each.operation, model.block_ratio() * each.count);
  }
  return sum.Finish(static_cast<double>(sequences * query_tokens));
}

}  // namespace moeplan
