#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "core/base/interrupter.h"
#include "worker/command_line.h"
#include "worker/exit_code.h"

namespace {

// Read by the handler of signals, which may come at any time.
moeplan::Interrupter interrupter;

extern "C" void Interrupt(int) { interrupter.Interrupt(); }

}  // namespace

int main(int argc, char** argv) {
  struct sigaction action = {};
  action.sa_handler = Interrupt;
  // A second signal ends the process at once.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  moeplan::worker::WorkerIo io{std::cout, std::cerr, isatty(STDERR_FILENO) == 1,
                               &interrupter};
  const int code = moeplan::worker::RunWorkerCommandLine(argc, argv, io);
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "error: the answer could not be written\n";
    return code == moeplan::worker::kDone ? moeplan::worker::kNotWritten : code;
  }
  // What a driver does at the end of a process waits for its device, which may
  // hang; measurements are on the disk already.
  if (code == moeplan::worker::kNoDevice) std::_Exit(code);
  return code;
}
