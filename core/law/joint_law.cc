#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/field_path.h"
#include "core/law/law_families.h"
#include "core/law/law_family_impl.h"
#include "core/law/saturation.h"

namespace moeplan {
namespace {

constexpr LawVariable kN = LawVariable::kParams;
constexpr LawVariable kD = LawVariable::kTrainingTokens;
constexpr LawVariable kE = LawVariable::kExpansionRate;

// The law of arXiv 2502.05172. Exponents carry their printed signs (Table 3):
// negative alpha and beta.
struct JointLaw {
  enum Index {
    kA,
    kAlpha,
    kDelta,
    kGamma,
    kB,
    kBeta,
    kOmega,
    kZeta,
    kEStart,
    kEMax,
    kC,
  };
  static constexpr int kCoefficientCount = 11;
  static constexpr bool kCountsTotalParams = false;

  static LawDescriptor Descriptor();

  // ln of the saturating expansion rate Eh.
  template <typename C, typename P>
  static LawScalar<C, P> LogEffectiveExpansion(const C* c, const P& rate) {
    return LogSaturation(c[kEStart], c[kEMax], P(rate - 1.0));
  }

  template <typename C, typename P>
  static LawScalar<C, P> Loss(const C* c, const LawPoint<P>& point) {
    using std::exp;
    using std::log;
    const LawScalar<C, P> log_e =
        LogEffectiveExpansion(c, point.expansion_rate);
    const P log_n = log(point.params);
    const P log_d = log(point.training_tokens);
    const LawScalar<C, P> model_term =
        c[kA] *
        exp(c[kDelta] * log_e + (c[kAlpha] + c[kGamma] * log_e) * log_n);
    const LawScalar<C, P> data_term =
        c[kB] * exp(c[kOmega] * log_e + (c[kBeta] + c[kZeta] * log_e) * log_d);
    return model_term + data_term + c[kC];
  }

  static double IrreducibleLoss(const double* c) { return c[kC]; }

  template <typename T>
  static BlockCounts<T> CountBlocks(const T& d_model, const T& block_count,
                                    double expansion_rate, double granularity) {
    const BasicJointCounts<T> counts =
        JointReferenceCounts(d_model, block_count, expansion_rate, 0.0);
    const double experts = expansion_rate * granularity;
    return {counts.active_params, counts.total_params,
            T(d_model * block_count * (experts > 1 ? experts : 0.0))};
  }

  static absl::StatusOr<ModelShape> ReferenceShape(int64_t d_model,
                                                   int64_t block_count,
                                                   int64_t expansion_rate,
                                                   int64_t granularity) {
    if (granularity != 1) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the joint law's models have granularity 1; got ", granularity));
    }
    return JointReferenceShape(d_model, block_count, 1, expansion_rate);
  }

  static void CheckCoefficients(const double* c,
                                absl::Span<const double> expansion_rates,
                                const FieldPath& field,
                                Violations& violations) {
    if (c[kEStart] > c[kEMax]) {
      violations.Add(
          field, "E_start must not be above E_max",
          absl::StrCat("E_start ", c[kEStart], ", E_max ", c[kEMax]));
      return;
    }
    for (const double rate : expansion_rates) {
      const double log_e = LogEffectiveExpansion(c, rate);
      const double mu = c[kAlpha] + c[kGamma] * log_e;
      const double nu = c[kBeta] + c[kZeta] * log_e;
      if (c[kA] != 0 && !(mu < 0)) {
        violations.Add(field,
                       "the loss must fall with active_params: alpha + gamma "
                       "ln Eh must be < 0 at every expansion_rate of the set",
                       absl::StrCat(mu, " at E = ", rate));
      }
      if (c[kB] != 0 && !(nu < 0)) {
        violations.Add(field,
                       "the loss must fall with training_tokens: beta + zeta "
                       "ln Eh must be < 0 at every expansion_rate of the set",
                       absl::StrCat(nu, " at E = ", rate));
      }
    }
  }

