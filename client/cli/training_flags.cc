#include "client/cli/training_flags.h"

#include <algorithm>

#include "client/cli/quantity_option.h"

namespace moeplan::cli {
namespace {

constexpr char kTraining[] = "Training run on devices";
constexpr char kNetwork[] = "Network between devices (assumed, never measured)";
constexpr double kBitsPerByte = 8;

int32_t Narrow(int64_t value) {
  return static_cast<int32_t>(std::min<int64_t>(value, INT32_MAX));
}

void AddRun(CLI::App& command, TrainingFlags& flags) {
  AddWholeQuantity(
      command, "--sequence-tokens", QuantityKind::kTokens,
      [&flags](int64_t tokens) {
        flags.setup.set_sequence_tokens(Narrow(tokens));
      },
      "Tokens of a training sequence (default: 2048)")
      ->group(kTraining);
  AddWholeQuantity(
      command, "--global-batch", QuantityKind::kTokens,
      [&flags](int64_t tokens) { flags.setup.set_global_batch_tokens(tokens); },
      "Tokens of an optimizer step over all devices, such as 4M (default: one "
      "micro-batch of each replica)")
      ->group(kTraining);
  const auto add_layout = [&](const char* name,
                              void (v1::ParallelLayout::*set)(int32_t),
                              const char* help) {
    AddWholeQuantity(
        command, name, QuantityKind::kCount,
        [&flags, set](int64_t count) {
          (flags.setup.mutable_fixed_layout()->*set)(Narrow(count));
          flags.has_layout = true;
        },
        help)
        ->group(kTraining);
  };
  add_layout("--micro-batch", &v1::ParallelLayout::set_micro_batch_sequences,
             "Sequences of a micro-batch (default: 1)");
  add_layout("--expert-parallel", &v1::ParallelLayout::set_expert_parallel,
             "Devices that experts are spread over (default: 1)");
  add_layout("--pipeline-parallel", &v1::ParallelLayout::set_pipeline_parallel,
             "Stages of layers (default: 1)");
  add_layout("--stages-per-device", &v1::ParallelLayout::set_stages_per_device,
             "Parts of the model that each stage holds, in turns (default: 1)");
}

void AddNetwork(CLI::App& command, TrainingFlags& flags) {
  AddWholeQuantity(
      command, "--devices-per-node", QuantityKind::kCount,
      [&flags](int64_t count) {
        flags.setup.mutable_interconnect()->set_devices_per_node(Narrow(count));
      },
      "Devices within one node; without a network, exchange takes no time")
      ->group(kNetwork);
  const auto add = [&](const char* name, QuantityKind kind,
                       void (v1::Interconnect::*set)(double),
                       const char* help) {
    return AddQuantity(
               command, name, kind,
               [&flags, set](double value) {
                 (flags.setup.mutable_interconnect()->*set)(value);
               },
               help)
        ->group(kNetwork);
  };
  add("--intra-node-rate", QuantityKind::kBytes,
      &v1::Interconnect::set_intra_node_bytes_per_second,
      "Bytes that a device sends per second to others in its node, such as "
      "400GB");
  add("--inter-node-rate", QuantityKind::kBytes,
      &v1::Interconnect::set_inter_node_bytes_per_second,
      "Bytes that a device sends per second to other nodes, such as 50GB");
  add("--latency", QuantityKind::kCount, &v1::Interconnect::set_latency_seconds,
      "Seconds of an empty message (default: 0)")
      ->type_name("SECONDS");
  add("--overlap", QuantityKind::kCount, &v1::Interconnect::set_overlap_share,
      "Share of the exchange that computation hides, 0 to 1 (default: 0)")
      ->type_name("SHARE");
  command
      .add_flag_callback(
          "--network-from-spec",
          [&flags] {
            flags.setup.mutable_interconnect()->set_source(
                v1::ASSUMPTION_SOURCE_SPEC);
          },
          "The rates are those of a data sheet; answers say so")
      ->group(kNetwork);
}

void AddExpertExchange(CLI::App& command, TrainingFlags& flags) {
  AddQuantity(
      command, "--expert-imbalance", QuantityKind::kCount,
      [&flags](double factor) {
        flags.setup.mutable_interconnect()->set_expert_imbalance(factor);
      },
      "What the fullest device sends to experts over the mean (default: 1)")
      ->type_name("FACTOR")
      ->group(kNetwork);
  AddQuantity(
      command, "--dispatch-bits", QuantityKind::kCount,
      [&flags](double bits) {
        flags.setup.mutable_interconnect()->set_dispatch_bytes_per_element(
            bits / kBitsPerByte);
      },
      "Bits per element on the way to an expert (default: 16)")
      ->type_name("BITS")
      ->group(kNetwork);
  command
      .add_flag_callback(
          "--one-copy-per-device",
          [&flags] {
            flags.setup.mutable_interconnect()->set_one_copy_per_device(true);
          },
          "A token goes once to a device, however many of its experts are "
          "there")
      ->group(kNetwork);
}

}  // namespace

void AddTrainingFlags(CLI::App& command, TrainingFlags& flags) {
  AddRun(command, flags);
  AddNetwork(command, flags);
  AddExpertExchange(command, flags);
}

v1::TrainingSetup FinishTrainingFlags(const TrainingFlags& flags,
                                      int64_t devices) {
  v1::TrainingSetup setup = flags.setup;
  if (flags.has_layout) {
    v1::ParallelLayout* layout = setup.mutable_fixed_layout();
    const int32_t stages = std::max(1, layout->pipeline_parallel());
    layout->set_pipeline_parallel(stages);
    layout->set_expert_parallel(std::max(1, layout->expert_parallel()));
    layout->set_tensor_parallel(1);
    // What does not divide is the server's to name.
    layout->set_data_parallel(Narrow(std::max<int64_t>(1, devices / stages)));
  }
  setup.set_optimizer(v1::OPTIMIZER_ADAMW);
  setup.set_recomputation(v1::RECOMPUTATION_SELECTIVE);
  return setup;
}

}  // namespace moeplan::cli
