#include "tests/testing/field_rule.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/testing/field_rules.h"

namespace moeplan::testing {
namespace {

bool IsId(absl::string_view id) {
  return !id.empty() && id.size() <= 63 && absl::ascii_islower(id.front()) &&
         id.back() != '-' && std::all_of(id.begin(), id.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
         });
}

}  // namespace

bool FieldRule::AdmitsNumber(double value) const {
  if (!std::isfinite(value)) return false;
  if (value == 0 && zero_is_unset) return true;
  if (low_is_open ? !(value > low) : !(value >= low)) return false;
  return high_is_open ? value < high : value <= high;
}

bool FieldRule::AdmitsText(absl::string_view value) const {
  if (value.empty()) return !required;
  switch (text) {
    case Text::kFree:
      return value.size() <= longest;
    case Text::kName:
      return absl::ConsumePrefix(&value, "coefficientSets/") && IsId(value);
    case Text::kCalibrationName:
      return absl::ConsumePrefix(&value, "calibrations/") && IsId(value);
    case Text::kId:
      return IsId(value);
    case Text::kSha256:
      return value.size() == 64 &&
             std::all_of(value.begin(), value.end(), absl::ascii_isxdigit);
    case Text::kUuid:
    case Text::kKnown:
    case Text::kToken:
      return false;  // no value that the generator makes is one
  }
  return false;
}

const FieldRule* FindFieldRule(const google::protobuf::FieldDescriptor& field) {
  static const auto& rules =
      *new std::map<std::string, FieldRule>(FieldRules());
  const auto found = rules.find(
      absl::StrCat(field.containing_type()->name(), ".", field.name()));
  return found == rules.end() ? nullptr : &found->second;
}

}  // namespace moeplan::testing
