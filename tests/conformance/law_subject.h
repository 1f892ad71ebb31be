#ifndef MOEPLAN_TESTS_CONFORMANCE_LAW_SUBJECT_H_
#define MOEPLAN_TESTS_CONFORMANCE_LAW_SUBJECT_H_

// What the conformance suite needs to know about a law beside the law itself.

#include <cmath>
#include <memory>
#include <vector>

#include "core/base/rng.h"
#include "core/law/coefficient_set.h"
#include "tests/testing/steps.h"

namespace moeplan::testing {

inline double LogUniform(Rng& rng, double low, double high) {
  return std::exp(rng.Uniform(std::log(low), std::log(high)));
}

// E and G at which `set` may be asked.
inline double LegalExpansionRate(const CoefficientSet& set, Rng& rng) {
  const double any = LogUniform(rng, 1, 1000);
  return set.FixedValue(LawVariable::kExpansionRate).value_or(any);
}
inline double LegalGranularity(const CoefficientSet& set, Rng& rng) {
  const double any = LogUniform(rng, 1, 256);
  return set.FixedValue(LawVariable::kGranularity).value_or(any);
}

// A point far beyond any data, where every promise must still hold.
inline LawPoint<double> AnyPoint(const CoefficientSet& set, Rng& rng) {
  return {LogUniform(rng, 1e3, 1e15), LogUniform(rng, 1e3, 1e18),
          LegalExpansionRate(set, rng), LegalGranularity(set, rng)};
}

// Minima of the loss of `set` along the budget
//   train_flops_per_token D + serve_flops_per_token served_tokens = flops,
// searched over widths in equal steps of their logarithm.
inline int CountMinimaAlongBudget(const CoefficientSet& set,
                                  double expansion_rate, double granularity,
                                  double flops, double served_tokens) {
  // Below this the values differ by rounding alone.
  constexpr double kNoise = 1e-13;
  constexpr double kStep = 0.01;
  std::vector<double> losses;
  for (const double log_d :
       testing::EqualSteps(std::log(8), std::log(1e7), kStep)) {
    const ReferenceModel<double> model =
        set.Scale(std::exp(log_d), expansion_rate, granularity, {});
    const double tokens =
        (flops - model.serve_flops_per_token * served_tokens) /
        model.train_flops_per_token;
    if (!(tokens > 0)) break;
    losses.push_back(
        set.Loss({model.law_params, tokens, expansion_rate, granularity}));
  }
  int minima = 0;
  bool falling = true;
  double turning = losses.empty() ? 0 : losses.front();
  for (const double loss : losses) {
    if (falling && loss > turning + kNoise * turning) {
      ++minima;
      falling = false;
    } else if (!falling && loss < turning - kNoise * turning) {
      falling = true;
    } else if (falling ? loss > turning : loss < turning) {
      continue;  // within the noise
    }
    turning = loss;
  }
  return minima + (falling && !losses.empty() ? 1 : 0);
}

}  // namespace moeplan::testing

#endif  // MOEPLAN_TESTS_CONFORMANCE_LAW_SUBJECT_H_
