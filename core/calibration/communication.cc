#include "core/calibration/communication.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include "absl/strings/str_cat.h"
#include "core/arch/param_count.h"
#include "core/base/quantity.h"

namespace moeplan {
namespace {

constexpr double kBytesPerElement = 2;  // bf16: activations, gradients, weights

double BytesPerSecond(const Interconnect& interconnect, bool within_node) {
  return within_node ? interconnect.intra_node_bytes_per_second.value
                     : interconnect.inter_node_bytes_per_second.value;
}

}  // namespace

absl::string_view NameOf(AssumptionSource source) {
  switch (source) {
    case AssumptionSource::kUser:
      return "user";
    case AssumptionSource::kSpec:
      return "spec";
    case AssumptionSource::kDefault:
      break;
  }
  return "default";
}

std::string DescribeAssumption(const Assumption& assumption) {
  return absl::StrCat(assumption.name, " = ", FormatShortest(assumption.value),
                      assumption.unit.empty() ? "" : " ", assumption.unit, " (",
                      NameOf(assumption.source), ")");
}

void CheckInterconnect(const FieldPath& field, const Interconnect& interconnect,
                       Violations& violations) {
  constexpr double kMostDevicesPerNode = 65536;
  constexpr double kMostRate = 1e18;
  constexpr double kMostLatency = 1e6;
  constexpr double kMostImbalance = 1e6;
  constexpr double kLeastElementBytes = 1e-3;
  constexpr double kMostElementBytes = 16;
  const auto require = [&](absl::string_view name, const AssumedNumber& number,
                           double least, double most) {
    violations.RequireWithin(field / name, number.value, least, most);
  };
  require("devices_per_node", interconnect.devices_per_node, 1,
          kMostDevicesPerNode);
  require("intra_node_bytes_per_second",
          interconnect.intra_node_bytes_per_second, 1, kMostRate);
  require("inter_node_bytes_per_second",
          interconnect.inter_node_bytes_per_second, 1, kMostRate);
  require("latency_seconds", interconnect.latency_seconds, 0, kMostLatency);
  require("overlap_share", interconnect.overlap_share, 0, 1);
  require("expert_imbalance", interconnect.expert_imbalance, 1, kMostImbalance);
  require("dispatch_bytes_per_element", interconnect.dispatch_bytes_per_element,
          kLeastElementBytes, kMostElementBytes);
}

std::vector<Assumption> AssumptionsOf(const Interconnect& interconnect) {
  const auto made = [](const char* name, const AssumedNumber& number,
                       const char* unit) {
    return Assumption{.name = absl::StrCat("interconnect.", name),
                      .value = number.value,
                      .unit = unit,
                      .source = number.source};
  };
  return {made("devices_per_node", interconnect.devices_per_node, "devices"),
          made("intra_node_bytes_per_second",
               interconnect.intra_node_bytes_per_second, "bytes/s"),
          made("inter_node_bytes_per_second",
               interconnect.inter_node_bytes_per_second, "bytes/s"),
          made("latency_seconds", interconnect.latency_seconds, "s"),
          made("overlap_share", interconnect.overlap_share, ""),
          made("expert_imbalance", interconnect.expert_imbalance, ""),
          made("dispatch_bytes_per_element",
               interconnect.dispatch_bytes_per_element, "bytes")};
}

double LargestStageShare(const ModelShape& shape, int64_t stages) {
  const int64_t layers = shape.layer_count();
  const int64_t fullest = (layers + stages - 1) / stages;
  return static_cast<double>(fullest) / static_cast<double>(layers);
}

DeviceParams ParamsOfDevice(const DeviceLayout& layout,
                            const ModelShape& shape) {
  const ParamCounts counts = CountParams(shape).total;
  const int64_t experts = counts.routed_experts + counts.routed_expert_biases;
  const double share = LargestStageShare(shape, layout.pipeline_parallel);
  return {.dense = share * static_cast<double>(SumParams(counts, kEveryParam) -
                                               experts),
          .experts = share * static_cast<double>(experts) /
                     static_cast<double>(layout.expert_parallel)};
}

double CopiesPerToken(int64_t experts_per_token, int64_t expert_parallel,
                      bool has_one_copy_per_device) {
  const double k = static_cast<double>(experts_per_token);
  if (!has_one_copy_per_device) return k;
  const double devices = static_cast<double>(expert_parallel);
  return devices * -std::expm1(k * std::log1p(-1 / devices));
}

double ExpertExchangeSeconds(const Interconnect& interconnect, int64_t tokens,
                             int64_t d_model, int64_t experts_per_token,
                             int64_t expert_parallel) {
  if (expert_parallel <= 1) return 0;
  const double devices = static_cast<double>(expert_parallel);
  const double peers = devices - 1;
  const double neighbours =
      std::min(devices, interconnect.devices_per_node.value) - 1;
  const double elements = static_cast<double>(tokens) *
                          CopiesPerToken(experts_per_token, expert_parallel,
                                         interconnect.has_one_copy_per_device) *
                          static_cast<double>(d_model) * (peers / devices) *
                          interconnect.expert_imbalance.value;
  // Both paths work at once; the slower one decides.
  const double seconds_per_byte = std::max(
      neighbours / peers / BytesPerSecond(interconnect, true),
      (peers - neighbours) / peers / BytesPerSecond(interconnect, false));
  const double bytes_per_element =
      2 * interconnect.dispatch_bytes_per_element.value + 2 * kBytesPerElement;
  constexpr double kExchanges = 4;
  return kExchanges * interconnect.latency_seconds.value * peers +
         elements * bytes_per_element * seconds_per_byte;
}

double RingSeconds(const Interconnect& interconnect, double bytes,
                   int64_t devices, int64_t stride) {
  if (devices <= 1) return 0;
  const double count = static_cast<double>(devices);
  const double span = count * static_cast<double>(stride);
  const bool within_node = span <= interconnect.devices_per_node.value;
  return (count - 1) * interconnect.latency_seconds.value +
         (count - 1) / count * bytes /
             BytesPerSecond(interconnect, within_node);
}

double PipelineBubble(int64_t stages, int64_t stages_per_device,
                      int64_t micro_batches) {
  return static_cast<double>(stages - 1) /
         (static_cast<double>(stages_per_device) *
          static_cast<double>(micro_batches));
}

CommunicationTime CommunicationOf(const Interconnect& interconnect,
                                  const DeviceLayout& layout,
                                  const ModelShape& shape,
                                  int64_t micro_batch_tokens,
                                  int64_t micro_batches) {
  const double exposed = 1 - interconnect.overlap_share.value;
  const double share = LargestStageShare(shape, layout.pipeline_parallel);
  const double count = static_cast<double>(micro_batches);
  CommunicationTime time;
  for (const LayerGroup& group : shape.layer_groups()) {
    const auto* moe = std::get_if<MoeFfn>(&group.ffn);
    if (moe == nullptr) continue;
    time.expert_exchange_seconds +=
        exposed * count * share * static_cast<double>(group.layer_count) *
        ExpertExchangeSeconds(interconnect, micro_batch_tokens, shape.d_model(),
                              moe->experts_per_token, layout.expert_parallel);
  }
  const DeviceParams params = ParamsOfDevice(layout, shape);
  constexpr double kRings = 2;
  time.gradient_seconds =
      exposed * kRings *
      (RingSeconds(interconnect, kBytesPerElement * params.dense,
                   layout.data_parallel, 1) +
       RingSeconds(interconnect, kBytesPerElement * params.experts,
                   layout.data_parallel / layout.expert_parallel,
                   layout.expert_parallel));
  if (layout.pipeline_parallel > 1) {
    const bool within_node =
        static_cast<double>(layout.data_parallel * layout.pipeline_parallel) <=
        interconnect.devices_per_node.value;
    const double bytes = static_cast<double>(micro_batch_tokens) *
                         static_cast<double>(shape.d_model()) *
                         kBytesPerElement;
    time.stage_seconds = exposed * 2 * count *
                         (interconnect.latency_seconds.value +
                          bytes / BytesPerSecond(interconnect, within_node));
  }
  return time;
}

}  // namespace moeplan
