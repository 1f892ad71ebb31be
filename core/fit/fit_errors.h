#ifndef MOEPLAN_CORE_FIT_FIT_ERRORS_H_
#define MOEPLAN_CORE_FIT_FIT_ERRORS_H_

#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "core/fit/fit_data.h"
#include "core/fit/fit_report.h"

namespace moeplan {

// Losses of the law at the points of `data`.
std::vector<double> FittedLosses(const LawFamily& family,
                                 absl::Span<const double> coefficients,
                                 const FitData& data);

// Why a law with these losses, one per run of `table`, cannot be reported: at
// some run its loss is not above 0, not finite or so large that its square is
// not (a run of 1e-100 parameters, held out). Nothing where all is well.
std::optional<FitRefusal> RefusalOfFittedLosses(
    const RunTable& table, absl::Span<const double> fitted);

// Errors, fitted minus measured. Weights play no part.
FitError ErrorOf(const FitData& data, absl::Span<const double> fitted);

// The same by group, in order of first appearance; empty without groups.
std::vector<GroupFitError> GroupErrorsOf(const FitData& data,
                                         absl::Span<const double> fitted,
                                         bool held_out);

// Pooled standard deviation of ln loss within points that several runs share;
// nothing where no point is shared.
std::optional<double> DuplicateSpread(const FitData& data);

// Runs of either part whose ln loss is off by more than five robust spreads (of
// the training residuals: 1.4826 times their median absolute value), largest
// first, at most 20.
std::vector<OutlierRun> FindOutliers(const RunTable& table,
                                     const SplitData& split,
                                     absl::Span<const double> fitted_train,
                                     absl::Span<const double> fitted_held_out);

}  // namespace moeplan

#endif  // MOEPLAN_CORE_FIT_FIT_ERRORS_H_
