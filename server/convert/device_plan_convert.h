#ifndef MOEPLAN_SERVER_CONVERT_DEVICE_PLAN_CONVERT_H_
#define MOEPLAN_SERVER_CONVERT_DEVICE_PLAN_CONVERT_H_

#include "core/calibration/throughput.h"
#include "core/plan/device_evaluation.h"
#include "core/plan/device_plan.h"
#include "moeplan/v1/plan.pb.h"

namespace moeplan::server {

// The best model for device time, trained as `run` says, with its alternatives,
// the best of each expansion rate and, as asked, of each cell.
void DevicePlansToWire(const DevicePlans& plans, const TrainingRunSetup& run,
                       bool include_cells, v1::Plan* wire);

// Too little time or too small a device, with the least that would do. `none`
// must say one.
void NoDevicePlanToWire(const NoDevicePlan& none, v1::Infeasible* wire);

// The verdict on a candidate.
void DeviceEvaluationToWire(const DeviceEvaluation& evaluation,
                            const TrainingRunSetup& run, v1::Evaluation* wire);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_CONVERT_DEVICE_PLAN_CONVERT_H_
