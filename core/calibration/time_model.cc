#include "core/calibration/time_model.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/statistics.h"
#include "core/calibration/model_operations.h"
#include "core/calibration/time_fit.h"
#include "core/calibration/time_formula.h"

namespace moeplan {
namespace {

TimeFormula FormulaOf(OperationKind kind) {
  switch (kind) {
    case OperationKind::kGemm:
    case OperationKind::kGroupedGemm:
    case OperationKind::kAttention:
      return TimeFormula::kProduct;
    case OperationKind::kRouting:
      return TimeFormula::kRouting;
    case OperationKind::kElementwise:
    case OperationKind::kCrossEntropy:
    case OperationKind::kOptimizer:
    case OperationKind::kCopy:
      return TimeFormula::kBandwidth;
    case OperationKind::kLaunch:
    case OperationKind::kMoeBlock:
      break;
  }
  return TimeFormula::kConstant;
}

std::string ClassName(const Operation& operation) {
  const absl::string_view name = NameOf(KindOf(operation));
  if (const auto* grouped = std::get_if<GroupedGemm>(&operation)) {
    switch (grouped->pass) {
      case GemmPass::kForward:
        return absl::StrCat(name, ".forward");
      case GemmPass::kInputGradient:
        return absl::StrCat(name, ".input_gradient");
      case GemmPass::kWeightGradient:
        return absl::StrCat(name, ".weight_gradient");
    }
  }
  const auto* attention = std::get_if<AttentionCore>(&operation);
  const auto* routing = std::get_if<Routing>(&operation);
  if (attention != nullptr || routing != nullptr) {
    const bool backward =
        attention != nullptr ? attention->backward : routing->backward;
    return absl::StrCat(name, backward ? ".backward" : ".forward");
  }
  return std::string(name);
}

// The classes that can answer for `operation`, the best one first.
std::vector<std::string> ClassesFor(const Operation& operation) {
  const std::string own = ClassName(operation);
  switch (KindOf(operation)) {
    case OperationKind::kGroupedGemm:
      return {own, "grouped_gemm.forward", "gemm"};
    case OperationKind::kAttention:
      return {own, "attention.forward", "gemm"};
    case OperationKind::kRouting:
      return {own, "routing.forward", "elementwise", "copy"};
    case OperationKind::kElementwise:
    case OperationKind::kCrossEntropy:
    case OperationKind::kOptimizer:
      return {own, "elementwise", "copy"};
    case OperationKind::kCopy:
      return {own, "elementwise"};
    default:
      return {own};
  }
}

// Decades by which `value` lies outside [least, most]; 0 for no work at all.
double DecadesOutside(double value, double least, double most) {
  if (value <= 0 || most <= 0) return 0;
  if (value < least) return std::log10(least / value);
  if (value > most) return std::log10(value / most);
  return 0;
}

std::vector<double> Values(const OperationFit& fit) {
  std::vector<double> values;
  for (const NamedValue& each : fit.coefficients) values.push_back(each.value);
  return values;
}

// What passed in `dtype`. A suite may measure one operation by several
// backends, the device's choice first: plans are made with that one.
std::vector<const Measurement*> FittedOf(const Calibration& calibration,
                                         const std::string& dtype) {
  std::vector<const Measurement*> fitted;
  std::map<std::string, std::string> backends;
  for (const Measurement& one : calibration.measurements) {
    if (one.disposition != Disposition::kPassed || !one.timing.has_value() ||
        one.dtype != dtype) {
      continue;
    }
    const auto [first, is_new] =
        backends.emplace(DescribeOperation(one.operation), one.backend);
    if (is_new || first->second == one.backend) fitted.push_back(&one);
  }
  return fitted;
}

}  // namespace

const OperationFit* TimeModel::FitFor(const Operation& operation) const {
  for (const std::string& name : ClassesFor(operation)) {
    for (const OperationFit& fit : fits_) {
      if (fit.operation_class == name) return &fit;
    }
  }
  return nullptr;
}

PredictedTime TimeModel::Predict(const Operation& operation) const {
  if (const auto* block = std::get_if<MoeBlock>(&operation)) {
    PredictedTime sum = {.operation_class = "moe_block"};
    for (const RepeatedOperation& part : MoeBlockOperations(*block)) {
      const PredictedTime time = Predict(part.operation);
      sum.seconds += block_ratio_ * part.count * time.seconds;
      sum.extrapolation_decades =
          std::max(sum.extrapolation_decades, time.extrapolation_decades);
    }
    return sum;
  }
  const OperationFit* fit = FitFor(operation);
  // Only an empty launch may be missing; then it is free.
  if (fit == nullptr) return {};
  const WorkFeatures work = FeaturesOf(operation, element_bytes_);
  const std::vector<double> values = Values(*fit);
  return {.seconds = FormulaSeconds(fit->formula, work, values.data()),
          .extrapolation_decades = std::max(
              DecadesOutside(work.flops, fit->least_flops, fit->most_flops),
              DecadesOutside(work.bytes, fit->least_bytes, fit->most_bytes)),
          .operation_class = fit->operation_class};
}

void TimeModel::FitBlockRatio(const std::vector<const Measurement*>& fitted) {
  std::vector<double> ratios;
  for (const Measurement* one : fitted) {
    if (KindOf(one->operation) != OperationKind::kMoeBlock) continue;
    ratios.push_back(one->timing->median_seconds /
                     Predict(one->operation).seconds);
  }
  block_count_ = static_cast<int>(ratios.size());
  if (!ratios.empty()) block_ratio_ = Median(ratios);
}

absl::StatusOr<TimeModel> TimeModel::Fit(const Calibration& calibration,
                                         const std::string& dtype,
                                         const Interrupter* interrupter) {
  if (calibration.conditions.regime != MeasuringRegime::kSustained) {
    return absl::FailedPreconditionError(
        "it was measured in the burst regime, from idle; plans use the "
        "sustained regime only, for training runs for weeks");
  }
  TimeModel model;
  model.dtype_ = dtype;
  model.element_bytes_ = ElementBytes(dtype);
  std::map<std::string, std::vector<TimedWork>> classes;
  std::map<std::string, TimeFormula> formulas;
  const std::vector<const Measurement*> fitted = FittedOf(calibration, dtype);
  for (const Measurement* one : fitted) {
    const OperationKind kind = KindOf(one->operation);
    if (kind == OperationKind::kMoeBlock) continue;
    const std::string name = ClassName(one->operation);
    formulas[name] = FormulaOf(kind);
    classes[name].push_back(
        {.shape = DescribeOperation(one->operation),
         .work = FeaturesOf(one->operation, model.element_bytes_),
         .seconds = one->timing->median_seconds});
  }
  if (!classes.contains("gemm") ||
      !(classes.contains("copy") || classes.contains("elementwise"))) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the calibration has no passed measurement in ", dtype,
        " of a dense product, or none of a copy or element-wise operation: no "
        "time can be predicted"));
  }
  for (const auto& [name, timed] : classes) {
    auto fit = FitTimes(formulas[name], timed, interrupter);
    if (!fit.ok()) return fit.status();
    fit->operation_class = name;
    model.fits_.push_back(*std::move(fit));
  }
  model.FitBlockRatio(fitted);
  return model;
}

}  // namespace moeplan
