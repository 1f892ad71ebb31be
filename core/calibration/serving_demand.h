#ifndef MOEPLAN_CORE_CALIBRATION_SERVING_DEMAND_H_
#define MOEPLAN_CORE_CALIBRATION_SERVING_DEMAND_H_

#include <cstdint>
#include <limits>
#include <variant>

#include "absl/status/statusor.h"
#include "core/arch/model_shape.h"
#include "core/calibration/throughput.h"
#include "core/calibration/time_model.h"

namespace moeplan {

// What a model serves over its lifetime, and on what. Every device holds the
// whole model and serves sequences of its own.
struct ServingDemand {
  double prefill_tokens = 0;  // read, finite, >= 0
  double decode_tokens = 0;   // generated, finite, >= 0
  // Of one sequence, prompt and answer; >= 1. The prompt's part of it is that
  // of prefill_tokens in all tokens.
  int64_t context_tokens = 2048;
  int64_t most_sequences = 0;          // at once on a device, >= 0; 0: no bound
  double device_bytes = 0;             // for weights and cache, > 0
  double bytes_per_weight = 2;         // in (0, 8]
  double bytes_per_cache_element = 2;  // in (0, 8]
  // Longest that a decode step may take; > 0.
  double most_seconds_per_output_token =
      std::numeric_limits<double>::infinity();
};

// What serving takes.
struct ServingTime {
  int64_t decode_sequences = 0;  // the batch: as many as fit
  int64_t prompt_tokens = 0;
  double seconds_per_output_token = 0;   // of a decode step of that batch
  double seconds_per_prefill_token = 0;  // of one device
  // Of the whole demand on one device; its parts are those of all steps.
  StepTime total;
};

// A device cannot serve the shape.
struct ServingShortfall {
  // Either too few bytes for the weights and one sequence, and how many would
  // do, or too long a decode step of one sequence, and how long it takes.
  double least_device_bytes = 0;              // 0: enough
  double least_seconds_per_output_token = 0;  // 0: fast enough
};

using ServingAnswer = std::variant<ServingTime, ServingShortfall>;

// Device-seconds of `demand` (reference, section 5.7):
//   prefill_tokens t_prefill + decode_tokens t_decode(B) / B,
// t_decode(B) ServingStepTime of B sequences that hold the mean context of a
// decode step, prompt + (answer + 1) / 2; t_prefill that of a pass over whole
// prompts, as many as 8,192 tokens and B allow. B is the largest batch, up to
// 65,536, whose weights and cache of full contexts fit device_bytes and whose
// step keeps the latency target; the time of a step rises with B.
// Errors: as ServingStepTime; INVALID_ARGUMENT naming the field of `demand`.
// Cost: about 20 us, ten times that with a latency target that binds.
absl::StatusOr<ServingAnswer> ServingTimeOf(const TimeModel& model,
                                            const ModelShape& shape,
                                            const ServingDemand& demand);

}  // namespace moeplan

#endif  // MOEPLAN_CORE_CALIBRATION_SERVING_DEMAND_H_
