#ifndef MOEPLAN_CORE_CALIBRATION_TIME_FIT_H_
#define MOEPLAN_CORE_CALIBRATION_TIME_FIT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/interrupter.h"
#include "core/calibration/time_formula.h"
#include "core/calibration/time_model.h"

namespace moeplan {

// The measured time of one operation.
struct TimedWork {
  std::string shape;  // equal for equal shapes, which are held out together
  WorkFeatures work;
  double seconds = 0;  // > 0
};

// Fits the coefficients of `formula` to at least one time, and its error on
// shapes held out. The first n / 2 coefficients (at least one) are fitted, from
// several starts; the rest are neutral.
// Errors: CANCELLED.
absl::StatusOr<OperationFit> FitTimes(TimeFormula formula,
                                      const std::vector<TimedWork>& timed,
                                      const Interrupter* interrupter);

}  // namespace moeplan

#endif  // MOEPLAN_CORE_CALIBRATION_TIME_FIT_H_
