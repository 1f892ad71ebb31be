#ifndef MOEPLAN_CORE_CALIBRATION_COMMUNICATION_H_
#define MOEPLAN_CORE_CALIBRATION_COMMUNICATION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/arch/model_shape.h"
#include "core/base/field_path.h"
#include "core/base/violations.h"

namespace moeplan {

// Who says a number that nobody measured (reference, section 5.5).
enum class AssumptionSource {
  kDefault,  // this program, for want of anything else
  kUser,     // the caller
  kSpec,     // the caller, from a data sheet
};

// "default", "user", "spec".
absl::string_view NameOf(AssumptionSource source);

// A number that an answer rests on and that nobody measured.
struct Assumption {
  std::string name;  // of the request's field, such as "goodput"
  double value = 0;
  std::string unit;  // "tokens", "bytes/s"; empty for a share or a factor
  AssumptionSource source = AssumptionSource::kDefault;
};

// "overlap_share = 0.3 (user)", "latency_seconds = 5e-06 s (default)".
std::string DescribeAssumption(const Assumption& assumption);

struct AssumedNumber {
  double value = 0;
  AssumptionSource source = AssumptionSource::kDefault;
};

// The network between devices, as its user states it. Rates are one way, of
// one device.
struct Interconnect {
  AssumedNumber devices_per_node = {1};             // whole, >= 1
  AssumedNumber intra_node_bytes_per_second = {0};  // in [1, 1e18]
  AssumedNumber inter_node_bytes_per_second = {0};  // in [1, 1e18]
  AssumedNumber latency_seconds = {0};              // of a message, in [0, 1e6]
  AssumedNumber overlap_share = {0};                // hidden, in [0, 1]
  // Bytes that the fullest device sends to experts over the mean; >= 1.
  AssumedNumber expert_imbalance = {1};
  // Of a row on its way to an expert: 2 in bf16, 1 in fp8; [0.001, 16]. Rows on
  // their way back take 2.
  AssumedNumber dispatch_bytes_per_element = {2};
  // A row goes once to each device that has any of its experts, and not once
  // to each of its experts.
  bool has_one_copy_per_device = false;
};

// Adds what is out of its range.
void CheckInterconnect(const FieldPath& field, const Interconnect& interconnect,
                       Violations& violations);

// The numbers of an interconnect, each with who said it.
std::vector<Assumption> AssumptionsOf(const Interconnect& interconnect);

// A split of the model over devices, numbered with expert_parallel fastest,
// then data_parallel, then pipeline_parallel. Experts lie on `expert_parallel`
// devices of the same stage, all else is on each of the data_parallel ones.
struct DeviceLayout {
  int64_t data_parallel = 1;      // >= 1
  int64_t expert_parallel = 1;    // >= 1, divides data_parallel
  int64_t pipeline_parallel = 1;  // >= 1; stages of whole layers
};

// The share of all layers that the fullest stage holds:
// ceil(layers / stages) / layers.
double LargestStageShare(const ModelShape& shape, int64_t stages);

// Weights of `shape` on one device of the fullest stage; embeddings are taken
// to be spread over the stages as layers are.
struct DeviceParams {
  double dense = 0;    // all but routed experts
  double experts = 0;  // of the device's share of the routed experts
};
DeviceParams ParamsOfDevice(const DeviceLayout& layout,
                            const ModelShape& shape);

// Copies of a token's row that leave for experts, of `experts_per_token`
// experts spread evenly over `expert_parallel` devices: k, or with one copy a
// device the expected number of devices, EP (1 - (1 - 1/EP)^k) (reference,
// section 5.5; routing taken to be uniform).
double CopiesPerToken(int64_t experts_per_token, int64_t expert_parallel,
                      bool has_one_copy_per_device);

// Seconds of the four exchanges of a MoE layer and micro-batch, nothing of them
// hidden: rows go out and come back in the forward pass, their gradients in the
// backward pass. A device sends
//   T CopiesPerToken d (1 - 1/EP) imbalance elements each time,
// half of the times at dispatch_bytes_per_element, half at 2 bytes;
//   t = latency (EP - 1) + max(bytes to the node / intra, bytes out / inter),
// peers in the node getting their share of the bytes. 0 for EP = 1.
double ExpertExchangeSeconds(const Interconnect& interconnect, int64_t tokens,
                             int64_t d_model, int64_t experts_per_token,
                             int64_t expert_parallel);

// Seconds in which a ring of `devices`, neighbours `stride` apart, reduces and
// scatters `bytes`, or gathers them: every device sends (n - 1) / n of them in
// n - 1 messages, at the rate within a node where the ring lies in one, else
// between nodes. 0 for one device.
double RingSeconds(const Interconnect& interconnect, double bytes,
                   int64_t devices, int64_t stride);

// (p - 1) / (v m): time that a stage idles over time that it works, for p
// stages of v parts each and m micro-batches (reference, section 5.5; arXiv
// 2104.04473, section 2.2).
double PipelineBubble(int64_t stages, int64_t stages_per_device,
                      int64_t micro_batches);

// Seconds of a training step that go on exchange and are not hidden, by kind.
struct CommunicationTime {
  double expert_exchange_seconds = 0;  // all micro-batches, all MoE layers of
                                       // the fullest stage
  double gradient_seconds = 0;  // reduce-scatter of gradients, all-gather of
                                // weights, 2 bytes each
  double stage_seconds = 0;     // activations to the next stage, gradients back
  double Total() const {
    return expert_exchange_seconds + gradient_seconds + stage_seconds;
  }
};

// Communication of one device in a step of `micro_batches` micro-batches of
// `micro_batch_tokens`:
//   experts    m layers ExpertExchangeSeconds
//   gradients  2 rings of the dense weights over data_parallel and of the
//              expert weights over data_parallel / expert_parallel devices
//   stages     2 m T d 2 bytes to a neighbour stage
// each times 1 - overlap_share. A stage holds the ceiling of its share of the
// layers. Arguments are legal and fit the shape.
CommunicationTime CommunicationOf(const Interconnect& interconnect,
                                  const DeviceLayout& layout,
                                  const ModelShape& shape,
                                  int64_t micro_batch_tokens,
                                  int64_t micro_batches);

}  // namespace moeplan

#endif  // MOEPLAN_CORE_CALIBRATION_COMMUNICATION_H_
