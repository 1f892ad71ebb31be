#ifndef MOEPLAN_CORE_CALIBRATION_THROUGHPUT_H_
#define MOEPLAN_CORE_CALIBRATION_THROUGHPUT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/arch/model_shape.h"
#include "core/calibration/communication.h"
#include "core/calibration/time_model.h"

namespace moeplan {

// How a model is trained, as far as it decides the time.
struct TrainingRunSetup {
  int64_t sequence_tokens = 2048;     // >= 1
  int64_t micro_batch_sequences = 1;  // of one device, >= 1
  // Tokens of an optimizer step over all devices; 0: one micro-batch of each
  // data-parallel device. Rounded up to whole micro-batches of all of them.
  int64_t global_batch_tokens = 0;
  int64_t device_count = 1;  // >= 1
  // Devices that experts are spread over, >= 1; divides device_count /
  // pipeline_parallel.
  int64_t expert_parallel = 1;
  // Stages of whole layers, >= 1; divides device_count.
  int64_t pipeline_parallel = 1;
  int64_t stages_per_device = 1;  // >= 1; above 1: interleaved
  // Absent: devices exchange data in no time, and the answer says so.
  std::optional<Interconnect> interconnect = {};

  DeviceLayout Layout() const {
    return {.data_parallel = device_count / pipeline_parallel,
            .expert_parallel = expert_parallel,
            .pipeline_parallel = pipeline_parallel};
  }
};

// Time of some operations, by class.
struct TimePart {
  std::string operation_class;
  double seconds = 0;
  bool is_assumed = false;  // by the stated interconnect, not measured
};

struct StepTime {
  double seconds = 0;  // of an optimizer step
  double tokens = 0;   // that it trains on, over all devices
  double bubble = 0;   // idle time of pipeline stages over their work; the
                       // parts contain it
  std::vector<TimePart> parts;
  // Most that any operation lies outside what was measured.
  double extrapolation_decades = 0;
  // What was not measured, in sentences for people.
  std::vector<std::string> assumptions;

  double SecondsPerToken() const { return seconds / tokens; }
};

// Whether the layers and experts of `shape` can be split as `setup` says: a
// layer for every part of a stage, and routed experts in equal numbers on each
// of expert_parallel devices. Dense layers have none to spread.
bool CanSplit(const ModelShape& shape, const TrainingRunSetup& setup);

// Time of a training step (reference, sections 5.4 and 5.5):
//   t = m r share sum(forward and backward operations) (1 + bubble)
//       + optimizer(parameters on the device) + exposed communication,
// m micro-batches, r TimeModel::block_ratio, share LargestStageShare, bubble
// PipelineBubble, communication as CommunicationOf where there is an
// interconnect, else none. With experts spread, a device runs 1 / EP of them on
// the rows that all devices of its group send it. Embedding, logits and their
// loss are taken to be spread over the stages as layers are.
// Errors: UNIMPLEMENTED for shapes whose operations are not known;
// INVALID_ARGUMENT naming the field of `setup`, also where the shape cannot be
// split so.
// Cost: about 1 us per layer group and operation.
absl::StatusOr<StepTime> TrainingStepTime(const TimeModel& model,
                                          const ModelShape& shape,
                                          const TrainingRunSetup& setup);

// Time of one forward pass of `sequences` that add `query_tokens` each to
// contexts of `context_tokens` (query_tokens 1: a step of decoding; equal to
// context_tokens: prefill). `tokens` is that of all new tokens.
// Errors: as above.
absl::StatusOr<StepTime> ServingStepTime(const TimeModel& model,
                                         const ModelShape& shape,
                                         int64_t sequences,
                                         int64_t query_tokens,
                                         int64_t context_tokens);

// Adds `count` steps of `step` to `sum`, class by class; extrapolation and
// assumptions are those of both.
void AddScaled(const StepTime& step, double count, StepTime& sum);

}  // namespace moeplan

#endif  // MOEPLAN_CORE_CALIBRATION_THROUGHPUT_H_
