#include "client/cli/text/words.h"

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "core/base/quantity.h"

namespace moeplan::cli {
namespace {

constexpr int kDigits = 3;
constexpr absl::string_view kSetPrefix = "coefficientSets/";

}  // namespace

std::string LossText(double loss) { return absl::StrFormat("%.3f", loss); }
std::string ParamsText(double params) { return FormatCount(params, kDigits); }
std::string TokensText(double tokens) { return FormatCount(tokens, kDigits); }
std::string FlopsText(double flops) { return FormatFlops(flops, kDigits); }
std::string BytesText(double bytes) { return FormatBytes(bytes, kDigits); }

std::string PlainText(double value) {
  if (std::abs(value) < 1e6 && value == std::floor(value)) {
    return absl::StrFormat("%.0f", value);
  }
  return FormatNumber(value, kDigits);
}

std::string PercentText(double share) {
  return absl::StrFormat("%.1f %%", 100 * share);
}

std::string VariableName(v1::LawVariable variable) {
  switch (variable) {
    case v1::LAW_VARIABLE_PARAMS:
      return "parameters";
    case v1::LAW_VARIABLE_TRAINING_TOKENS:
      return "training tokens";
    case v1::LAW_VARIABLE_EXPANSION_RATE:
      return "expansion rate";
    case v1::LAW_VARIABLE_GRANULARITY:
      return "granularity";
    case v1::LAW_VARIABLE_TOKENS_PER_PARAM:
      return "tokens per active parameter";
    default:
      return "an unknown variable";
  }
}

std::string VariableText(v1::LawVariable variable, double value) {
  switch (variable) {
    case v1::LAW_VARIABLE_PARAMS:
      return ParamsText(value);
    case v1::LAW_VARIABLE_TRAINING_TOKENS:
      return TokensText(value);
    default:
      return PlainText(value);
  }
}

std::string ConstraintName(v1::Constraint constraint) {
  switch (constraint) {
    case v1::CONSTRAINT_COMPUTE_BUDGET:
      return "the compute budget";
    case v1::CONSTRAINT_MEMORY_LIMIT:
      return "the memory limit";
    case v1::CONSTRAINT_AVAILABLE_TRAINING_TOKENS:
      return "the available training tokens";
    case v1::CONSTRAINT_SERVED_TOKENS:
      return "the served tokens";
    case v1::CONSTRAINT_SMALLEST_SHAPE:
      return "the smallest shape";
    case v1::CONSTRAINT_TARGET_LOSS:
      return "the target loss";
    case v1::CONSTRAINT_SERVING_FLOPS_LIMIT:
      return "the limit of serving FLOPs";
    case v1::CONSTRAINT_WALL_DURATION:
      return "the wall time";
    case v1::CONSTRAINT_DEVICE_MEMORY:
      return "the memory of one device";
    case v1::CONSTRAINT_OUTPUT_TOKEN_SECONDS:
      return "the time of an output token";
    default:
      return "an unknown limit";
  }
}

std::string JoinWords(const std::vector<std::string>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  return text;
}

std::string AsSentence(absl::string_view text) {
  std::string sentence(text);
  if (sentence.empty()) return sentence;
  const std::string first_word = sentence.substr(0, sentence.find(' '));
  if (first_word.find_first_of("_-[.") == std::string::npos) {
    sentence[0] = absl::ascii_toupper(static_cast<unsigned char>(sentence[0]));
  }
  if (sentence.back() != '.') sentence += '.';
  return sentence;
}

std::string SetIdOf(absl::string_view name) {
  return std::string(absl::StripPrefix(name, kSetPrefix));
}

std::string SetNameOf(absl::string_view id_or_name) {
  if (id_or_name.empty() || absl::StartsWith(id_or_name, kSetPrefix)) {
    return std::string(id_or_name);
  }
  return absl::StrCat(kSetPrefix, id_or_name);
}

std::string LossUnitText(v1::LossUnit unit) {
  switch (unit) {
    case v1::LOSS_UNIT_NATS_PER_TOKEN:
      return "nats per token";
    case v1::LOSS_UNIT_BITS_PER_BYTE:
      return "bits per byte";
    default:
      return "of unknown unit";
  }
}

}  // namespace moeplan::cli
