#include "core/fit/fit_errors.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "core/base/checked.h"
#include "core/base/statistics.h"

namespace moeplan {
namespace {

constexpr double kOutlierSpreads = 5;
constexpr size_t kMaxOutliers = 20;
// A fit without noise would call rounding errors outliers.
constexpr double kLeastSpread = 1e-6;
// The squares of as many as a table holds sum to a finite number.
constexpr double kLargestFittedLoss = 1e150;

FitError ErrorOfSome(const FitData& data, absl::Span<const double> fitted,
                     const std::vector<size_t>& indices) {
  std::vector<double> errors;
  std::vector<double> log_errors;
  for (const size_t i : indices) {
    errors.push_back(fitted[i] - std::exp(data.log_losses[i]));
    log_errors.push_back(std::log(fitted[i]) - data.log_losses[i]);
  }
  FitError error;
  error.run_count = static_cast<int64_t>(indices.size());
  if (indices.empty()) return error;
  error.loss_rmse = RootMeanSquare(errors);
  error.log_loss_rmse = RootMeanSquare(log_errors);
  error.loss_bias = Mean(errors);
  error.loss_max_error = MaxAbsolute(errors);
  return error;
}

void AddOutliers(const RunTable& table, const FitData& data,
                 absl::Span<const double> fitted, double spread, bool held_out,
                 std::vector<OutlierRun>& outliers) {
  for (size_t i = 0; i < fitted.size(); ++i) {
    const double score = (std::log(fitted[i]) - data.log_losses[i]) / spread;
    if (!(std::abs(score) > kOutlierSpreads)) continue;
    const int64_t run = data.run_indices[i];
    outliers.push_back({.run_index = run,
                        .tag = table[run].tag,
                        .held_out = held_out,
                        .loss = table[run].loss,
                        .fitted_loss = fitted[i],
                        .standardised_residual = score});
  }
}

}  // namespace

std::vector<double> FittedLosses(const LawFamily& family,
                                 absl::Span<const double> coefficients,
                                 const FitData& data) {
  std::vector<double> losses;
  losses.reserve(data.points.size());
  for (const LawPoint<double>& point : data.points) {
    losses.push_back(family.Loss(coefficients, point));
  }
  return losses;
}

std::optional<FitRefusal> RefusalOfFittedLosses(
    const RunTable& table, absl::Span<const double> fitted) {
  for (size_t i = 0; i < fitted.size(); ++i) {
    if (IsPositiveFinite(fitted[i]) && fitted[i] <= kLargestFittedLoss) {
      continue;
    }
    const TrainingRun& run = table[static_cast<int64_t>(i)];
    return FitRefusal{IdentifiabilityIssue::kNotConverged,
                      absl::StrCat("the law that fits best gives run ", i,
                                   " (active_params = ", run.active_params,
                                   ", training_tokens = ", run.training_tokens,
                                   ") no loss that numbers can hold"),
                      "losses and sizes in the range of real runs",
                      {}};
  }
  return std::nullopt;
}

FitError ErrorOf(const FitData& data, absl::Span<const double> fitted) {
  std::vector<size_t> all(fitted.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = i;
  return ErrorOfSome(data, fitted, all);
}

std::vector<GroupFitError> GroupErrorsOf(const FitData& data,
                                         absl::Span<const double> fitted,
                                         bool held_out) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<size_t>> indices;
  for (size_t i = 0; i < data.groups.size(); ++i) {
    std::vector<size_t>& members = indices[data.groups[i]];
    if (members.empty()) order.push_back(data.groups[i]);
    members.push_back(i);
  }
  std::vector<GroupFitError> errors;
  if (order.empty() || (order.size() == 1 && order[0].empty())) return errors;
  for (const std::string& group : order) {
    errors.push_back(
        {group, held_out, ErrorOfSome(data, fitted, indices[group])});
  }
  return errors;
}

std::optional<double> DuplicateSpread(const FitData& data) {
  std::map<std::tuple<double, double, double, double>, std::vector<double>>
      by_point;
  for (size_t i = 0; i < data.points.size(); ++i) {
    const LawPoint<double>& p = data.points[i];
    by_point[{p.params, p.training_tokens, p.expansion_rate, p.granularity}]
        .push_back(data.log_losses[i]);
  }
  double sum = 0;
  double degrees = 0;
  for (const auto& [point, losses] : by_point) {
    if (losses.size() < 2) continue;
    const auto spare = static_cast<double>(losses.size() - 1);
    sum += spare * SampleVariance(losses);
    degrees += spare;
  }
  if (degrees == 0) return std::nullopt;
  return std::sqrt(sum / degrees);
}

std::vector<OutlierRun> FindOutliers(const RunTable& table,
                                     const SplitData& split,
                                     absl::Span<const double> fitted_train,
                                     absl::Span<const double> fitted_held_out) {
  std::vector<double> sizes;
  for (size_t i = 0; i < fitted_train.size(); ++i) {
    sizes.push_back(
        std::abs(std::log(fitted_train[i]) - split.train.log_losses[i]));
  }
  std::vector<OutlierRun> outliers;
  if (sizes.empty()) return outliers;
  const double spread = std::max(1.4826 * Median(sizes), kLeastSpread);
  AddOutliers(table, split.train, fitted_train, spread, false, outliers);
  AddOutliers(table, split.held_out, fitted_held_out, spread, true, outliers);
  std::stable_sort(outliers.begin(), outliers.end(),
                   [](const OutlierRun& a, const OutlierRun& b) {
                     return std::abs(a.standardised_residual) >
                            std::abs(b.standardised_residual);
                   });
  if (outliers.size() > kMaxOutliers) outliers.resize(kMaxOutliers);
  return outliers;
}

}  // namespace moeplan
