#include "server/convert/coefficient_set_convert.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/convert/deterministic_bytes.h"
#include "server/convert/law_convert.h"

namespace moeplan::server {
namespace {

void ConvertCoefficients(const v1::CoefficientSet& wire,
                         CoefficientSetSpec& spec) {
  for (const v1::Coefficient& one : wire.coefficients()) {
    Coefficient coefficient;
    coefficient.name = one.name();
    coefficient.value = one.value();
    if (one.has_standard_error()) {
      coefficient.standard_error = one.standard_error();
    }
    if (one.has_lower()) coefficient.lower = one.lower();
    if (one.has_upper()) coefficient.upper = one.upper();
    spec.coefficients.push_back(std::move(coefficient));
  }
}

void ConvertFixedVariables(const FieldPath& field,
                           const v1::CoefficientSet& wire,
                           CoefficientSetSpec& spec, Violations& violations) {
  for (int i = 0; i < wire.fixed_variables_size(); ++i) {
    const v1::FixedVariable& one = wire.fixed_variables(i);
    const FieldPath here = field[i];
    const std::optional<LawVariable> variable =
        LawVariableFromWire(here / "variable", one.variable(), violations);
    if (variable.has_value()) {
      spec.fixed_variables.push_back({*variable, one.value(), one.reason()});
    }
  }
}

void ConvertDomain(const FieldPath& field, const v1::CoefficientSet& wire,
                   CoefficientSetSpec& spec, Violations& violations) {
  for (int i = 0; i < wire.domain_size(); ++i) {
    const v1::DomainBox& one = wire.domain(i);
    const FieldPath here = field[i];
    const FieldPath ranges = here / "ranges";
    DomainBox box;
    if (one.has_expansion_rate()) box.expansion_rate = one.expansion_rate();
    if (one.ranges().empty()) {
      violations.Add(ranges, "must hold at least one range");
    }
    for (int r = 0; r < one.ranges_size(); ++r) {
      const std::optional<LawVariable> variable = LawVariableFromWire(
          ranges[r] / "variable", one.ranges(r).variable(), violations);
      if (variable.has_value()) {
        box.ranges.push_back(
            {*variable, one.ranges(r).low(), one.ranges(r).high()});
      }
    }
    spec.domain.push_back(std::move(box));
  }
}

void DomainToWire(const CoefficientSetSpec& spec, v1::CoefficientSet* wire) {
  for (const DomainBox& box : spec.domain) {
    v1::DomainBox* one = wire->add_domain();
    if (box.expansion_rate.has_value()) {
      one->set_expansion_rate(*box.expansion_rate);
    }
    for (const VariableRange& range : box.ranges) {
      v1::VariableRange* wire_range = one->add_ranges();
      wire_range->set_variable(LawVariableToWire(range.variable));
      wire_range->set_low(range.low);
      wire_range->set_high(range.high);
    }
  }
}

void CoefficientsToWire(const CoefficientSetSpec& spec,
                        v1::CoefficientSet* wire) {
  for (const Coefficient& coefficient : spec.coefficients) {
    v1::Coefficient* one = wire->add_coefficients();
    one->set_name(coefficient.name);
    one->set_value(coefficient.value);
    if (coefficient.standard_error.has_value()) {
      one->set_standard_error(*coefficient.standard_error);
    }
    if (coefficient.lower.has_value()) one->set_lower(*coefficient.lower);
    if (coefficient.upper.has_value()) one->set_upper(*coefficient.upper);
  }
}

void ResidualErrorToWire(const ResidualError& error, v1::ResidualError* wire) {
  wire->set_train_rmse(error.train_rmse);
  if (error.held_out_rmse.has_value()) {
    wire->set_held_out_rmse(*error.held_out_rmse);
  }
  wire->set_of_log_loss(error.of_log_loss);
  wire->set_source(error.source);
}

}  // namespace

void CoefficientSetToWire(const CoefficientSet& set, bool with_draws,
                          v1::CoefficientSet* wire) {
  const CoefficientSetSpec& spec = set.spec();
  wire->set_display_name(spec.display_name);
  wire->set_family(spec.family);
  ParamConventionToWire(spec.convention, wire->mutable_convention());
  CoefficientsToWire(spec, wire);
  for (const FixedVariable& fixed : spec.fixed_variables) {
    FixedVariableToWire(fixed, wire->add_fixed_variables());
  }
  DomainToWire(spec, wire);
  if (spec.residual_error.has_value()) {
    ResidualErrorToWire(*spec.residual_error, wire->mutable_residual_error());
  }
  if (with_draws) {
    for (const std::vector<double>& draw : spec.draws) {
      wire->add_draws()->mutable_values()->Add(draw.begin(), draw.end());
    }
  }
  wire->set_source(spec.source);
  for (const std::string& caveat : spec.caveats) wire->add_caveats(caveat);
  wire->set_published(spec.published);
  wire->set_checksum(set.checksum());
}

std::shared_ptr<const CoefficientSet> CoefficientSetFromWire(
    const FieldPath& field, const v1::CoefficientSet& wire,
    absl::string_view id, Violations& violations) {
  const int64_t before = violations.count();
  CoefficientSetSpec spec;
  spec.id = std::string(id);
  spec.display_name = wire.display_name();
  spec.family = wire.family();
  spec.convention = ParamConventionFromWire(field / "convention",
                                            wire.convention(), violations);
  ConvertCoefficients(wire, spec);
  ConvertFixedVariables(field / "fixed_variables", wire, spec, violations);
  ConvertDomain(field / "domain", wire, spec, violations);
  if (wire.has_residual_error()) {
    ResidualError error;
    error.train_rmse = wire.residual_error().train_rmse();
    if (wire.residual_error().has_held_out_rmse()) {
      error.held_out_rmse = wire.residual_error().held_out_rmse();
    }
    error.of_log_loss = wire.residual_error().of_log_loss();
    error.source = wire.residual_error().source();
    spec.residual_error = std::move(error);
  }
  for (const v1::CoefficientDraw& draw : wire.draws()) {
    spec.draws.emplace_back(draw.values().begin(), draw.values().end());
  }
  spec.source = wire.source();
  spec.caveats.assign(wire.caveats().begin(), wire.caveats().end());
  std::shared_ptr<const CoefficientSet> set =
      CoefficientSet::Create(std::move(spec), field, violations);
  return violations.count() == before ? set : nullptr;
}

std::string EncodeStoredSet(const CoefficientSet& set) {
  v1::CoefficientSet wire;
  CoefficientSetToWire(set, /*with_draws=*/true, &wire);
  return DeterministicBytes(wire);
}

absl::StatusOr<std::shared_ptr<const CoefficientSet>> DecodeStoredSet(
    absl::string_view id, bool published, absl::string_view payload) {
  v1::CoefficientSet wire;
  if (!wire.ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
    return absl::DataLossError(
        absl::StrCat("the stored bytes of ", id, " do not parse"));
  }
  Violations violations;
  std::shared_ptr<const CoefficientSet> set =
      CoefficientSetFromWire(FieldPath(), wire, id, violations);
  if (set == nullptr) {
    return absl::DataLossError(
        absl::StrCat("the stored set ", id,
                     " is no legal set: ", violations.ToStatus().message()));
  }
  if (!published) return set;
  CoefficientSetSpec spec = set->spec();
  spec.published = true;
  return CoefficientSet::Create(std::move(spec));
}

}  // namespace moeplan::server
