#ifndef MOEPLAN_CORE_FIT_UNCERTAINTY_H_
#define MOEPLAN_CORE_FIT_UNCERTAINTY_H_

#include <optional>
#include <vector>

#include "Eigen/Core"
#include "absl/types/span.h"
#include "core/fit/coefficient_space.h"
#include "core/fit/fit_data.h"

namespace moeplan {

// Where condition numbers end: rounding hides what lies beyond.
inline constexpr double kSingularCondition = 1e13;

// How well the runs pin down the inner coordinates of a fit (those on an edge
// are taken as known).
struct Uncertainty {
  std::vector<int> inner;  // indices into the space
  // Singular values' ratio of the weighted Jacobian of the inner coordinates,
  // columns scaled to unit length; kSingularCondition when singular, 1 without
  // any. Finite, for it is a part of answers.
  double condition_number = 1;
  // Of the inner coordinates, finite; absent when singular or without spare
  // runs.
  std::optional<Eigen::MatrixXd> covariance;
};

// Gauss-Newton covariance s^2 V(delta / s) (J^T W J)^-1 with s the residual
// spread over the degrees of freedom and V the loss of efficiency of Huber's
// estimator at normal residuals (Huber 1964: pi / 2 for small delta, 1 for
// large).
Uncertainty FindUncertainty(const CoefficientSpace& space, const FitData& data,
                            absl::Span<const double> x, double huber_delta,
                            FitResidual residual);

// V above; k = delta / s > 0.
double HuberVarianceFactor(double k);

}  // namespace moeplan

#endif  // MOEPLAN_CORE_FIT_UNCERTAINTY_H_
