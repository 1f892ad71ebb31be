#ifndef MOEPLAN_CORE_LAW_COEFFICIENT_SET_H_
#define MOEPLAN_CORE_LAW_COEFFICIENT_SET_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/violations.h"
#include "core/law/law_family.h"

namespace moeplan {

struct Coefficient {
  std::string name;
  double value = 0;
  std::optional<double> standard_error;
  std::optional<double> lower;  // interval as published or fitted
  std::optional<double> upper;
};

// A variable of which the set knows one value only: the E of a fine-grained
// set, the D of runs that were all equally long. Any other value is
// FAILED_PRECONDITION.
struct FixedVariable {
  LawVariable variable;
  double value = 0;
  std::string reason;  // one sentence for people
};

struct VariableRange {
  LawVariable variable;
  double low = 0;   // inclusive
  double high = 0;  // inclusive
};

// The region of the runs behind a set. `expansion_rate` names the E that the
// box belongs to (the joint law's data reach less far for many experts);
// without it the box holds for every E.
struct DomainBox {
  std::optional<double> expansion_rate;
  std::vector<VariableRange> ranges;
};

struct ResidualError {
  double train_rmse = 0;  // nats per token, or of ln loss where so stated
  std::optional<double> held_out_rmse;
  bool of_log_loss = false;
  std::string source;
};

// Everything a set is made from; CoefficientSet::Create checks it.
struct CoefficientSetSpec {
  std::string id;  // [a-z]([a-z0-9-]{0,61}[a-z0-9])?
  std::string display_name;
  std::string family;          // LawDescriptor::name
  ParamConvention convention;  // what N, F and the loss mean in this set
  std::vector<Coefficient> coefficients;
  std::vector<FixedVariable> fixed_variables;
  std::vector<DomainBox> domain;
  std::optional<ResidualError> residual_error;
  // Draws of the coefficients (bootstrap), each in the family's order.
  std::vector<std::vector<double>> draws;
  std::string source;  // paper and table, or "fit of run table <hash>"
  std::vector<std::string> caveats;
  bool published = false;
};

// A law family with numbers and their evidence. Immutable, shared by const
// pointer; never holds an unknown family, a missing, duplicate, non-finite or
// out-of-range coefficient.
class CoefficientSet {
 public:
  // Errors: INVALID_ARGUMENT listing every violation (field, rule, value).
  static absl::StatusOr<std::shared_ptr<const CoefficientSet>> Create(
      CoefficientSetSpec spec);
  // The same, violations collected under field names of `spec`.
  static std::shared_ptr<const CoefficientSet> Create(CoefficientSetSpec spec,
                                                      Violations& violations);
  // The same for a spec inside a larger message: `field` before each path.
  static std::shared_ptr<const CoefficientSet> Create(CoefficientSetSpec spec,
                                                      const FieldPath& field,
                                                      Violations& violations);

  // The same for a family outside the registry (tests, extensions):
  // spec.family must be its name, and `family` must outlive the set.
  static absl::StatusOr<std::shared_ptr<const CoefficientSet>> Create(
      CoefficientSetSpec spec, const LawFamily& family);
  static std::shared_ptr<const CoefficientSet> Create(CoefficientSetSpec spec,
                                                      const LawFamily& family,
                                                      Violations& violations);

  const CoefficientSetSpec& spec() const { return spec_; }
  const std::string& id() const { return spec_.id; }
  const LawFamily& family() const { return *family_; }
  const LawDescriptor& law() const { return family_->descriptor(); }
  absl::Span<const double> values() const { return values_; }

  // 16 hexadecimal digits over everything that enters an answer as a number:
  // family, convention, coefficients with their errors and intervals, fixed
  // variables, domain, residual error and draws. Equal if and only if these
  // are; id and texts play no part.
  const std::string& checksum() const { return checksum_; }

  // Loss at `point`, in nats per token unless convention.loss_unit differs.
  double Loss(const LawPoint<double>& point) const {
    return family_->Loss(values_, point);
  }
  double IrreducibleLoss() const { return family_->IrreducibleLoss(values_); }

  // Parameters that touch one token, for the N of this set, and back.
  double ActiveParams(double law_params, double expansion_rate,
                      double granularity = 1) const {
    return family_->ActiveParams(spec_.convention, law_params, expansion_rate,
                                 granularity);
  }
  double LawParams(double active_params, double expansion_rate,
                   double granularity = 1) const {
    return family_->LawParams(spec_.convention, active_params, expansion_rate,
                              granularity);
  }

  // The family's reference model and shape placement in this set's convention.
  template <typename T>
  ReferenceModel<T> Scale(const T& d_model, double expansion_rate,
                          double granularity,
                          const AccountingOptions& options) const {
    return family_->Scale(spec_.convention, d_model, expansion_rate,
                          granularity, options);
  }
  absl::StatusOr<ModelShape> ReferenceShape(int64_t d_model,
                                            int64_t expansion_rate,
                                            int64_t granularity) const {
    return family_->ReferenceShape(spec_.convention, d_model, expansion_rate,
                                   granularity);
  }
  absl::StatusOr<ShapePoint> PointFromShape(
      const ModelShape& shape, double training_tokens,
      const AccountingOptions& options) const {
    return family_->PointFromShape(spec_.convention, shape, training_tokens,
                                   options);
  }

  // Error FAILED_PRECONDITION when `point` asks for another value of a fixed
  // variable (relative tolerance 1e-9), naming the set and the value it has.
  absl::Status CheckFixedVariables(const LawPoint<double>& point) const;

  // The one value of `variable` that the set knows, if it knows only one.
  std::optional<double> FixedValue(LawVariable variable) const;

 private:
  CoefficientSet(CoefficientSetSpec spec, const LawFamily& family);
  static std::shared_ptr<const CoefficientSet> CreateChecked(
      CoefficientSetSpec spec, const LawFamily* family, const FieldPath& field,
      Violations& violations);

  CoefficientSetSpec spec_;
  const LawFamily* family_;  // owned by the registry
  std::vector<double> values_;
  std::string checksum_;
};

}  // namespace moeplan

#endif  // MOEPLAN_CORE_LAW_COEFFICIENT_SET_H_
