#ifndef MOEPLAN_SERVER_CONVERT_DEVICE_PLAN_CONVERT_H_
#define MOEPLAN_SERVER_CONVERT_DEVICE_PLAN_CONVERT_H_

#include <cstdint>

#include "core/plan/device_plan.h"
#include "moeplan/v1/plan.pb.h"

namespace moeplan::server {

// The best model for device time and its alternatives. `device_count` devices
// hold the whole model each.
void DevicePlansToWire(const DevicePlans& plans, int64_t device_count,
                       v1::Plan* wire);

// Too little time, with the least that would do. `none` must say it.
void NoDevicePlanToWire(const NoDevicePlan& none, v1::Infeasible* wire);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_CONVERT_DEVICE_PLAN_CONVERT_H_
