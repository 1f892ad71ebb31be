#ifndef MOEPLAN_CORE_LAW_LAW_FAMILY_H_
#define MOEPLAN_CORE_LAW_LAW_FAMILY_H_

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/arch/model_shape.h"
#include "core/arch/param_convention.h"
#include "core/law/law_point.h"
#include "core/solve/dual.h"

namespace moeplan {

class FieldPath;
class Violations;

// How a fit moves a coefficient. Positive ones are fitted in their logarithm.
enum class CoefficientScale { kLinear, kLog };

// What the registry, the fit and the documents know about one coefficient.
struct CoefficientDescriptor {
  std::string name;     // as printed in the paper, e.g. "alpha", "E_start"
  std::string meaning;  // one sentence
  CoefficientScale scale = CoefficientScale::kLinear;
  // Legal values, inclusive. A fit that ends on one of them says so.
  double lowest = -std::numeric_limits<double>::infinity();
  double highest = std::numeric_limits<double>::infinity();
  // Starts of a multi-start fit are drawn from this interval (log-uniform for
  // kLog).
  double start_low = 0;
  double start_high = 0;
  // Data must show more than one value of each of these variables, or the
  // coefficient cannot be determined and stands at `neutral` (a reduction).
  // `neutral` may lie outside [lowest, highest] (b = 0 switches a term off); it
  // is legal in a set that fixes one of these variables.
  std::vector<LawVariable> needs = {};
  double neutral = 0;
};

// The declared traits of a law family.
struct LawDescriptor {
  std::string name;     // "joint", "fine_grained", "dense"
  std::string title;    // "Joint dense and MoE law"
  std::string formula;  // plain text
  std::string source;   // paper and equation
  std::vector<CoefficientDescriptor> coefficients;  // in storage order
  std::vector<LawVariable> variables;  // inputs the formula really uses
  ParamConvention convention;          // of the paper; sets may have their own
  bool params_are_total = false;       // N is total_params, else active_params
  // True when the loss has one minimum along every budget that the family's
  // accounting allows, so that a bracketed root of its slope finds it.
  bool unimodal_along_budget = false;
  // True when the paper ties depth to width, false when Scale() is an
  // assumption of ours (then answers that need it carry a warning).
  bool scale_is_published = true;
};

// Constants of the FLOP accounting that a caller may change. Serving neglects
// routing in every family: no paper gives a figure.
struct AccountingOptions {
  double train_flops_per_active_param = 6;
  double serve_flops_per_active_param = 2;
  // c_r of the fine-grained paper (2402.07871, section 5.1); 6..20 are seen.
  // Families that neglect routing ignore it.
  double routing_flops_per_router_param = 14;
};

// The model of width `d_model` under the family's shape rule (d = 64 n in both
// papers), with continuous depth. Counts in the convention that was asked for;
// norms and biases are neglected, as in the papers' own formulas. FLOPs per
// token.
template <typename T>
struct ReferenceModel {
  T d_model;
  T block_count;
  T law_params;     // the N of LawPoint
  T active_params;  // parameters that touch one token
  T total_params;   // what has to be stored
  T router_params;
  T train_flops_per_token;  // routing included where the family counts it
  T routing_train_flops_per_token;
  T serve_flops_per_token;
  T kv_cache_elements_per_token;  // 2 n d: plain multi-head attention
};

// Where a real model stands in a law: the point, and what was stretched to put
// it there (empty when the model is of the kind the law was fitted on).
struct ShapePoint {
  LawPoint<double> point;
  double active_params;  // family's convention
  double total_params;
  double train_flops_per_token;
  std::vector<std::string> caveats;
};

// A law family: one formula and its declared traits. Implementations are
// templates instantiated for double and for duals (law_family_impl.h), so the
// formula of each family is written once. Stateless, thread-safe; evaluation
// allocates nothing and checks nothing: points are checked where they are made.
class LawFamily {
 public:
  virtual ~LawFamily() = default;

