#ifndef MOEPLAN_WORKER_REPORT_PICTURES_H_
#define MOEPLAN_WORKER_REPORT_PICTURES_H_

#include <string>

#include "core/calibration/measurement.h"
#include "core/calibration/time_model.h"

namespace moeplan::worker {

// FLOP/s of each passed product, attention and whole block over its FLOPs per
// byte, below the roof of the fastest product and the fastest copy. SVG.
std::string DrawRoofline(const Calibration& calibration,
                         const std::string& dtype);

// Rate of dense and grouped products as a share of the fastest product, over
// the rows of a product (mean of the experts that have rows). SVG.
std::string DrawEfficiency(const Calibration& calibration,
                           const std::string& dtype);

// Times by the model over times measured, for all passed cases. SVG.
std::string DrawFit(const Calibration& calibration, const TimeModel& model);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_REPORT_PICTURES_H_
