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

constexpr std::pair<v1::AssumptionSource, AssumptionSource> kSources[] = {
    {v1::ASSUMPTION_SOURCE_USER, AssumptionSource::kUser},
    {v1::ASSUMPTION_SOURCE_SPEC, AssumptionSource::kSpec},
};

// A number that 0 leaves to the server.
AssumedNumber OrDefault(double value, double standard) {
  if (value == 0) return {.value = standard};
  return {.value = value, .source = AssumptionSource::kUser};
}

Interconnect InterconnectFromWire(const FieldPath& field,
                                  const v1::Interconnect& wire,
                                  Violations& violations) {
  AssumptionSource source = AssumptionSource::kUser;
  if (wire.source() != v1::ASSUMPTION_SOURCE_UNSPECIFIED) {
    source = EnumFromWire(kSources, field / "source", wire.source(), violations)
                 .value_or(source);
  }
  Interconnect made;
  made.devices_per_node = {static_cast<double>(wire.devices_per_node()),
                           source};
  made.intra_node_bytes_per_second = {wire.intra_node_bytes_per_second(),
                                      source};
  made.inter_node_bytes_per_second = {wire.inter_node_bytes_per_second(),
                                      source};
  made.latency_seconds = {
      wire.latency_seconds(),
      wire.latency_seconds() == 0 ? AssumptionSource::kDefault : source};
  made.overlap_share = OrDefault(wire.overlap_share(), 0);
  made.expert_imbalance = OrDefault(wire.expert_imbalance(), 1);
  made.dispatch_bytes_per_element =
      OrDefault(wire.dispatch_bytes_per_element(), 2);
  made.has_one_copy_per_device = wire.one_copy_per_device();
  CheckInterconnect(field, made, violations);
  return made;
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
  run.stages_per_device =
      IntegerOrStandard(field / "stages_per_device", wire.stages_per_device(),
                        kMostSplit, 1, violations);
  run.expert_parallel = wire.expert_parallel();
  run.pipeline_parallel = wire.pipeline_parallel();
  const int64_t sharers =
      int64_t{wire.data_parallel()} * wire.tensor_parallel();
  if (run.expert_parallel > 0 && sharers % run.expert_parallel != 0) {
    violations.AddInteger(field / "expert_parallel",
                          "must divide data_parallel * tensor_parallel",
                          run.expert_parallel);
  }
  const double tokens = static_cast<double>(run.expert_parallel) *
                        static_cast<double>(run.sequence_tokens) *
                        static_cast<double>(run.micro_batch_sequences);
  if (tokens > static_cast<double>(kMostBatchTokens)) {
    violations.AddNumber(field / "expert_parallel",
                         "must not make more than 2^40 tokens of the "
                         "micro-batches of all its devices",
                         tokens);
  }
}

bool UsesDevices(const v1::ParallelLayout& layout, int64_t device_count) {
  return layout.tensor_parallel() == 1 &&
         int64_t{layout.data_parallel()} * layout.pipeline_parallel() ==
             device_count;
}

// Numbers that a run takes as they are, under the request's field names.
std::vector<Assumption> AssumptionsOf(const v1::TrainingSetup& wire,
                                      const TrainingRunSetup& run) {
  const auto source = [](bool is_given) {
    return is_given ? AssumptionSource::kUser : AssumptionSource::kDefault;
  };
  std::vector<Assumption> assumptions = {
      {.name = "training_setup.sequence_tokens",
       .value = static_cast<double>(run.sequence_tokens),
       .unit = "tokens",
       .source = source(wire.sequence_tokens() != 0)},
      {.name = "training_setup.fixed_layout.micro_batch_sequences",
       .value = static_cast<double>(run.micro_batch_sequences),
       .unit = "sequences",
       .source = source(wire.fixed_layout().micro_batch_sequences() != 0)}};
  if (!run.interconnect.has_value()) return assumptions;
  for (Assumption& each : AssumptionsOf(*run.interconnect)) {
    each.name = absl::StrCat("training_setup.", each.name);
    assumptions.push_back(std::move(each));
  }
  return assumptions;
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
  if (wire.has_interconnect()) {
    setup.run.interconnect = InterconnectFromWire(
        field / "interconnect", wire.interconnect(), violations);
  }
  setup.assumptions = AssumptionsOf(wire, setup.run);
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
       "this server does not search layouts; give fixed_layout, or every "
       "device holds the whole model"},
      {wire.has_fixed_layout() &&
           !UsesDevices(wire.fixed_layout(), device_count),
       "fixed_layout",
       "this server does not split matrices or leave devices idle: "
       "tensor_parallel has to be 1, and data_parallel * pipeline_parallel "
       "device_count"},
      {!asks_for_time &&
           (setup.run.pipeline_parallel > 1 || setup.run.expert_parallel > 1),
       "fixed_layout",
       "this server knows the memory of a device that holds the whole model; "
       "pipeline_parallel and expert_parallel have to be 1"},
      {wire.device_memory_bytes() != 0, "device_memory_bytes",
       "this server does not hold training memory against a device's; leave "
       "it out"},
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
