#include "tests/testing/request_mutator.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/field_values.h"

namespace moeplan::testing {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Legal for itself, so far as the rule sees.
Expectation Admitted(const FieldRule& rule) {
  // A new element of a list without duplicates may meet its double there.
  return rule.coupled || rule.no_duplicates ? Expectation::kCoupled
                                            : Expectation::kLegal;
}

Expectation Judge(const FieldRule* rule, bool is_legal) {
  if (rule == nullptr) return Expectation::kNoRule;
  return is_legal ? Admitted(*rule) : Expectation::kIllegal;
}

// One more element, equal to the one at `index`; a default one where the list
// is empty.
void AddElement(Message& parent, const FieldDescriptor& field, int index) {
  const auto& access = *parent.GetReflection();
  const bool first = access.FieldSize(parent, &field) == 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      std::unique_ptr<Message> copy;
      if (!first) {
        const Message& old = access.GetRepeatedMessage(parent, &field, index);
        copy.reset(old.New());
        copy->CopyFrom(old);
      }
      Message* added = access.AddMessage(&parent, &field);
      if (copy != nullptr) added->CopyFrom(*copy);
      return;
    }
    case FieldDescriptor::CPPTYPE_DOUBLE:
      access.AddDouble(
          &parent, &field,
          first ? 1 : access.GetRepeatedDouble(parent, &field, index));
      return;
    case FieldDescriptor::CPPTYPE_STRING:
      access.AddString(
          &parent, &field,
          first ? "" : access.GetRepeatedString(parent, &field, index));
      return;
    case FieldDescriptor::CPPTYPE_INT64:
      access.AddInt64(
          &parent, &field,
          first ? 1 : access.GetRepeatedInt64(parent, &field, index));
      return;
    default:
      GOOGLE_LOG(FATAL) << "no lists of this type yet: " << field.full_name();
  }
}

// What the rule says about a list that has `size` elements now.
Expectation JudgeSize(const FieldRule* rule, int64_t size, int64_t before) {
  if (rule == nullptr) return Expectation::kNoRule;
  if (rule->column) return Judge(rule, size == 0 && rule->may_be_absent);
  const bool grown_with_copies = size > before && before > 0;
  return Judge(rule, size >= rule->fewest && size <= rule->most &&
                         !(rule->no_duplicates && grown_with_copies));
}

void CollectFields(const Descriptor& type, std::set<std::string>& fields) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (!fields.insert(field.full_name()).second) continue;
    if (field.message_type() != nullptr) {
      CollectFields(*field.message_type(), fields);
    }
  }
}

}  // namespace

void RequestMutator::Try(const Place& place, const std::string& what,
                         Expectation expectation,
                         const std::function<void()>& change,
                         bool length_changed) {
  std::unique_ptr<Message> before(place.parent.New());
  before->CopyFrom(place.parent);
  change();
  sink_({request_, place.field, place.path, what,
         place.ignored ? Expectation::kIgnored : expectation, length_changed});
  place.parent.CopyFrom(*before);
}

void RequestMutator::ChangeMessage(Message& message, const std::string& path,
                                   bool ignored) {
  const Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const FieldRule* rule = FindFieldRule(field);
    const Place place{
        message, field,
        rule,    path.empty() ? field.name() : path + "." + field.name(),
        -1,      ignored || (rule != nullptr && rule->ignored)};
    if (field.is_repeated()) {
      ChangeList(place);
    } else {
      ChangeField(place);
    }
  }
}

void RequestMutator::ChangeField(const Place& place) {
  switch (place.field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return ChangePart(place);
    case FieldDescriptor::CPPTYPE_STRING:
      return ChangeText(place);
    case FieldDescriptor::CPPTYPE_ENUM:
      return ChangeEnum(place);
    default:
      return ChangeNumber(place);
  }
}