  static void AddCaveats(const ModelShape&, const ShapePoint& placed,
                         std::vector<std::string>& caveats) {
    if (placed.point.granularity == 1) return;
    caveats.push_back(absl::StrCat(
        "the joint law knows one expert of full width per token (granularity "
        "1); this model, of granularity ",
        placed.point.granularity, ", enters with expansion_rate ",
        placed.point.expansion_rate,
        ", taken against the dense FFN of the same active width, which is our "
        "reading of the paper"));
  }
};

CoefficientDescriptor Factor(std::string name, std::string meaning,
                             LawVariable needs) {
  return {.name = std::move(name),
          .meaning = std::move(meaning),
          .scale = CoefficientScale::kLog,
          .lowest = 1e-6,
          .highest = 1e12,
          .start_low = 10,
          .start_high = 1000,
          .needs = {needs},
          .neutral = 0};
}

CoefficientDescriptor Exponent(std::string name, std::string meaning,
                               LawVariable needs) {
  return {.name = std::move(name),
          .meaning = std::move(meaning),
          .lowest = -5,
          .highest = 0,
          .start_low = -0.5,
          .start_high = -0.05,
          .needs = {needs},
          .neutral = 0};
}

CoefficientDescriptor Interaction(std::string name, std::string meaning,
                                  LawVariable needs, double start) {
  return {.name = std::move(name),
          .meaning = std::move(meaning),
          .lowest = -5,
          .highest = 5,
          .start_low = -start,
          .start_high = start,
          .needs = {kE, needs},
          .neutral = 0};
}

LawDescriptor JointLaw::Descriptor() {
  LawDescriptor law;
  law.name = "joint";
  law.title = "Joint dense and MoE law";
  law.formula =
      "L(N, D, E) = a Eh^delta N^(alpha + gamma ln Eh) + b Eh^omega D^(beta + "
      "zeta ln Eh) + c, 1/Eh = 1/(E - 1 + 1/(1/E_start - 1/E_max)) + 1/E_max; "
      "N = active_params";
  law.source =
      "Ludziejewski et al. 2025, Joint MoE Scaling Laws, arXiv 2502.05172";
  law.coefficients = {
      Factor("a", "scale of the model term at Eh = 1", kN),
      Exponent("alpha", "exponent of active_params at Eh = 1", kN),
      Interaction("delta", "exponent of Eh in the model term", kN, 0.5),
      Interaction("gamma", "change of the exponent of active_params with ln Eh",
                  kN, 0.05),
      Factor("b", "scale of the data term at Eh = 1", kD),
      Exponent("beta", "exponent of training_tokens at Eh = 1", kD),
      Interaction("omega", "exponent of Eh in the data term", kD, 0.5),
      Interaction("zeta",
                  "change of the exponent of training_tokens with ln Eh", kD,
                  0.05),
      {.name = "E_start",
       .meaning = "Eh of a dense model",
       .scale = CoefficientScale::kLog,
       .lowest = 1e-2,
       .highest = 1e6,
       .start_low = 1.05,
       .start_high = 10,
       .needs = {kE},
       .neutral = 1},
      {.name = "E_max",
       .meaning = "Eh of infinitely many experts",
       .scale = CoefficientScale::kLog,
       .lowest = 1,
       .highest = 1e12,
       .start_low = 50,
       .start_high = 2000,
       .needs = {kE},
       .neutral = 1e12},
      {.name = "c",
       .meaning = "irreducible loss, nats per token",
       .lowest = 0,
       .highest = 100,
       .start_low = 0.3,
       .start_high = 2},
  };
  law.variables = {kN, kD, kE};
  law.convention = kJointConvention;
  law.unimodal_along_budget = true;
  law.scale_is_published = true;
  return law;
}

}  // namespace

const LawFamily& JointLawFamily() {
  static const auto& family = *new LawFamilyFor<JointLaw>();
  return family;
}

}  // namespace moeplan
