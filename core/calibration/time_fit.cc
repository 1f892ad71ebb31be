#include "core/calibration/time_fit.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "core/base/statistics.h"
#include "core/solve/dual.h"
#include "core/solve/robust_least_squares.h"

namespace moeplan {
namespace {

// Residuals within 3 % count by their square, those beyond by their size.
constexpr double kHuberDelta = 0.03;
constexpr int kFolds = 4;
constexpr size_t kLeastForHoldOut = 8;

// log(predicted / measured) over the logarithms of the active coefficients.
class TimeResiduals final : public ResidualModel {
 public:
  TimeResiduals(TimeFormula formula, const std::vector<TimedWork>& timed,
                int active_count)
      : formula_(formula),
        timed_(timed),
        specs_(CoefficientsOf(formula)),
        active_count_(active_count) {}

  int parameter_count() const override { return active_count_; }
  int residual_count() const override {
    return static_cast<int>(timed_.size());
  }

  bool Evaluate(absl::Span<const double> x, absl::Span<double> residuals,
                absl::Span<double> jacobian) const override {
    // Derivatives cost as much as they are many; values have the same bits with
    // any number of them.
    if (jacobian.empty()) return EvaluateAs<0>(x, residuals, jacobian);
    if (x.size() <= 4) return EvaluateAs<4>(x, residuals, jacobian);
    return EvaluateAs<kMostTimeCoefficients>(x, residuals, jacobian);
  }

 private:
  // With the derivatives in the first n coefficients.
  template <int n>
  bool EvaluateAs(absl::Span<const double> x, absl::Span<double> residuals,
                  absl::Span<double> jacobian) const {
    std::array<Dual<n>, kMostTimeCoefficients> c;
    for (size_t j = 0; j < specs_.size(); ++j) {
      const bool active = j < x.size();
      c[j] = Dual<n>(active ? std::exp(x[j]) : specs_[j].neutral);
      // d exp(x) / d x = exp(x)
      if (n > 0 && active) c[j].v[static_cast<Eigen::Index>(j)] = c[j].a;
    }
    for (size_t i = 0; i < timed_.size(); ++i) {
      const Dual<n> seconds =
          FormulaSeconds(formula_, timed_[i].work, c.data());
      if (!(seconds.a > 0) || !std::isfinite(seconds.a)) return false;
      residuals[i] = std::log(seconds.a / timed_[i].seconds);
      for (size_t j = 0; j < x.size() && !jacobian.empty(); ++j) {
        jacobian[i * x.size() + j] =
            seconds.v[static_cast<Eigen::Index>(j)] / seconds.a;
      }
    }
    return true;
  }

