#include "server/convert/training_setup_convert.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/convert/enum_table.h"
#include "server/rpc/status.h"

namespace moeplan::server {
namespace {

constexpr int64_t kMostDevices = 1000000;
constexpr int64_t kStandardSequence = 2048;
constexpr int64_t kMostBatchTokens = int64_t{1} << 40;

constexpr std::pair<v1::Optimizer, v1::Optimizer> kOptimizers[] = {
    {v1::OPTIMIZER_ADAMW, v1::OPTIMIZER_ADAMW},
    {v1::OPTIMIZER_ADAMW_8BIT, v1::OPTIMIZER_ADAMW_8BIT},
    {v1::OPTIMIZER_MUON, v1::OPTIMIZER_MUON},
    {v1::OPTIMIZER_SGD_MOMENTUM, v1::OPTIMIZER_SGD_MOMENTUM},
};
constexpr std::pair<v1::Recomputation, Recomputation> kRecomputations[] = {
    {v1::RECOMPUTATION_NONE, Recomputation::kNone},
    {v1::RECOMPUTATION_SELECTIVE, Recomputation::kSelective},
    {v1::RECOMPUTATION_FULL, Recomputation::kFull},
};

// 0 stands for `standard`.
int64_t IntegerOrStandard(const FieldPath& field, int64_t value, int64_t most,
                          int64_t standard, Violations& violations) {
  if (value == 0) return standard;
  violations.RequireIntegerWithin(field, value, 1, most);
  return value;
}

void ReadLayout(const FieldPath& field, const v1::ParallelLayout& wire,
                TrainingRunSetup& run, Violations& violations) {
  constexpr int64_t kMostSplit = 4096;
  violations.RequireIntegerWithin(field / "data_parallel", wire.data_parallel(),
                                  1, kMostDevices);
  violations.RequireIntegerWithin(field / "tensor_parallel",
                                  wire.tensor_parallel(), 1, kMostSplit);
  violations.RequireIntegerWithin(field / "pipeline_parallel",
                                  wire.pipeline_parallel(), 1, kMostSplit);
  violations.RequireIntegerWithin(field / "expert_parallel",
                                  wire.expert_parallel(), 1, kMostDevices);
  run.micro_batch_sequences =
      IntegerOrStandard(field / "micro_batch_sequences",
                        wire.micro_batch_sequences(), 65536, 1, violations);
}

bool HoldsWholeModel(const v1::ParallelLayout& layout, int64_t device_count) {
  return layout.tensor_parallel() == 1 && layout.pipeline_parallel() == 1 &&
         layout.expert_parallel() == 1 &&
         layout.data_parallel() == device_count;
}

}  // namespace

TrainingSetupQuery TrainingSetupFromWire(const FieldPath& field, bool is_set,
                                         const v1::TrainingSetup& wire,
                                         Violations& violations) {
  TrainingSetupQuery setup;
  if (is_set) {
    EnumFromWire(kOptimizers, field / "optimizer", wire.optimizer(),
                 violations);
    setup.recomputation = EnumFromWire(kRecomputations, field / "recomputation",
                                       wire.recomputation(), violations)
                              .value_or(Recomputation::kSelective);
  }
  setup.run.sequence_tokens =
      IntegerOrStandard(field / "sequence_tokens", wire.sequence_tokens(),
                        int64_t{1} << 24, kStandardSequence, violations);
  setup.run.global_batch_tokens = IntegerOrStandard(
      field / "global_batch_tokens", wire.global_batch_tokens(),
      kMostBatchTokens, 0, violations);
  IntegerOrStandard(field / "device_memory_bytes", wire.device_memory_bytes(),
                    int64_t{1} << 50, 0, violations);
  if (wire.has_fixed_layout()) {
    ReadLayout(field / "fixed_layout", wire.fixed_layout(), setup.run,
               violations);
  }
  if (wire.sequence_tokens() == 0) {
    setup.assumptions.push_back(absl::StrCat("sequences of ", kStandardSequence,
                                             " tokens, none being given"));
  }
  return setup;
}

absl::Status CheckTrainingSetupServed(const v1::TrainingSetup& wire,
                                      const TrainingSetupQuery& setup,
                                      bool asks_for_time,
                                      int64_t device_count) {
  struct Part {
    bool is_asked;
    absl::string_view name;
    absl::string_view sentence;
  };
  const Part parts[] = {
      {wire.optimizer() > v1::OPTIMIZER_ADAMW, "optimizer",
       "this server knows the time and memory of OPTIMIZER_ADAMW only"},
      {asks_for_time && setup.recomputation == Recomputation::kFull,
       "recomputation",
       "this server does not model the time of recomputing whole layers; "
       "RECOMPUTATION_NONE and RECOMPUTATION_SELECTIVE are served"},
      {wire.has_layout_search(), "layout_search",
       "this server does not search layouts; every device holds the whole "
       "model"},
      {wire.has_fixed_layout() &&
           !HoldsWholeModel(wire.fixed_layout(), device_count),
       "fixed_layout",
       "this server does not split models; data_parallel has to be "
       "device_count, and the others 1"},
      {wire.device_memory_bytes() != 0, "device_memory_bytes",
       "this server converts a budget whether or not the model fits; leave it "
       "out"},
      {wire.has_interconnect(), "interconnect",
       "this server takes the exchange of gradients to be free, and says so; "
       "leave it out"},
  };
  for (const Part& part : parts) {
    if (part.is_asked) {
      return NotServedError(absl::StrCat("training_setup.", part.name),
                            part.sentence);
    }
  }
  return absl::OkStatus();
}

}  // namespace moeplan::server