void RequestMutator::ChangeList(const Place& place) {
  const auto& access = *place.parent.GetReflection();
  const int size = access.FieldSize(place.parent, &place.field);
  const bool column = place.rule != nullptr && place.rule->column;
  const auto resize = [&](const std::string& what, int64_t to) {
    Try(
        place, what, JudgeSize(place.rule, to, size),
        [&] {
          for (int64_t i = size; i < to; ++i) {
            AddElement(place.parent, place.field, 0);
          }
          for (int64_t i = to; i < size; ++i) {
            access.RemoveLast(&place.parent, &place.field);
          }
        },
        column);
  };
  if (size > 0) resize("empty", 0);
  if (size > 1) resize("its last element removed", size - 1);
  // A default element need not be legal.
  if (size > 0 || column) resize("its first element twice", size + 1);
  constexpr int64_t kMostMade = 200000;
  if (place.rule != nullptr && place.rule->most < kMostMade) {
    resize("one element too many", place.rule->most + 1);
  } else if (column) {
    resize("oversized", 50001);
  }
  if (size == 0 && column) return;  // its length is wrong by itself
  if (size == 0 && place.field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    return Try(
        place, "one empty message",
        place.rule == nullptr ? Expectation::kNoRule : Expectation::kCoupled,
        [&] { AddElement(place.parent, place.field, 0); });
  }
  if (size == 0) {
    AddElement(place.parent, place.field, 0);
    Place element = place;
    element.index = 0;
    element.path = absl::StrCat(place.path, "[0]");
    ChangeElement(element);
    access.ClearField(&place.parent, &place.field);
    return;
  }
  for (const int index : std::set<int>{0, size - 1}) {
    Place element = place;
    element.index = index;
    element.path = absl::StrCat(place.path, "[", index, "]");
    ChangeElement(element);
  }
}

void RequestMutator::ChangeElement(const Place& place) {
  if (place.field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    return ChangeField(place);
  }
  ChangeMessage(*place.parent.GetReflection()->MutableRepeatedMessage(
                    &place.parent, &place.field, place.index),
                place.path, place.ignored);
}

void RequestMutator::ChangePart(const Place& place) {
  const auto& access = *place.parent.GetReflection();
  const FieldRule* rule = place.rule;
  const bool is_set = access.HasField(place.parent, &place.field);
  Try(place, "an empty message",
      Judge(rule, rule != nullptr && !rule->illegal_when_empty),
      [&] { access.MutableMessage(&place.parent, &place.field)->Clear(); });
  if (!is_set) return;
  Try(place, "absent", Judge(rule, rule != nullptr && !rule->required),
      [&] { access.ClearField(&place.parent, &place.field); });
  ChangeMessage(*access.MutableMessage(&place.parent, &place.field), place.path,
                place.ignored);
}

void RequestMutator::ChangeNumber(const Place& place) {
  if (place.field.cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
    for (const bool value : {false, true}) {
      Try(place, value ? "true" : "false", Judge(place.rule, true),
          [&] { SetNumber(place.parent, place.field, place.index, value); });
    }
    return;
  }
  for (const double value : NumbersFor(place.field, place.rule, random_)) {
    Try(place, absl::StrCat(value),
        Judge(place.rule,
              place.rule != nullptr && place.rule->AdmitsNumber(value)),
        [&] { SetNumber(place.parent, place.field, place.index, value); });
  }
}

void RequestMutator::ChangeText(const Place& place) {
  const auto& access = *place.parent.GetReflection();
  for (const std::string& value : TextsFor(place.rule, random_)) {
    Expectation expectation = Judge(
        place.rule, place.rule != nullptr && place.rule->AdmitsText(value));
    if (place.rule != nullptr && place.rule->IsName() && !value.empty() &&
        place.rule->AdmitsText(value)) {
      expectation = Expectation::kMissing;
    }
    Try(place,
        absl::StrCat("\"", value.substr(0, 40), "\" of ", value.size(),
                     " bytes"),
        expectation, [&] {
          if (place.index < 0) {
            access.SetString(&place.parent, &place.field, value);
          } else {
            access.SetRepeatedString(&place.parent, &place.field, place.index,
                                     value);
          }
        });
  }
}

void RequestMutator::ChangeEnum(const Place& place) {
  const auto& access = *place.parent.GetReflection();
  const auto& known = *place.field.enum_type();
  std::set<int> values = {0, -1, 99, 2147483647};
  for (int i = 0; i < known.value_count(); ++i) {
    values.insert(known.value(i)->number());
  }
  for (const int value : values) {
    const bool legal = place.rule != nullptr &&
                       known.FindValueByNumber(value) != nullptr &&
                       !(value == 0 && place.rule->required);
    Try(place, absl::StrCat("enum value ", value), Judge(place.rule, legal),
        [&] { access.SetEnumValue(&place.parent, &place.field, value); });
  }
}

std::set<std::string> FieldsWithin(const Descriptor& type) {
  std::set<std::string> fields;
  CollectFields(type, fields);
  return fields;
}

}  // namespace moeplan::testing
