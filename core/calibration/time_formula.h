#ifndef MOEPLAN_CORE_CALIBRATION_TIME_FORMULA_H_
#define MOEPLAN_CORE_CALIBRATION_TIME_FORMULA_H_

#include <cmath>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/calibration/operation.h"
#include "core/calibration/time_model.h"
#include "core/solve/dual.h"

namespace moeplan {

// What the formulas of time know of an operation.
struct WorkFeatures {
  double flops = 0;
  double bytes = 0;
  // Of matrix products: how many there are (experts with rows, heads) and their
  // m, n, k, the mean where experts differ. They differ in one of the three
  // only, in which tiles and volume are linear, so that the mean is exact for
  // any histogram of rows.
  double part_count = 0;
  double m = 0;
  double n = 0;
  double k = 0;
  double router_elements = 0;  // T E
  double moved_elements = 0;   // T k d
};

WorkFeatures FeaturesOf(const Operation& operation, double element_bytes);

inline constexpr int kMostTimeCoefficients = 8;

struct CoefficientSpec {
  absl::string_view name;
  double neutral;  // where measurements are too few for it
  double least;    // of a fitted one
  double most;
};

// The coefficients of a formula, the one that is needed most first.
absl::Span<const CoefficientSpec> CoefficientsOf(TimeFormula formula);

namespace time_internal {

template <typename T>
T SmoothMax(const T& a, const T& b) {
  using std::sqrt;
  // a and b differ by many decades; the larger one is taken out of the power.
  const T& large = a > b ? a : b;
  const T& small = a > b ? b : a;
  if (!(large > 0.0)) return large;
  const T ratio = small / large;
  const T square = ratio * ratio;
  return large * sqrt(sqrt(1.0 + square * square));
}

// The same with the derivatives of the power written out, which takes a quarter
// of the time of deriving its steps.
template <int n>
Dual<n> SmoothMax(const Dual<n>& a, const Dual<n>& b) {
  const Dual<n>& large = a.a > b.a ? a : b;
  const Dual<n>& small = a.a > b.a ? b : a;
  if (!(large.a > 0.0)) return large;
  const double ratio = small.a / large.a;
  const double cube = ratio * ratio * ratio;
  const double power = 1.0 + cube * ratio;
  const double root = std::sqrt(std::sqrt(power));
  const double slope = root / power;
  return Dual<n>(large.a * root, slope * large.v + cube * slope * small.v);
}

template <typename T>
T ProductSeconds(const WorkFeatures& work, const T* c) {
  const T& rate = c[0];
  const T& launch = c[1];
  const T& bandwidth = c[2];
  const T& extra_rows = c[3];
  const T& extra_depth = c[4];
  const T& per_part = c[5];
  const T& extra_columns = c[6];
  const T& wave_area = c[7];
  const T area =
      work.part_count * (work.m + extra_rows) * (work.n + extra_columns);
  const T compute =
      2.0 * SmoothMax(area, wave_area) * (work.k + extra_depth) / rate;
  const T memory = work.bytes / bandwidth;
  return launch + per_part * work.part_count + SmoothMax(compute, memory);
}

template <typename T>
T BandwidthSeconds(const WorkFeatures& work, const T* c) {
  using std::sqrt;
  const T& cached = c[0];
  const T& launch = c[1];
  const T& memory = c[2];
  const T& cache_bytes = c[3];
  // max(bytes - cache, 0), rounded over a tenth of the cache.
  const T beyond = work.bytes - cache_bytes;
  const T excess =
      0.5 * (beyond + sqrt(beyond * beyond + 0.01 * cache_bytes * cache_bytes));
  return launch + work.bytes / cached + excess / memory;
}

template <typename T>
T RoutingSeconds(const WorkFeatures& work, const T* c) {
  return c[2] + c[1] * work.router_elements + c[0] * work.moved_elements;
}

}  // namespace time_internal

// Seconds by a formula with its coefficients; T is double or a Dual.
template <typename T>
T FormulaSeconds(TimeFormula formula, const WorkFeatures& work, const T* c) {
  switch (formula) {
    case TimeFormula::kProduct:
      return time_internal::ProductSeconds(work, c);
    case TimeFormula::kBandwidth:
      return time_internal::BandwidthSeconds(work, c);
    case TimeFormula::kRouting:
      return time_internal::RoutingSeconds(work, c);
    case TimeFormula::kConstant:
      break;
  }
  return c[0];
}

}  // namespace moeplan

#endif  // MOEPLAN_CORE_CALIBRATION_TIME_FORMULA_H_
