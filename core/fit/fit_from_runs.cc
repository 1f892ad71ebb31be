#include "core/fit/fit_from_runs.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/fit/bootstrap.h"
#include "core/fit/family_fit.h"
#include "core/fit/fit_data.h"
#include "core/fit/fit_description.h"
#include "core/fit/fit_errors.h"
#include "core/fit/fitted_set.h"
#include "core/fit/identifiability.h"
#include "core/fit/suggested_runs.h"
#include "core/law/law_registry.h"

namespace moeplan {
namespace {

std::vector<std::optional<double>> CallerFixed(const FitOptions& options,
                                               const LawDescriptor& law) {
  std::vector<std::optional<double>> fixed(law.coefficients.size());
  for (const FixedCoefficient& each : options.fixed_coefficients) {
    if (!each.family.empty() && each.family != law.name) continue;
    for (size_t j = 0; j < fixed.size(); ++j) {
      if (law.coefficients[j].name == each.name) fixed[j] = each.value;
    }
  }
  return fixed;
}

// The fit of one family, from its runs to its report.
class FamilyFit {
 public:
  FamilyFit(const RunTable& table, const FitOptions& options,
            const FitContext& context, const LawFamily& family, int index)
      : table_(table),
        options_(options),
        context_(context),
        family_(family),
        split_(SplitRuns(table, options.hold_out, options.seed, family)) {
    progress_.family = family.descriptor().name;
    progress_.family_index = index;
    progress_.family_count = static_cast<int>(options.families.size());
    progress_.starts_total =
        options.start_count + (options.initial_coefficients.empty() ? 0 : 1);
    progress_.bootstrap_total = options.bootstrap_draw_count;
  }

  FitReport Run() {
    report_.family = family_.descriptor().name;
    report_.confidence = options_.confidence;
    report_.train_run_count = split_.train.size();
    report_.held_out_run_count = split_.held_out.size();
    report_.held_out_runs = split_.held_out.run_indices;
    if (split_.total_params_given && split_.total_params_derived) {
      report_.warnings.push_back(
          "total_params are given for some runs only; for the others they "
          "follow from the family's own accounting");
    }
    Tell();  // what follows until the first start may take a while
    identification_ = Identify(family_, split_.train,
                               CallerFixed(options_, family_.descriptor()));
    report_.reductions = identification_.reductions;
    AppendWarnings(identification_.warnings);
    report_.suggested_runs =
        RunsForReductions(split_.train, report_.reductions);
    if (identification_.refusal.has_value()) {
      report_.refusal = identification_.refusal;
      return std::move(report_);
    }
    const CoefficientSpace space(family_, identification_.fixed);
    Solve(space);
    return std::move(report_);
  }

 private:
  void AppendWarnings(const std::vector<std::string>& warnings) {
    report_.warnings.insert(report_.warnings.end(), warnings.begin(),
                            warnings.end());
  }

  void Tell() {
    if (context_.on_progress) context_.on_progress(progress_);
  }

  void Solve(const CoefficientSpace& space) {
    const SolvedFit solved = SolveFamily(
        space, split_.train, options_, context_, [this](double objective) {
          progress_.starts_done =
              std::min(progress_.starts_done + 1, progress_.starts_total);
          if (std::isfinite(objective) &&
              objective < progress_.best_objective.value_or(
                              std::numeric_limits<double>::infinity())) {
            progress_.best_objective = objective;
          }
          Tell();
        });
    const RobustLeastSquaresResult& best = solved.starts.best;
    if (IsInterrupted(context_.interrupter)) return;
    if (!std::isfinite(best.cost)) {
      report_.refusal = FitRefusal{IdentifiabilityIssue::kNotConverged,
                                   "no start led to a finite objective",
                                   "losses and sizes in the range of real runs",
                                   {}};
      return;
    }
    report_.objective = best.cost;
    report_.converged = best.outcome == SolveOutcome::kConverged;
    report_.start_count = solved.starts.start_count;
    report_.starts_converged = solved.starts.starts_converged;
    report_.starts_at_best = solved.starts.starts_at_best;
    Judge(space, best.x, solved.kept_legal);
  }

