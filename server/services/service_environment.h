#ifndef MOEPLAN_SERVER_SERVICES_SERVICE_ENVIRONMENT_H_
#define MOEPLAN_SERVER_SERVICES_SERVICE_ENVIRONMENT_H_

#include <string>

#include "absl/time/time.h"
#include "core/base/parallel.h"
#include "server/services/answer_observer.h"
#include "server/services/calibration_catalog.h"
#include "server/services/set_catalog.h"

namespace moeplan::server {

// Ids of the sets that stand for a request that names none.
struct DefaultSets {
  std::string predict = "joint-2025";
  std::string optimal_config = "joint-2025";
  std::string dense = "chinchilla-2024-besiroglu";
};

// What the handlers of all services work with. Immutable but for the catalogs,
// which are thread-safe; outlives the services.
struct ServiceEnvironment {
  SetCatalog* catalog = nullptr;
  CalibrationCatalog* calibrations = nullptr;
  DefaultSets default_sets;
  absl::Time start_time;
  ParallelFor fit_parallel_for;
  AnswerObserver* answer_observer = nullptr;  // null: nobody is told
};

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_SERVICES_SERVICE_ENVIRONMENT_H_
