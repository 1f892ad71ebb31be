// CoefficientSetService and the words of laws, as proto/moeplan/v1 comments
// them.
#include "tests/testing/field_rules.h"

namespace moeplan::testing {
namespace {

using Text = FieldRule::Text;

std::map<std::string, FieldRule> RequestFieldRules() {
  return {
      {"GetCoefficientSetRequest.name",
       {.text = Text::kName, .required = true}},
      {"GetCoefficientSetRequest.include_draws", {}},
      {"ListCoefficientSetsRequest.page_size", {.low = 0}},
      {"ListCoefficientSetsRequest.page_token", {.text = Text::kToken}},
      {"ListCoefficientSetsRequest.family", {.text = Text::kKnown}},
      {"ListCoefficientSetsRequest.published_only", {}},
      {"CreateCoefficientSetRequest.coefficient_set_id",
       {.text = Text::kId, .required = true}},
      {"CreateCoefficientSetRequest.coefficient_set",
       {.required = true, .illegal_when_empty = true}},
      {"CreateCoefficientSetRequest.request_id", {.text = Text::kUuid}},
      {"DeleteCoefficientSetRequest.name",
       {.text = Text::kName, .required = true}},
      {"DeleteCoefficientSetRequest.request_id", {.text = Text::kUuid}},
  };
}

std::map<std::string, FieldRule> CoefficientSetFieldRules() {
  return {
      {"CoefficientSet.name", {.ignored = true}},
      {"CoefficientSet.display_name", {.longest = 200}},
      {"CoefficientSet.family", {.text = Text::kKnown, .required = true}},
      {"CoefficientSet.convention",
       {.required = true, .illegal_when_empty = true}},
      // Exactly those of the family.
      {"CoefficientSet.coefficients",
       {.fewest = 5, .most = 5, .no_duplicates = true}},
      {"CoefficientSet.fixed_variables", {.no_duplicates = true}},
      {"CoefficientSet.domain", {.most = 1000, .coupled = true}},
      {"CoefficientSet.residual_error", {}},
      {"CoefficientSet.draws", {.most = 10000}},
      {"CoefficientSet.source", {.longest = 4000, .required = true}},
      {"CoefficientSet.caveats",
       {.longest = 4000, .most = 64, .required = true}},
      {"CoefficientSet.published", {.ignored = true}},
      {"CoefficientSet.checksum", {.ignored = true}},
      {"CoefficientSet.create_time", {.ignored = true}},
      {"Coefficient.name", {.text = Text::kKnown, .required = true}},
      {"Coefficient.value", {.coupled = true}},
      {"Coefficient.standard_error", {.low = 0}},
      {"Coefficient.lower", {.coupled = true}},
      {"Coefficient.upper", {.coupled = true}},
      {"DomainBox.expansion_rate", {.low = 1}},
      {"DomainBox.ranges", {.fewest = 1, .no_duplicates = true}},
      {"ResidualError.train_rmse", {.low = 0}},
      {"ResidualError.held_out_rmse", {.low = 0}},
      {"ResidualError.of_log_loss", {}},
      {"ResidualError.source", {.longest = 4000}},
      {"CoefficientDraw.values", {.fewest = 5, .most = 5, .coupled = true}},
      {"ParamConvention.counts_embedding", {.coupled = true}},
      {"ParamConvention.counts_unembedding", {.coupled = true}},
      {"ParamConvention.counts_router", {}},
      {"ParamConvention.counts_norms", {}},
      {"ParamConvention.counts_biases", {}},
      {"ParamConvention.vocabulary_size",
       {.low = 1, .high = 16777216, .zero_is_unset = true, .coupled = true}},
      {"ParamConvention.tied_embeddings", {.coupled = true}},
      {"ParamConvention.loss_unit", {.required = true}},
      {"ParamConvention.flop_rule", {.required = true}},
      // A set may fix some variables only.
      {"FixedVariable.variable", {.required = true, .coupled = true}},
      {"FixedVariable.value", {.low = 0, .low_is_open = true, .coupled = true}},
      {"FixedVariable.reason", {.longest = 1024}},
      // Another range of the same box may have the variable.
      {"VariableRange.variable", {.required = true, .coupled = true}},
      {"VariableRange.low", {.low = 0, .low_is_open = true, .coupled = true}},
      {"VariableRange.high", {.low = 0, .low_is_open = true, .coupled = true}},
  };
}

}  // namespace

std::map<std::string, FieldRule> SetFieldRules() {
  std::map<std::string, FieldRule> rules = RequestFieldRules();
  rules.merge(CoefficientSetFieldRules());
  return rules;
}

std::map<std::string, FieldRule> FieldRules() {
  std::map<std::string, FieldRule> rules = PlannerFieldRules();
  rules.merge(ShapeFieldRules());
  rules.merge(SetFieldRules());
  rules.merge(CalibrationFieldRules());
  return rules;
}

}  // namespace moeplan::testing
