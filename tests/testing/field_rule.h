#ifndef MOEPLAN_TESTING_FIELD_RULE_H_
#define MOEPLAN_TESTING_FIELD_RULE_H_

#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/string_view.h"
#include "google/protobuf/descriptor.h"

namespace moeplan::testing {

// What the proto's comment says about a field, in a form that values can be
// judged by. Written from the comments by hand, not from the server's checks.
struct FieldRule {
  enum class Text {
    kFree,             // at most `longest` bytes
    kName,             // coefficientSets/{id}
    kCalibrationName,  // calibrations/{id}
    kId,               // 1..63 characters of a-z, 0-9 and -
    kUuid,             // a UUID
    kSha256,           // 64 hexadecimal digits
    kKnown,            // one of the names that the server knows
    kToken,            // only what the server gave before
  };

  // Numbers.
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool low_is_open = false;
  bool high_is_open = false;
  // 0 stands for a default, or for nothing.
  bool zero_is_unset = false;

  // Texts. An empty one is legal unless `required`.
  Text text = Text::kFree;
  size_t longest = std::numeric_limits<size_t>::max();

  // Repeated fields: how many elements.
  int64_t fewest = 0;
  int64_t most = std::numeric_limits<int64_t>::max();
  bool no_duplicates = false;
  // All columns of a table have one length. A column that is `may_be_absent`
  // may be empty.
  bool column = false;
  bool may_be_absent = false;

  // The field, or the oneof it belongs to, has to be set; an enum must not be
  // UNSPECIFIED.
  bool required = false;
  // An empty message is illegal, since it lacks what it has to hold.
  bool illegal_when_empty = false;
  // Other rules, between fields, may refuse what this one admits.
  bool coupled = false;
  // Not served yet: UNIMPLEMENTED is a right answer, whatever it holds.
  bool unserved = false;
  // Output only: the server ignores it in a request.
  bool ignored = false;

  bool AdmitsNumber(double value) const;
  bool AdmitsText(absl::string_view value) const;
  // Whether texts name a resource, which may be missing.
  bool IsName() const {
    return text == Text::kName || text == Text::kCalibrationName;
  }
};

// The rule of a field, by "Message.field". Null for a field that no rule was
// written for, which the test refuses.
const FieldRule* FindFieldRule(const google::protobuf::FieldDescriptor& field);

}  // namespace moeplan::testing

#endif  // MOEPLAN_TESTING_FIELD_RULE_H_
