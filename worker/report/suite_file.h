#ifndef MOEPLAN_WORKER_REPORT_SUITE_FILE_H_
#define MOEPLAN_WORKER_REPORT_SUITE_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "worker/bench/suite.h"

namespace moeplan::worker {

// A suite from a JSON file:
//   {"protocol": "standard",            optional: how long; default smoke
//    "cases": [{"operation": {"kind": "gemm", "m": 512, "n": 512, "k": 512},
//               "dtype": "f32", "ceiling": true},
//              {"operation": {"kind": "grouped_gemm", "pass": "forward",
//                             "in_width": 256, "out_width": 512},
//               "routing": {"pattern": "zipf", "tokens": 512, "experts": 8,
//                           "experts_per_token": 2},
//               "dtype": "f32", "seed": 3}]}
// Rows come from "rows_per_expert" in the operation or from "routing"; a
// histogram seen in a real run is {"pattern": "captured", "rows_per_expert":
// [40, 0, 3]}. Names and sizes are checked as a calibration's are. `kind` says
// on what the suite is to run. Errors: NOT_FOUND; INVALID_ARGUMENT naming the
// case and what is wrong.
absl::StatusOr<Suite> ReadSuite(const std::string& path,
                                DeviceKind kind = DeviceKind::kCpu);

// OK where every case of the suite could stand in a calibration.
absl::Status CheckSuite(const Suite& suite);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_REPORT_SUITE_FILE_H_
