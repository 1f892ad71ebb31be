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

// The Chinchilla form (arXiv 2203.15556), also the dense law of the
// fine-grained paper (2402.07871).
struct DenseLaw {
  enum Index { kA, kAlpha, kB, kBeta, kC };
  static constexpr int kCoefficientCount = 5;
  static constexpr bool kCountsTotalParams = false;

  static LawDescriptor Descriptor();

  template <typename C, typename P>
  static LawScalar<C, P> Loss(const C* c, const LawPoint<P>& point) {
    return c[kA] * PowerOf(point.params, -c[kAlpha]) +
           c[kB] * PowerOf(point.training_tokens, -c[kBeta]) + c[kC];
  }

  static double IrreducibleLoss(const double* c) { return c[kC]; }

  // 12 n d^2 of attention and a feed-forward of width 4 d; no experts whatever
  // E and G are asked for.
  template <typename T>
  static BlockCounts<T> CountBlocks(const T& d_model, const T& block_count,
                                    double, double) {
    const T params = 12.0 * d_model * d_model * block_count;
    return {params, params, T(params * 0.0)};
  }

  static absl::StatusOr<ModelShape> ReferenceShape(int64_t d_model,
                                                   int64_t block_count, int64_t,
                                                   int64_t) {
    return FineGrainedReferenceShape(d_model, block_count, 1, 1);
  }

  static void CheckCoefficients(const double* c, absl::Span<const double>,
                                const FieldPath& field,
                                Violations& violations) {
    if (c[kA] != 0 && !(c[kAlpha] > 0)) {
      violations.Add(field, "alpha must be > 0: the loss must fall with N",
                     absl::StrCat(c[kAlpha]));
    }
    if (c[kB] != 0 && !(c[kBeta] > 0)) {
      violations.Add(
          field, "beta must be > 0: the loss must fall with training_tokens",
          absl::StrCat(c[kBeta]));
    }
  }

  static void AddCaveats(const ModelShape&, const ShapePoint& placed,
                         std::vector<std::string>& caveats) {
    if (placed.point.expansion_rate == 1) return;
    caveats.push_back(
        "a dense law does not know experts: the model enters as the dense "
        "model of its active size");
  }
};

CoefficientDescriptor Factor(std::string name, std::string meaning,
                             LawVariable needs) {
  return {.name = std::move(name),
          .meaning = std::move(meaning),
          .scale = CoefficientScale::kLog,
          .lowest = 1e-6,
          .highest = 1e15,
          .start_low = 5,
          .start_high = 1e5,
          .needs = {needs},
          .neutral = 0};
}

CoefficientDescriptor Exponent(std::string name, std::string meaning,
                               LawVariable needs) {
  return {.name = std::move(name),
          .meaning = std::move(meaning),
          .lowest = 0,
          .highest = 5,
          .start_low = 0.05,
          .start_high = 0.8,
          .needs = {needs},
          .neutral = 0};
}

LawDescriptor DenseLaw::Descriptor() {
  LawDescriptor law;
  law.name = "dense";
  law.title = "Dense law of the Chinchilla form";
  law.formula = "L(N, D) = c + a / N^alpha + b / D^beta; N = active_params";
  law.source =
      "Hoffmann et al. 2022, Training Compute-Optimal Large Language Models, "
      "arXiv 2203.15556";
  law.coefficients = {
      Factor("a", "scale of the model term (A in the Chinchilla papers)", kN),
      Exponent("alpha", "exponent of the parameters", kN),
      Factor("b", "scale of the data term (B in the Chinchilla papers)", kD),
      Exponent("beta", "exponent of training_tokens", kD),
      {.name = "c",
       .meaning =
           "irreducible loss, nats per token (E in the Chinchilla papers)",
       .lowest = 0,
       .highest = 100,
       .start_low = 0.3,
       .start_high = 2.5},
  };
  law.variables = {kN, kD};
  law.convention = kDenseConvention;
  law.unimodal_along_budget = true;
  law.scale_is_published = false;
  return law;
}

}  // namespace

const LawFamily& DenseLawFamily() {
  static const auto& family = *new LawFamilyFor<DenseLaw>();
  return family;
}

}  // namespace moeplan
