#ifndef MOEPLAN_CORE_FIT_FIT_REPORT_H_
#define MOEPLAN_CORE_FIT_FIT_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/law/coefficient_set.h"
#include "core/law/law_point.h"

namespace moeplan {

// Where a coefficient ended.
enum class CoefficientState {
  kFitted,    // an inner optimum
  kAtLowest,  // on the lowest legal value: the data would go further
  kAtHighest,
  kFixed,    // by the caller
  kReduced,  // the runs cannot determine it; see FitReport::reductions
};

// On what an interval rests.
enum class CoefficientIntervalBasis {
  kNone,         // fixed, reduced, on an edge, or too few runs
  kBootstrap,    // percentiles of the bootstrap draws
  kGaussNewton,  // asymptotic normal interval from the Jacobian
};

struct FittedCoefficient {
  std::string name;
  double value = 0;
  CoefficientState state = CoefficientState::kFitted;
  CoefficientIntervalBasis interval_basis = CoefficientIntervalBasis::kNone;
  double lower = 0;  // meaningless without an interval basis
  double upper = 0;
  std::optional<double> standard_error;  // Gauss-Newton, of the value itself
};

// Error of the fitted law on some runs.
// (fitted minus measured).
struct FitError {
  int64_t run_count = 0;
  double loss_rmse = 0;       // nats per token
  double log_loss_rmse = 0;   // of ln(loss)
  double loss_bias = 0;       // mean error, nats per token
  double loss_max_error = 0;  // largest absolute error, nats per token
};

struct GroupFitError {
  std::string group;
  bool held_out = false;
  FitError error;
};

struct OutlierRun {
  int64_t run_index = 0;  // in the table
  std::string tag;
  bool held_out = false;
  double loss = 0;
  double fitted_loss = 0;
  // Residual of ln loss over the robust spread of all training residuals.
  double standardised_residual = 0;
};

// Why runs cannot determine a law, or a part of it.
enum class IdentifiabilityIssue {
  kTooFewRuns,         // not more different points than free coefficients
  kOneTrainingTokens,  // all runs have one number of training tokens
  kOneSize,
  kFewExpansionRates,  // one, or too few different ones
  kFewGranularities,
  kVariableNotInLaw,  // the runs vary in a variable that the family lacks
  kCollinear,         // two variables rise together
  kSingular,          // some combination of coefficients stays open
  kNotConverged,      // no start led to finite figures
};

// A part of the law that the runs cannot determine, and what was done: the
// coefficients were set to their neutral values, and where the runs show only
// one value of a variable, the set knows only that value.
struct Reduction {
  IdentifiabilityIssue issue = IdentifiabilityIssue::kSingular;
  std::vector<std::string> coefficients;
  std::string reason;       // one sentence
  std::string needed_runs;  // what runs would determine them, one sentence
  std::optional<LawVariable> fixed_variable;
  double fixed_value = 0;  // of fixed_variable
};

// The data cannot carry this law, whatever the solver does.
struct FitRefusal {
  IdentifiabilityIssue issue = IdentifiabilityIssue::kTooFewRuns;
  std::string message;                    // one sentence
  std::string needed_runs;                // one sentence
  std::vector<std::string> coefficients;  // those left open, if known
};

// A run that would tell most about what the fit is unsure of.
struct SuggestedRun {
  double active_params = 0;
  double training_tokens = 0;
  double expansion_rate = 1;
  double granularity = 1;
  double train_flops = 0;                 // 6 N_active D, a guide to its cost
  std::vector<std::string> coefficients;  // those it helps with
  std::string reason;                     // one sentence
};

// The outcome of fitting one law family to one run table.
struct FitReport {
  std::string family;  // LawDescriptor::name
  std::optional<FitRefusal> refusal;

  // Everything below is of a fit that was not refused (reductions and warnings
  // may also accompany a refusal).

  // In the family's order.
  std::vector<FittedCoefficient> coefficients;
  // Correlation of the fitted ones (kFitted), row-major, names in
  // `correlation_names`; from the Gauss-Newton matrix.
  std::vector<std::string> correlation_names;
  std::vector<double> correlation;
  double confidence = 0.9;  // of the intervals

  // Sum over the training runs of weight * Huber(residual), 0.5 r^2 inside,
  // delta (|r| - delta / 2) outside.
  double objective = 0;
  int start_count = 0;
  int starts_converged = 0;  // to some local optimum
  // Starts that ended within 1e-6 (relative) of the best objective.
  int starts_at_best = 0;
  bool converged = false;  // the best start reached a stationary point
  // Of the Jacobian of the fitted coefficients with columns scaled to unit
  // length, 1e13 where they are singular; above about 1e6 the digits of
  // coefficients mean little, predictions inside the box still do.
  double condition_number = 0;

  int64_t train_run_count = 0;
  int64_t held_out_run_count = 0;
  FitError train_error;
  std::optional<FitError> held_out_error;
  // By group, in order of first appearance; empty where no run has a group.
  std::vector<GroupFitError> group_errors;
  // Pooled spread of ln loss among runs of the same point; what no law can
  // explain.
  std::optional<double> duplicate_log_loss_rmse;
  std::vector<int64_t> held_out_runs;  // indices, ascending
  // Of every run of the table in its order.
  std::vector<double> fitted_losses;

  std::vector<OutlierRun> outliers;  // largest first, at most 20
  std::vector<Reduction> reductions;
  std::vector<std::string> warnings;
  std::vector<SuggestedRun> suggested_runs;

  // Draws that converged, of those asked for.
  int bootstrap_draw_count = 0;

  // The result as a set that can be created and stored: domain box, fixed
  // variables, residual error, draws, source "fit of run table <hash>",
  // caveats. Its id is "fit-<family>-<hash>"; the caller may give another.
  // Absent with a refusal, and where the best fit is no legal law (a loss that
  // rises with size); `warnings` then say so.
  std::optional<CoefficientSetSpec> coefficient_set;
};

}  // namespace moeplan

#endif  // MOEPLAN_CORE_FIT_FIT_REPORT_H_
