#ifndef MOEPLAN_CORE_CALIBRATION_THROUGHPUT_H_
#define MOEPLAN_CORE_CALIBRATION_THROUGHPUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/arch/model_shape.h"
#include "core/calibration/time_model.h"

namespace moeplan {

// How a model is trained, as far as it decides the time.
struct TrainingRunSetup {
  int64_t sequence_tokens = 2048;     // >= 1
  int64_t micro_batch_sequences = 1;  // of one device, >= 1
  // Tokens of an optimizer step over all devices; 0: one micro-batch of each.
  // Rounded up to whole micro-batches of all devices.
  int64_t global_batch_tokens = 0;
  int64_t device_count = 1;  // >= 1; each holds the whole model
};

// Time of some operations, by class.
struct TimePart {
  std::string operation_class;
  double seconds = 0;
};

struct StepTime {
  double seconds = 0;  // of an optimizer step
  double tokens = 0;   // that it trains on, over all devices
  std::vector<TimePart> parts;
  // Most that any operation lies outside what was measured.
  double extrapolation_decades = 0;
  // What was not measured, in sentences for people.
  std::vector<std::string> assumptions;

  double SecondsPerToken() const { return seconds / tokens; }
};

// Time of a training step (reference, section 5.4, without communication):
//   t = micro_batches * r * sum(forward and backward operations)
//       + optimizer(all parameters),
// r being TimeModel::block_ratio. Devices work side by side on their own
// micro-batches; exchanging gradients is taken to be free, and said so.
// Errors: UNIMPLEMENTED for shapes whose operations are not known;
// INVALID_ARGUMENT naming the field of `setup`.
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

}  // namespace moeplan

#endif  // MOEPLAN_CORE_CALIBRATION_THROUGHPUT_H_
