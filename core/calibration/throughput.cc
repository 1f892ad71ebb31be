#include "core/calibration/throughput.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/quantity.h"
#include "core/base/status_macros.h"
#include "core/base/violations.h"
#include "core/calibration/model_operations.h"

namespace moeplan {
namespace {

constexpr int64_t kMostTokens = int64_t{1} << 40;
constexpr int64_t kMostDevices = 1000000;

// Adds up predicted times.
class TimeSum {
 public:
  explicit TimeSum(const TimeModel& model) : model_(model) {}

  // Exchange that was not measured; nothing where it takes no time.
  void AddAssumed(const std::string& name, double seconds) {
    if (seconds == 0) return;
    seconds_ += seconds;
    assumed_[name] += seconds;
  }

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
    for (const auto& [name, seconds] : assumed_)
      step.parts.push_back({name, seconds, /*is_assumed=*/true});
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
  std::map<std::string, double> assumed_;
  std::map<std::string, std::string> stand_ins_;
};

void CheckLayout(const TrainingRunSetup& setup, Violations& violations) {
  const bool is_positive =
      violations.RequireIntegerWithin("pipeline_parallel",
                                      setup.pipeline_parallel, 1, 4096) &&
      violations.RequireIntegerWithin("expert_parallel", setup.expert_parallel,
                                      1, kMostDevices) &&
      violations.RequireIntegerWithin("stages_per_device",
                                      setup.stages_per_device, 1, 4096);
  if (!is_positive) return;
  if (setup.device_count % setup.pipeline_parallel != 0) {
    violations.AddInteger("pipeline_parallel", "must divide device_count",
                          setup.pipeline_parallel);
    return;
  }
  if (setup.Layout().data_parallel % setup.expert_parallel != 0) {
    violations.AddInteger("expert_parallel",
                          "must divide device_count / pipeline_parallel",
                          setup.expert_parallel);
  }
  if (static_cast<double>(setup.sequence_tokens) *
          static_cast<double>(setup.micro_batch_sequences) *
          static_cast<double>(setup.expert_parallel) >
      static_cast<double>(kMostTokens)) {
    violations.AddInteger("expert_parallel",
                          "must not make more than 2^40 tokens of the "
                          "micro-batches of all its devices",
                          setup.expert_parallel);
  }
}

absl::Status CheckSetup(const TrainingRunSetup& setup) {
  Violations violations;
  violations.RequireIntegerWithin("sequence_tokens", setup.sequence_tokens, 1,
                                  int64_t{1} << 24);
  violations.RequireIntegerWithin("micro_batch_sequences",
                                  setup.micro_batch_sequences, 1, 65536);
  violations.RequireIntegerWithin("global_batch_tokens",
                                  setup.global_batch_tokens, 0, kMostTokens);
  if (violations.RequireIntegerWithin("device_count", setup.device_count, 1,
                                      kMostDevices)) {
    CheckLayout(setup, violations);
  }
  if (setup.interconnect.has_value()) {
    CheckInterconnect("interconnect", *setup.interconnect, violations);
  }
  return violations.ToStatus();
}

// The part of a product over all experts that one of `expert_parallel` devices
// runs, each of which has `tokens` tokens: the fullest device's, should the
// rows not divide.
GroupedGemm OfOneDevice(const GroupedGemm& gemm, int64_t tokens,
                        int64_t expert_parallel) {
  const int64_t experts = static_cast<int64_t>(gemm.rows_per_expert.size());
  const int64_t rows = std::accumulate(gemm.rows_per_expert.begin(),
                                       gemm.rows_per_expert.end(), int64_t{0});
  GroupedGemm own = gemm;
  own.rows_per_expert =
      BalancedRows(tokens * expert_parallel, experts, rows / tokens);
  own.rows_per_expert.resize(static_cast<size_t>(experts / expert_parallel));
  return own;
}

Operation OfOneDevice(const Operation& operation, int64_t tokens,
                      int64_t expert_parallel) {
  const auto* grouped = std::get_if<GroupedGemm>(&operation);
  if (grouped == nullptr || expert_parallel == 1) return operation;
  return OfOneDevice(*grouped, tokens, expert_parallel);
}

// What the devices have to do with each other, in a sentence.
std::string ExchangeSentence(const TrainingRunSetup& setup,
                             const CommunicationTime& time, double seconds) {
  if (setup.interconnect.has_value()) {
    return absl::StrCat(
        "exchange between devices takes ",
        FormatNumber(100 * time.Total() / seconds, 3),
        " % of a step by the interconnect as stated; it was not measured");
  }
  if (setup.expert_parallel == 1 && setup.pipeline_parallel == 1) {
    return absl::StrCat(
        "the ", setup.device_count,
        " devices exchange gradients in no time, and each holds the whole "
        "model");
  }
  return absl::StrCat(
      "the ", setup.device_count,
      " devices exchange gradients in no time, and so they do with rows for "
      "experts and activations between stages; no interconnect was stated");
}

}  // namespace

bool CanSplit(const ModelShape& shape, const TrainingRunSetup& setup) {
  if (setup.pipeline_parallel > 1 &&
      setup.pipeline_parallel * setup.stages_per_device > shape.layer_count()) {
    return false;
  }
  const auto& groups = shape.layer_groups();
  return std::all_of(groups.begin(), groups.end(), [&](const LayerGroup& each) {
    const auto* moe = std::get_if<MoeFfn>(&each.ffn);
    return moe == nullptr || moe->routed_experts % setup.expert_parallel == 0;
  });
}

absl::StatusOr<StepTime> TrainingStepTime(const TimeModel& model,
                                          const ModelShape& shape,
                                          const TrainingRunSetup& setup) {
  MOEPLAN_RETURN_IF_ERROR(CheckSetup(setup));
  if (!CanSplit(shape, setup)) {
    return absl::InvalidArgumentError(
        "must be a shape that can be split so: expert_parallel divides the "
        "routed experts of each layer, and there is a layer for every part of "
        "pipeline_parallel stages");
  }
  MOEPLAN_ASSIGN_OR_RETURN(
      const std::vector<RepeatedOperation> operations,
      TrainingOperations(shape, {.sequences = setup.micro_batch_sequences,
                                 .sequence_tokens = setup.sequence_tokens}));
  const DeviceLayout layout = setup.Layout();
  const int64_t micro_batch_tokens =
      setup.micro_batch_sequences * setup.sequence_tokens;
  const int64_t round_tokens = micro_batch_tokens * layout.data_parallel;
  const int64_t micro_batches = std::max<int64_t>(
      1, (setup.global_batch_tokens + round_tokens - 1) / round_tokens);
  const double bubble = PipelineBubble(layout.pipeline_parallel,
                                       setup.stages_per_device, micro_batches);
  const double repeats =
      static_cast<double>(micro_batches) * model.block_ratio() *
      LargestStageShare(shape, layout.pipeline_parallel) * (1 + bubble);
  TimeSum sum(model);
  for (const RepeatedOperation& each : operations) {
    sum.Add(
        OfOneDevice(each.operation, micro_batch_tokens, setup.expert_parallel),
        repeats * each.count);
  }
  const DeviceParams params = ParamsOfDevice(layout, shape);
  sum.Add(OptimizerStep{std::llround(params.dense + params.experts)}, 1);
  CommunicationTime exchange;
  if (setup.interconnect.has_value()) {
    exchange = CommunicationOf(*setup.interconnect, layout, shape,
                               micro_batch_tokens, micro_batches);
    sum.AddAssumed("expert_exchange", exchange.expert_exchange_seconds);
    sum.AddAssumed("gradient_exchange", exchange.gradient_seconds);
    sum.AddAssumed("stage_exchange", exchange.stage_seconds);
  }
  StepTime step = sum.Finish(static_cast<double>(micro_batches * round_tokens));
  step.bubble = bubble;
  if (setup.device_count > 1) {
    step.assumptions.push_back(ExchangeSentence(setup, exchange, step.seconds));
  }
  if (layout.pipeline_parallel > 1) {
    step.assumptions.push_back(absl::StrCat(
        "stages of whole layers idle for ", FormatNumber(100 * bubble, 3),
        " % of their work, and share embedding and logits evenly"));
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

void AddScaled(const StepTime& step, double count, StepTime& sum) {
  sum.seconds += count * step.seconds;
  sum.tokens += count * step.tokens;
  for (const TimePart& part : step.parts) {
    const auto own = std::find_if(
        sum.parts.begin(), sum.parts.end(), [&](const TimePart& other) {
          return other.operation_class == part.operation_class;
        });
    if (own == sum.parts.end()) {
      sum.parts.push_back(part);
      sum.parts.back().seconds *= count;
    } else {
      own->seconds += count * part.seconds;
    }
  }
  sum.extrapolation_decades =
      std::max(sum.extrapolation_decades, step.extrapolation_decades);
  for (const std::string& text : step.assumptions) {
    if (std::find(sum.assumptions.begin(), sum.assumptions.end(), text) ==
        sum.assumptions.end()) {
      sum.assumptions.push_back(text);
    }
  }
}

}  // namespace moeplan