  void Judge(const CoefficientSpace& space, const std::vector<double>& x,
             bool kept_legal) {
    const std::vector<double> coefficients = space.Coefficients(x);
    AddFittedLosses(coefficients);
    report_.refusal = RefusalOfFittedLosses(table_, report_.fitted_losses);
    if (report_.refusal.has_value()) return;
    AddErrors(coefficients);
    const Uncertainty uncertainty = FindUncertainty(
        space, split_.train, x, options_.huber_delta, options_.residual);
    std::vector<std::vector<double>> draws = Bootstrap(space, x);
    if (IsInterrupted(context_.interrupter)) return;
    report_.bootstrap_draw_count = static_cast<int>(draws.size());
    DescribeCoefficients(space, x, identification_, uncertainty, draws,
                         report_);
    AppendWarnings(WarningsOf(report_, options_, kept_legal));
    for (SuggestedRun& run :
         RunsForUncertainty(space, split_.train, x, uncertainty,
                            report_.train_error.log_loss_rmse)) {
      report_.suggested_runs.push_back(std::move(run));
    }
    CoefficientSetSpec spec =
        MakeFittedSet(table_, family_, split_.train, identification_, report_,
                      std::move(draws));
    const auto created = CoefficientSet::Create(spec);
    if (created.ok()) {
      report_.coefficient_set = std::move(spec);
    } else {
      report_.warnings.push_back(
          absl::StrCat("the best fit is no usable law and makes no "
                       "coefficient set: ",
                       created.status().message()));
    }
  }

  void AddFittedLosses(const std::vector<double>& coefficients) {
    for (const TrainingRun& run : table_.runs()) {
      report_.fitted_losses.push_back(family_.Loss(
          coefficients, PointOf(run, table_.convention(), family_)));
    }
  }

  void AddErrors(const std::vector<double>& coefficients) {
    const std::vector<double> train =
        FittedLosses(family_, coefficients, split_.train);
    const std::vector<double> held_out =
        FittedLosses(family_, coefficients, split_.held_out);
    report_.train_error = ErrorOf(split_.train, train);
    if (split_.held_out.size() > 0) {
      report_.held_out_error = ErrorOf(split_.held_out, held_out);
    }
    report_.group_errors = GroupErrorsOf(split_.train, train, false);
    const std::vector<GroupFitError> more =
        GroupErrorsOf(split_.held_out, held_out, true);
    report_.group_errors.insert(report_.group_errors.end(), more.begin(),
                                more.end());
    report_.duplicate_log_loss_rmse = DuplicateSpread(split_.train);
    report_.outliers = FindOutliers(table_, split_, train, held_out);
  }

  std::vector<std::vector<double>> Bootstrap(const CoefficientSpace& space,
                                             const std::vector<double>& x) {
    if (options_.bootstrap_draw_count == 0 || x.empty()) return {};
    BootstrapOptions bootstrap;
    bootstrap.draw_count = options_.bootstrap_draw_count;
    bootstrap.by_group = options_.bootstrap_by_group;
    bootstrap.huber_delta = options_.huber_delta;
    bootstrap.residual = options_.residual;
    bootstrap.seed = options_.seed;
    bootstrap.interrupter = context_.interrupter;
    bootstrap.parallel_for = context_.parallel_for;
    bootstrap.on_draw_done = [this] {
      ++progress_.bootstrap_done;
      Tell();
    };
    return DrawBootstrap(space, split_.train, x, bootstrap);
  }

  const RunTable& table_;
  const FitOptions& options_;
  const FitContext& context_;
  const LawFamily& family_;
  const SplitData split_;
  Identification identification_;
  FitProgress progress_;
  FitReport report_;
};

}  // namespace

absl::StatusOr<std::vector<FitReport>> FitFromRuns(const RunTable& table,
                                                   const FitOptions& options,
                                                   const FitContext& context) {
  Violations violations;
  CheckFitOptions(options, table, FieldPath(), violations);
  if (!violations.empty()) return violations.ToStatus();
  FitContext surroundings = context;
  if (!surroundings.parallel_for) surroundings.parallel_for = SerialFor();
  std::vector<FitReport> reports;
  for (size_t i = 0; i < options.families.size(); ++i) {
    const LawFamily* family = FindLawFamily(options.families[i]);
    reports.push_back(
        FamilyFit(table, options, surroundings, *family, static_cast<int>(i))
            .Run());
    if (IsInterrupted(context.interrupter)) {
      return absl::CancelledError("the fit was interrupted");
    }
  }
  return reports;
}

}  // namespace moeplan
