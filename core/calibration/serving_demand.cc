#include "core/calibration/serving_demand.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "core/arch/memory.h"
#include "core/base/status_macros.h"
#include "core/base/violations.h"

namespace moeplan {
namespace {

constexpr int64_t kMostBatch = 65536;
constexpr int64_t kPrefillPassTokens = 8192;

absl::Status CheckDemand(const ServingDemand& demand) {
  constexpr double kMostElementBytes = 8;
  constexpr double kLeast = std::numeric_limits<double>::min();
  Violations violations;
  violations.RequireNonNegativeFinite("prefill_tokens", demand.prefill_tokens);
  violations.RequireNonNegativeFinite("decode_tokens", demand.decode_tokens);
  violations.RequireIntegerWithin("context_tokens", demand.context_tokens, 1,
                                  int64_t{1} << 24);
  violations.RequireIntegerWithin("most_sequences", demand.most_sequences, 0,
                                  int64_t{1} << 30);
  violations.RequirePositiveFinite("device_bytes", demand.device_bytes);
  violations.RequireWithin("bytes_per_weight", demand.bytes_per_weight, kLeast,
                           kMostElementBytes);
  violations.RequireWithin("bytes_per_cache_element",
                           demand.bytes_per_cache_element, kLeast,
                           kMostElementBytes);
  violations.RequireWithin("most_seconds_per_output_token",
                           demand.most_seconds_per_output_token, kLeast,
                           std::numeric_limits<double>::infinity());
  return violations.ToStatus();
}

// Most sequences whose full contexts lie beside the weights; 0 where none does.
struct MemoryFit {
  int64_t sequences = 0;
  double bytes_for_one = 0;
};

absl::StatusOr<MemoryFit> FitMemory(const ModelShape& shape,
                                    const ServingDemand& demand) {
  constexpr double kBitsPerByte = 8;
  ServingMemorySetup setup;
  setup.weight_bits = kBitsPerByte * demand.bytes_per_weight;
  setup.kv_cache = {
      .context_tokens = demand.context_tokens,
      .sequences = 1,
      .element_bits = kBitsPerByte * demand.bytes_per_cache_element};
  MOEPLAN_ASSIGN_OR_RETURN(const ServingMemory one,
                           ServingMemoryOf(shape, setup));
  const double room =
      demand.device_bytes - static_cast<double>(one.weight_bytes);
  const double bytes_per_sequence = static_cast<double>(one.kv_cache_bytes);
  double most = static_cast<double>(
      demand.most_sequences == 0 ? kMostBatch
                                 : std::min(kMostBatch, demand.most_sequences));
  if (room < 0) {
    most = 0;
  } else if (bytes_per_sequence > 0) {
    most = std::min(most, std::floor(room / bytes_per_sequence));
  }
  return MemoryFit{.sequences = static_cast<int64_t>(most),
                   .bytes_for_one = static_cast<double>(one.TotalBytes())};
}

// How the context of a sequence is made up.
struct SequenceParts {
  int64_t prompt_tokens = 0;
  int64_t decode_context = 1;  // mean over the steps
};

SequenceParts PartsOf(const ServingDemand& demand) {
  const double context = static_cast<double>(demand.context_tokens);
  const double all = demand.prefill_tokens + demand.decode_tokens;
  SequenceParts parts;
  if (all > 0) {
    parts.prompt_tokens = std::llround(context * demand.prefill_tokens / all);
  }
  if (demand.prefill_tokens > 0) {
    parts.prompt_tokens = std::max<int64_t>(1, parts.prompt_tokens);
  }
  const int64_t answer = demand.context_tokens - parts.prompt_tokens;
  parts.decode_context =
      std::min(demand.context_tokens, parts.prompt_tokens + (answer + 1) / 2);
  return parts;
}

// The largest of 1..most for which a decode step keeps the target, with its
// time; nothing where that of one sequence does not.
class BatchSearch {
 public:
  BatchSearch(const TimeModel& model, const ModelShape& shape,
              const ServingDemand& demand, int64_t context)
      : model_(model), shape_(shape), demand_(demand), context_(context) {}

  absl::StatusOr<StepTime> Step(int64_t sequences) const {
    return ServingStepTime(model_, shape_, sequences, 1, context_);
  }

  // The step of the largest batch that keeps the target; of one sequence, which
  // does not, where none does.
  absl::StatusOr<StepTime> Largest(int64_t most) const {
    MOEPLAN_ASSIGN_OR_RETURN(StepTime step, Step(most));
    if (Keeps(step)) return step;
    int64_t low = 1;
    int64_t high = most;  // does not keep it
    MOEPLAN_ASSIGN_OR_RETURN(step, Step(low));
    if (!Keeps(step)) return step;
    while (high - low > 1) {
      const int64_t middle = low + (high - low) / 2;
      MOEPLAN_ASSIGN_OR_RETURN(StepTime at, Step(middle));
      if (Keeps(at)) {
        low = middle;
        step = std::move(at);
      } else {
        high = middle;
      }
    }
    return step;
  }

  bool Keeps(const StepTime& step) const {
    return step.seconds <= demand_.most_seconds_per_output_token;
  }

 private:
  const TimeModel& model_;
  const ModelShape& shape_;
  const ServingDemand& demand_;
  const int64_t context_;
};

}  // namespace

absl::StatusOr<ServingAnswer> ServingTimeOf(const TimeModel& model,
                                            const ModelShape& shape,
                                            const ServingDemand& demand) {
  MOEPLAN_RETURN_IF_ERROR(CheckDemand(demand));
  MOEPLAN_ASSIGN_OR_RETURN(const MemoryFit fit, FitMemory(shape, demand));
  if (fit.sequences == 0) {
    return ServingShortfall{.least_device_bytes = fit.bytes_for_one};
  }
  const SequenceParts parts = PartsOf(demand);
  ServingTime time;
  time.prompt_tokens = parts.prompt_tokens;
  const BatchSearch search(model, shape, demand, parts.decode_context);
  MOEPLAN_ASSIGN_OR_RETURN(const StepTime decode,
                           search.Largest(fit.sequences));
  if (!search.Keeps(decode)) {
    return ServingShortfall{.least_seconds_per_output_token = decode.seconds};
  }
  time.total.assumptions.push_back(
      "every device serves sequences of its own with the whole model, as many "
      "at all times as it holds");
  time.decode_sequences = std::llround(decode.tokens);
  time.seconds_per_output_token = decode.seconds;
  AddScaled(decode, demand.decode_tokens / decode.tokens, time.total);
  if (demand.prefill_tokens > 0) {
    const int64_t prompts = std::clamp<int64_t>(
        kPrefillPassTokens / parts.prompt_tokens, 1, time.decode_sequences);
    MOEPLAN_ASSIGN_OR_RETURN(
        const StepTime prefill,
        ServingStepTime(model, shape, prompts, parts.prompt_tokens,
                        parts.prompt_tokens));
    time.seconds_per_prefill_token = prefill.SecondsPerToken();
    AddScaled(prefill, demand.prefill_tokens / prefill.tokens, time.total);
    time.total.assumptions.push_back(
        absl::StrCat("prompts are read whole, in passes of up to ",
                     kPrefillPassTokens, " tokens"));
  }
  return time;
}

}  // namespace moeplan
