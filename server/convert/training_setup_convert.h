#ifndef MOEPLAN_SERVER_CONVERT_TRAINING_SETUP_CONVERT_H_
#define MOEPLAN_SERVER_CONVERT_TRAINING_SETUP_CONVERT_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "core/arch/memory.h"
#include "core/base/field_path.h"
#include "core/base/violations.h"
#include "core/calibration/communication.h"
#include "core/calibration/throughput.h"
#include "moeplan/v1/workload.pb.h"

namespace moeplan::server {

// What a TrainingSetup says, with the server's defaults where it says nothing.
struct TrainingSetupQuery {
  TrainingRunSetup run;  // device_count is the caller's business
  Recomputation recomputation = Recomputation::kSelective;
  // Numbers of the setup that nobody measured, by the request's field.
  std::vector<Assumption> assumptions;
};

// `is_set` tells an absent setup, which is legal, from an empty one, which
// lacks its required fields. Adds what breaks a rule.
TrainingSetupQuery TrainingSetupFromWire(const FieldPath& field, bool is_set,
                                         const v1::TrainingSetup& wire,
                                         Violations& violations);

// Errors: UNIMPLEMENTED naming the first part of `wire` (a request's field
// training_setup) that this server does not model for `device_count` devices;
// `asks_for_time` where the answer rests on the time of a step.
absl::Status CheckTrainingSetupServed(const v1::TrainingSetup& wire,
                                      const TrainingSetupQuery& setup,
                                      bool asks_for_time, int64_t device_count);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_CONVERT_TRAINING_SETUP_CONVERT_H_
