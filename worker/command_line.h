#ifndef MOEPLAN_WORKER_COMMAND_LINE_H_
#define MOEPLAN_WORKER_COMMAND_LINE_H_

#include <ostream>

#include "core/base/interrupter.h"

namespace moeplan::worker {

// Where a command writes, and what may stop it.
struct WorkerIo {
  std::ostream& out;
  std::ostream& err;
  bool err_is_terminal = false;
  const Interrupter* interrupter = nullptr;
};

// Runs `moeplan-worker` with these arguments; returns its exit code
// (exit_code.h).
int RunWorkerCommandLine(int argc, const char* const* argv, WorkerIo& io);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_COMMAND_LINE_H_
