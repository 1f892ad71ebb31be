#ifndef MOEPLAN_WORKER_RUN_COMMAND_H_
#define MOEPLAN_WORKER_RUN_COMMAND_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/calibration/measurement.h"
#include "worker/command_line.h"

namespace moeplan::worker {

struct RunCommandOptions {
  std::string suite = "smoke";  // or a file
  std::string device = "cpu";
  std::vector<std::string> dtypes;  // empty: f32, with CUDA bf16
  std::string server;               // empty: nothing is sent
  std::string output;               // empty: a name made of suite and device
  // In burst, only the ceilings of the suite (MakeBurst).
  MeasuringRegime regime = MeasuringRegime::kSustained;
  int threads = 1;
  uint64_t seed = 1;
  bool counters = false;  // with CUDA: counts what each case executes
  bool lists = false;     // shows the cases and ends
};

// `moeplan-worker run`: measures, keeps, shows and sends. Returns the exit
// code.
int RunRunCommand(const RunCommandOptions& options, WorkerIo& io);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_RUN_COMMAND_H_
