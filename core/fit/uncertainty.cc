#include "core/fit/uncertainty.h"

#include <cmath>
#include <numbers>
#include <utility>

#include "Eigen/QR"
#include "Eigen/SVD"

namespace moeplan {
namespace {

using Matrix =
    Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr double kOnEdge = 1e-9;

std::vector<int> InnerCoordinates(const CoefficientSpace& space,
                                  absl::Span<const double> x) {
  std::vector<int> inner;
  for (int i = 0; i < space.free_count(); ++i) {
    const auto index = static_cast<size_t>(i);
    if (x[index] > space.lower()[index] + kOnEdge &&
        x[index] < space.upper()[index] - kOnEdge) {
      inner.push_back(i);
    }
  }
  return inner;
}

// Weighted variance of the residuals over the degrees of freedom; none without
// spare runs.
std::optional<double> ResidualVariance(absl::Span<const double> residuals,
                                       const FitData& data, size_t inner) {
  if (residuals.size() <= inner) return std::nullopt;
  double sum = 0;
  double weight = 0;
  for (size_t i = 0; i < residuals.size(); ++i) {
    sum += data.weights[i] * residuals[i] * residuals[i];
    weight += data.weights[i];
  }
  const auto count = static_cast<double>(residuals.size());
  return sum / weight * count / (count - static_cast<double>(inner));
}

}  // namespace

double HuberVarianceFactor(double k) {
  if (k > 30) return 1;
  const double density =
      std::exp(-0.5 * k * k) / std::sqrt(2 * std::numbers::pi);
  const double inside = std::erf(k / std::numbers::sqrt2);
  if (k < 1e-4) return std::numbers::pi / 2;
  const double variance = inside - 2 * k * density + k * k * (1 - inside);
  return variance / (inside * inside);
}

Uncertainty FindUncertainty(const CoefficientSpace& space, const FitData& data,
                            absl::Span<const double> x, double huber_delta,
                            FitResidual residual) {
  Uncertainty found;
  found.inner = InnerCoordinates(space, x);
  if (found.inner.empty()) return found;
  const LawResiduals model(space, data, residual);
  std::vector<double> residuals(static_cast<size_t>(data.size()));
  Matrix all(data.size(), space.free_count());
  if (!model.Evaluate(
          x, absl::MakeSpan(residuals),
          absl::MakeSpan(all.data(), static_cast<size_t>(all.size())))) {
    found.condition_number = kSingularCondition;
    return found;
  }
  const auto size = static_cast<Eigen::Index>(found.inner.size());
  Eigen::MatrixXd jacobian(data.size(), size);
  Eigen::VectorXd scale(size);
  const Eigen::VectorXd root_weights =
      Eigen::Map<const Eigen::VectorXd>(data.weights.data(), data.size())
          .cwiseSqrt();
  for (Eigen::Index j = 0; j < size; ++j) {
    jacobian.col(j) =
        root_weights.cwiseProduct(all.col(found.inner[static_cast<size_t>(j)]));
    const double length = jacobian.col(j).norm();
    scale[j] = length > 0 ? 1 / length : 1;
    jacobian.col(j) *= scale[j];
  }
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(jacobian);
  const Eigen::MatrixXd triangle =
      qr.matrixQR()
          .topRows(std::min<Eigen::Index>(data.size(), size))
          .triangularView<Eigen::Upper>();
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(triangle, Eigen::ComputeFullV);
  const Eigen::VectorXd& values = svd.singularValues();
  const double least = values.size() < size ? 0 : values[values.size() - 1];
  if (!(kSingularCondition * least > values[0])) {
    found.condition_number = kSingularCondition;
    return found;
  }
  found.condition_number = values[0] / least;
  const std::optional<double> variance =
      ResidualVariance(residuals, data, found.inner.size());
  if (!variance.has_value()) return found;
  const double spread = std::sqrt(*variance);
  const double factor =
      spread > 0 ? HuberVarianceFactor(huber_delta / spread) : 1;
  const Eigen::MatrixXd half =
      scale.asDiagonal() * svd.matrixV() * values.cwiseInverse().asDiagonal();
  Eigen::MatrixXd covariance = *variance * factor * half * half.transpose();
  if (covariance.allFinite()) found.covariance = std::move(covariance);
  return found;
}

}  // namespace moeplan
