#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/field_path.h"
#include "core/law/law_families.h"
#include "core/law/law_family_impl.h"

namespace moeplan {
namespace {

constexpr LawVariable kN = LawVariable::kParams;
constexpr LawVariable kD = LawVariable::kTrainingTokens;
constexpr LawVariable kG = LawVariable::kGranularity;

// The law of arXiv 2402.07871; its N is total_params, and each set belongs to
// one expansion rate.
struct FineGrainedLaw {
  enum Index { kA, kAlpha, kB, kBeta, kGFactor, kGamma, kC };
  static constexpr int kCoefficientCount = 7;
  static constexpr bool kCountsTotalParams = true;

  static LawDescriptor Descriptor();

  template <typename C, typename P>
  static LawScalar<C, P> Loss(const C* c, const LawPoint<P>& point) {
    return (c[kGFactor] * PowerOf(point.granularity, -c[kGamma]) + c[kA]) *
               PowerOf(point.params, -c[kAlpha]) +
           c[kB] * PowerOf(point.training_tokens, -c[kBeta]) + c[kC];
  }

  static double IrreducibleLoss(const double* c) { return c[kC]; }

  template <typename T>
  static BlockCounts<T> CountBlocks(const T& d_model, const T& block_count,
                                    double expansion_rate, double granularity) {
    const BasicFineGrainedCounts<T> counts = FineGrainedReferenceCounts(
        d_model, block_count, expansion_rate, granularity);
    return {counts.active_params, counts.total_params, counts.router_params};
  }

  static absl::StatusOr<ModelShape> ReferenceShape(int64_t d_model,
                                                   int64_t block_count,
                                                   int64_t expansion_rate,
                                                   int64_t granularity) {
    return FineGrainedReferenceShape(d_model, block_count, expansion_rate,
                                     granularity);
  }

  static void CheckCoefficients(const double* c, absl::Span<const double>,
                                const FieldPath& field,
                                Violations& violations) {
    if ((c[kA] != 0 || c[kGFactor] != 0) && !(c[kAlpha] > 0)) {
      violations.Add(field, "alpha must be > 0: the loss must fall with N",
                     absl::StrCat(c[kAlpha]));
    }
    if (c[kB] != 0 && !(c[kBeta] > 0)) {
      violations.Add(
          field, "beta must be > 0: the loss must fall with training_tokens",
          absl::StrCat(c[kBeta]));
    }
    if (c[kGFactor] != 0 && !(c[kGamma] > 0)) {
      violations.Add(field,
                     "gamma must be > 0: the loss must fall with granularity",
                     absl::StrCat(c[kGamma]));
    }
  }

  static void AddCaveats(const ModelShape& shape, const ShapePoint& placed,
                         std::vector<std::string>& caveats) {
    bool shared = false;
    for (const LayerGroup& group : shape.layer_groups()) {
      const MoeFfn* moe = std::get_if<MoeFfn>(&group.ffn);
      shared |= moe != nullptr && moe->shared_experts > 0;
    }
    if (shared) {
      caveats.push_back(
          "the fine-grained law was fitted without shared experts; they count "
          "among the experts that make up expansion_rate and granularity");
    }
    // Section 1.7 of the paper's own remark: the law only falls with G.
    const double experts =
        placed.point.expansion_rate * placed.point.granularity;
    const double width = static_cast<double>(shape.d_model());
    if (experts / (8 * width) > 1) {
      caveats.push_back(absl::StrCat(
          "the router (", experts, " experts at width ", width,
          ") is larger than the expert slice that a token visits; the authors "
          "saw such fine experts hurt, and the law does not know it"));
    }
  }
};

CoefficientDescriptor Factor(std::string name, std::string meaning,
                             std::vector<LawVariable> needs) {
  return {.name = std::move(name),
          .meaning = std::move(meaning),
          .scale = CoefficientScale::kLog,
          .lowest = 1e-6,
          .highest = 1e12,
          .start_low = 1,
          .start_high = 300,
          .needs = std::move(needs),
          .neutral = 0};
}

CoefficientDescriptor Exponent(std::string name, std::string meaning,
                               std::vector<LawVariable> needs,
                               double start_high) {
  return {.name = std::move(name),
          .meaning = std::move(meaning),
          .lowest = 0,
          .highest = 5,
          .start_low = 0.05,
          .start_high = start_high,
          .needs = std::move(needs),
          .neutral = 0};
}

LawDescriptor FineGrainedLaw::Descriptor() {
  LawDescriptor law;
  law.name = "fine_grained";
  law.title = "Fine-grained MoE law";
  law.formula =
      "L(N, D, G) = c + (g / G^gamma + a) / N^alpha + b / D^beta; N = "
      "total_params; one expansion_rate per set";
  law.source =
      "Krajewski, Ludziejewski et al. 2024, Scaling Laws for Fine-Grained "
      "Mixture of Experts, arXiv 2402.07871";
  law.coefficients = {
      Factor("a", "scale of the model term at infinite granularity", {kN}),
      Exponent("alpha", "exponent of total_params", {kN}, 0.5),
      Factor("b", "scale of the data term", {kD}),
      Exponent("beta", "exponent of training_tokens", {kD}, 0.5),
      Factor("g", "scale of the granularity term", {kG, kN}),
      Exponent("gamma", "exponent of granularity", {kG, kN}, 1.5),
      {.name = "c",
       .meaning = "irreducible loss, nats per token",
       .lowest = 0,
       .highest = 100,
       .start_low = 0.3,
       .start_high = 2},
  };
  law.variables = {kN, kD, kG};
  law.convention = kFineGrainedConvention;
  law.unimodal_along_budget = true;
  law.scale_is_published = true;
  return law;
}

}  // namespace

const LawFamily& FineGrainedLawFamily() {
  static const auto& family = *new LawFamilyFor<FineGrainedLaw>();
  return family;
}

}  // namespace moeplan
