#ifndef MOEPLAN_TESTING_FIELD_RULES_H_
#define MOEPLAN_TESTING_FIELD_RULES_H_

#include <map>
#include <string>

#include "tests/testing/field_rule.h"

namespace moeplan::testing {

// "Message.field" -> its rule, for every field that a request can hold.
std::map<std::string, FieldRule> FieldRules();

// Its parts.
std::map<std::string, FieldRule> PlannerFieldRules();
std::map<std::string, FieldRule> ShapeFieldRules();
std::map<std::string, FieldRule> SetFieldRules();
std::map<std::string, FieldRule> CalibrationFieldRules();

}  // namespace moeplan::testing

#endif  // MOEPLAN_TESTING_FIELD_RULES_H_