  virtual const LawDescriptor& descriptor() const = 0;

  // Loss in nats per token (in the loss unit of the set's convention, which is
  // that one in every published set). `coefficients` in the descriptor's order.
  virtual double Loss(absl::Span<const double> coefficients,
                      const LawPoint<double>& point) const = 0;

  // The same with derivatives along one direction (the optimiser's) or with
  // respect to the four inputs (sensitivities).
  virtual Dual<1> Loss(absl::Span<const double> coefficients,
                       const LawPoint<Dual<1>>& point) const = 0;
  virtual Dual<kLawInputCount> Loss(
      absl::Span<const double> coefficients,
      const LawPoint<Dual<kLawInputCount>>& point) const = 0;

  // Loss, and d loss / d coefficient into `gradient` (same length as
  // `coefficients`).
  virtual double LossAndGradient(absl::Span<const double> coefficients,
                                 const LawPoint<double>& point,
                                 absl::Span<double> gradient) const = 0;

  // The loss that no amount of parameters and tokens passes, nats per token.
  virtual double IrreducibleLoss(
      absl::Span<const double> coefficients) const = 0;

  // The model of width `d_model` > 0 counted by `convention`; every count rises
  // strictly with the width.
  virtual ReferenceModel<double> Scale(
      const ParamConvention& convention, double d_model, double expansion_rate,
      double granularity, const AccountingOptions& options) const = 0;
  virtual ReferenceModel<Dual<1>> Scale(
      const ParamConvention& convention, const Dual<1>& d_model,
      double expansion_rate, double granularity,
      const AccountingOptions& options) const = 0;

  // The model that Scale() counts at d_model = 64 block_count, as one that can
  // be built and timed: heads of 64, the vocabulary of `convention`. Its router
  // and norms are there whether the convention counts them or not.
  // Errors: INVALID_ARGUMENT when d_model is not a multiple of 64, or when the
  // family has no such model (granularity does not divide the feed-forward's
  // width; the joint law knows granularity 1 only).
  virtual absl::StatusOr<ModelShape> ReferenceShape(
      const ParamConvention& convention, int64_t d_model,
      int64_t expansion_rate, int64_t granularity) const = 0;

  // Parameters that touch one token, for `law_params` = N of this family
  // counted by `convention`, and back. The same number where N is the active
  // count; fine-grained: N_total / N_active = (8 E + 4) / 12, and through the
  // width of the reference model where the convention counts embeddings or
  // router as well.
  virtual double ActiveParams(const ParamConvention& convention,
                              double law_params, double expansion_rate,
                              double granularity) const = 0;
  virtual double LawParams(const ParamConvention& convention,
                           double active_params, double expansion_rate,
                           double granularity) const = 0;

  // The same in the convention of the family's paper.
  double ActiveParams(double law_params, double expansion_rate) const {
    return ActiveParams(descriptor().convention, law_params, expansion_rate, 1);
  }
  double LawParams(double active_params, double expansion_rate) const {
    return LawParams(descriptor().convention, active_params, expansion_rate, 1);
  }

  // Adds what is wrong with `coefficients` (finite, each within its own range)
  // taken together, at the expansion rates at which they are to be used: the
  // loss must fall with N and with D. `field` is the path of the coefficients.
  virtual void CheckCoefficients(absl::Span<const double> coefficients,
                                 absl::Span<const double> expansion_rates,
                                 const FieldPath& field,
                                 Violations& violations) const = 0;

  // Where `shape`, trained on `training_tokens`, stands in this law.
  // Errors: INVALID_ARGUMENT naming what the family cannot express.
  virtual absl::StatusOr<ShapePoint> PointFromShape(
      const ParamConvention& convention, const ModelShape& shape,
      double training_tokens, const AccountingOptions& options) const = 0;
};

}  // namespace moeplan

#endif  // MOEPLAN_CORE_LAW_LAW_FAMILY_H_
