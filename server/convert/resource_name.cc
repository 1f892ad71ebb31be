#include "server/convert/resource_name.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace moeplan::server {
namespace {

constexpr char kSets[] = "coefficientSets/";
constexpr char kCalibrations[] = "calibrations/";
constexpr size_t kLongestId = 63;

bool IsResourceId(absl::string_view id) {
  if (id.empty() || id.size() > kLongestId) return false;
  if (!absl::ascii_islower(static_cast<unsigned char>(id.front()))) {
    return false;
  }
  for (const char c : id) {
    const auto byte = static_cast<unsigned char>(c);
    if (!absl::ascii_islower(byte) && !absl::ascii_isdigit(byte) && c != '-') {
      return false;
    }
  }
  return id.back() != '-';
}

std::string ParseName(const FieldPath& field, absl::string_view name,
                      absl::string_view collection, absl::string_view example,
                      Violations& violations) {
  absl::string_view id = name;
  if (absl::ConsumePrefix(&id, collection) && IsResourceId(id)) {
    return std::string(id);
  }
  violations.Add(field,
                 absl::StrCat("must be ", collection, "{id}, such as ",
                              collection, example),
                 name);
  return "";
}

bool IsUuid(absl::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    const auto byte = static_cast<unsigned char>(text[i]);
    if (is_dash ? byte != '-' : !absl::ascii_isxdigit(byte)) return false;
  }
  return true;
}

}  // namespace

std::string CoefficientSetName(absl::string_view id) {
  return absl::StrCat(kSets, id);
}

std::string ParseCoefficientSetName(const FieldPath& field,
                                    absl::string_view name,
                                    Violations& violations) {
  return ParseName(field, name, kSets, "joint-2025", violations);
}

std::string CalibrationName(absl::string_view id) {
  return absl::StrCat(kCalibrations, id);
}

std::string ParseCalibrationName(const FieldPath& field, absl::string_view name,
                                 Violations& violations) {
  return ParseName(field, name, kCalibrations, "our-h200", violations);
}

bool RequireResourceId(const FieldPath& field, absl::string_view id,
                       Violations& violations) {
  if (IsResourceId(id)) return true;
  violations.Add(field,
                 "must be 1..63 characters of a-z, 0-9 and -, the first a "
                 "letter, the last no -",
                 id);
  return false;
}

void CheckRequestId(const FieldPath& field, absl::string_view request_id,
                    Violations& violations) {
  if (request_id.empty() || IsUuid(request_id)) return;
  violations.Add(field,
                 "must be empty or a UUID, such as "
                 "5c1a9a5e-6a9e-4f0e-9d5b-3f6b6f1f7c11",
                 request_id);
}

}  // namespace moeplan::server