  const TimeFormula formula_;
  const std::vector<TimedWork>& timed_;
  const absl::Span<const CoefficientSpec> specs_;
  const int active_count_;
};

// Rates start at the best seen, times at half the shortest, the rest in the
// middle of their ranges: `position` says where in it.
std::vector<double> StartOf(absl::Span<const CoefficientSpec> specs,
                            size_t active_count,
                            const std::vector<TimedWork>& timed,
                            double position) {
  double flop_rate = 0;
  double byte_rate = 0;
  double shortest = std::numeric_limits<double>::infinity();
  for (const TimedWork& each : timed) {
    flop_rate = std::max(flop_rate, each.work.flops / each.seconds);
    byte_rate = std::max(byte_rate, each.work.bytes / each.seconds);
    shortest = std::min(shortest, each.seconds);
  }
  std::vector<double> start;
  for (size_t j = 0; j < active_count; ++j) {
    const CoefficientSpec& spec = specs[j];
    double value = spec.least * std::pow(spec.most / spec.least, position);
    if (spec.name == "flops_per_second") value = flop_rate;
    if (spec.name == "bytes_per_second") value = byte_rate;
    if (spec.name == "cached_bytes_per_second") value = byte_rate;
    if (spec.name == "beyond_cache_bytes_per_second") value = 2 * byte_rate;
    if (spec.name == "launch_seconds") value = shortest / 2;
    start.push_back(std::log(std::clamp(value, spec.least, spec.most)));
  }
  return start;
}

// All coefficients, the inactive ones neutral.
absl::StatusOr<std::vector<double>> Coefficients(
    TimeFormula formula, const std::vector<TimedWork>& timed,
    const Interrupter* interrupter) {
  const absl::Span<const CoefficientSpec> specs = CoefficientsOf(formula);
  const size_t active_count =
      std::clamp<size_t>(timed.size() / 2, 1, specs.size());
  const TimeResiduals residuals(formula, timed, static_cast<int>(active_count));
  std::vector<double> lower;
  std::vector<double> upper;
  for (size_t j = 0; j < active_count; ++j) {
    lower.push_back(std::log(specs[j].least));
    upper.push_back(std::log(specs[j].most));
  }
  RobustLeastSquaresOptions options;
  options.huber_delta = kHuberDelta;
  options.lower = lower;
  options.upper = upper;
  options.interrupter = interrupter;
  RobustLeastSquaresResult best;
  for (const double position : {0.2, 0.4, 0.6, 0.8}) {
    RobustLeastSquaresResult result = SolveRobustLeastSquares(
        residuals, StartOf(specs, active_count, timed, position), options);
    if (result.outcome == SolveOutcome::kInterrupted) {
      return absl::CancelledError("the fit of times was interrupted");
    }
    if (result.cost < best.cost) best = std::move(result);
  }
  if (best.x.empty()) {
    return absl::InternalError("no start of a fit of times was finite");
  }
  std::vector<double> values;
  for (size_t j = 0; j < specs.size(); ++j) {
    values.push_back(j < active_count ? std::exp(best.x[j]) : specs[j].neutral);
  }
  return values;
}

// FNV-1a, the same on every machine.
uint64_t HashOf(const std::string& text) {
  uint64_t hash = 14695981039346656037u;
  for (const char each : text) {
    hash = (hash ^ static_cast<unsigned char>(each)) * 1099511628211u;
  }
  // Its low bits hardly differ for texts that differ at the end.
  return hash ^ (hash >> 29);
}

// |predicted / measured - 1| of each time, by coefficients fitted without its
// shape; those of shapes without which nothing is left are missing.
absl::StatusOr<std::vector<double>> HeldOutErrors(
    TimeFormula formula, const std::vector<TimedWork>& timed,
    const Interrupter* interrupter) {
  std::vector<double> errors;
  for (uint64_t fold = 0; fold < kFolds; ++fold) {
    std::vector<TimedWork> kept;
    std::vector<TimedWork> left_out;
    for (const TimedWork& each : timed) {
      (HashOf(each.shape) % kFolds == fold ? left_out : kept).push_back(each);
    }
    if (kept.empty() || left_out.empty()) continue;
    const auto values = Coefficients(formula, kept, interrupter);
    if (!values.ok()) return values.status();
    for (const TimedWork& each : left_out) {
      const double seconds = FormulaSeconds(formula, each.work, values->data());
      errors.push_back(std::abs(seconds / each.seconds - 1));
    }
  }
  return errors;
}

void AddRange(const std::vector<TimedWork>& timed, OperationFit& fit) {
  fit.least_flops = fit.least_bytes = std::numeric_limits<double>::infinity();
  for (const TimedWork& each : timed) {
    fit.least_flops = std::min(fit.least_flops, each.work.flops);
    fit.most_flops = std::max(fit.most_flops, each.work.flops);
    fit.least_bytes = std::min(fit.least_bytes, each.work.bytes);
    fit.most_bytes = std::max(fit.most_bytes, each.work.bytes);
  }
}

}  // namespace

absl::StatusOr<OperationFit> FitTimes(TimeFormula formula,
                                      const std::vector<TimedWork>& timed,
                                      const Interrupter* interrupter) {
  OperationFit fit;
  fit.formula = formula;
  fit.measurement_count = static_cast<int>(timed.size());
  const auto values = Coefficients(formula, timed, interrupter);
  if (!values.ok()) return values.status();
  const absl::Span<const CoefficientSpec> specs = CoefficientsOf(formula);
  for (size_t j = 0; j < specs.size(); ++j) {
    fit.coefficients.push_back({std::string(specs[j].name), (*values)[j]});
  }
  AddRange(timed, fit);
  if (timed.size() >= kLeastForHoldOut) {
    const auto errors = HeldOutErrors(formula, timed, interrupter);
    if (!errors.ok()) return errors.status();
    if (!errors->empty()) {
      fit.held_out_median_error = Median(*errors);
      fit.held_out_mean_error = Mean(*errors);
      fit.held_out_worst_error =
          *std::max_element(errors->begin(), errors->end());
    }
  }
  return fit;
}

}  // namespace moeplan
