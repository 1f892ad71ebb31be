#ifndef MOEPLAN_TESTS_TESTING_TWO_MINIMA_LAW_H_
#define MOEPLAN_TESTS_TESTING_TWO_MINIMA_LAW_H_

// A made-up law family with two minima along a budget, for tests of searches
// that may not assume one. It is in no registry.

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "core/law/coefficient_set.h"
#include "core/law/law_family_impl.h"

namespace moeplan::testing {

// L(N, D) = c + a N^-alpha + b D^-beta + (h / 2) (1 - tanh(s ln(N / N_step))):
// a dense law with a step of height h down at N_step, falling in N and in D
// everywhere. Along 6 N D = F the step makes a second minimum beyond N_step.
struct TwoMinimaLaw {
  enum Index { kA, kAlpha, kB, kBeta, kC, kHeight, kStepParams, kSharpness };
  static constexpr int kCoefficientCount = 8;
  static constexpr bool kCountsTotalParams = false;

  static LawDescriptor Descriptor() {
    LawDescriptor law;
    law.name = "two_minima";
    law.title = "Made-up law with two minima along a budget";
    law.formula =
        "L(N, D) = c + a / N^alpha + b / D^beta + h/2 (1 - tanh(s ln(N / "
        "N_step)))";
    law.source = "made up for tests";
    for (const char* name :
         {"a", "alpha", "b", "beta", "c", "h", "N_step", "s"}) {
      CoefficientDescriptor coefficient;
      coefficient.name = name;
      coefficient.meaning = "see the formula";
      coefficient.lowest = 0;
      coefficient.highest = 1e30;
      coefficient.start_low = 1;
      coefficient.start_high = 2;
      law.coefficients.push_back(std::move(coefficient));
    }
    law.variables = {LawVariable::kParams, LawVariable::kTrainingTokens};
    law.convention = ParamConvention{};  // N = 12 n d^2, F = 6 N D
    law.unimodal_along_budget = false;
    law.scale_is_published = false;
    return law;
  }

  template <typename C, typename P>
  static LawScalar<C, P> Loss(const C* c, const LawPoint<P>& point) {
    using std::log;
    using std::tanh;
    const LawScalar<C, P> distance =
        c[kSharpness] * (log(point.params) - log(c[kStepParams]));
    return c[kA] * PowerOf(point.params, -c[kAlpha]) +
           c[kB] * PowerOf(point.training_tokens, -c[kBeta]) + c[kC] +
           0.5 * c[kHeight] * (1.0 - tanh(distance));
  }

  static double IrreducibleLoss(const double* c) { return c[kC]; }

  static absl::StatusOr<ModelShape> ReferenceShape(int64_t d_model,
                                                   int64_t block_count, int64_t,
                                                   int64_t) {
    return FineGrainedReferenceShape(d_model, block_count, 1, 1);
  }

  template <typename T>
  static BlockCounts<T> CountBlocks(const T& d_model, const T& block_count,
                                    double, double) {
    const T params = 12.0 * d_model * d_model * block_count;
    return {params, params, T(params * 0.0)};
  }

  static void CheckCoefficients(const double*, absl::Span<const double>,
                                const FieldPath&, Violations&) {}
  static void AddCaveats(const ModelShape&, const ShapePoint&,
                         std::vector<std::string>&) {}
};

inline const LawFamily& TwoMinimaLawFamily() {
  static const auto& family = *new LawFamilyFor<TwoMinimaLaw>();
  return family;
}

// A set of it without a box. Minima along 6 N D = F (two_minima_law_test):
//   F 1e20, height 0.15: the lower one at N 6.45e8, the other at 7.0e9
//   F 1e20, height 0.3:  the lower one at N 7.5e9, the other at 6.45e8
//   F 1e21, height 0.05: the lower one at N 1.82e9, the other at 6.9e9
//   F 1e21, height 0.15: the lower one at N 7.66e9, the other at 1.82e9
//   F 1e19, height 0.02 and F 1e22: one minimum
inline std::shared_ptr<const CoefficientSet> TwoMinimaSet(
    double height = 0.15, double step_params = 6e9) {
  CoefficientSetSpec spec;
  spec.id = "two-minima";
  spec.display_name = "Two minima";
  spec.family = "two_minima";
  spec.source = "made up for tests";
  const std::pair<const char*, double> values[] = {{"a", 406.4},
                                                   {"alpha", 0.34},
                                                   {"b", 410.7},
                                                   {"beta", 0.28},
                                                   {"c", 1.69},
                                                   {"h", height},
                                                   {"N_step", step_params},
                                                   {"s", 6}};
  for (const auto& [name, value] : values) {
    Coefficient coefficient;
    coefficient.name = name;
    coefficient.value = value;
    spec.coefficients.push_back(std::move(coefficient));
  }
  return CoefficientSet::Create(std::move(spec), TwoMinimaLawFamily()).value();
}

}  // namespace moeplan::testing

#endif  // MOEPLAN_TESTS_TESTING_TWO_MINIMA_LAW_H_
