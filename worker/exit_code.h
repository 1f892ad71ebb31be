#ifndef MOEPLAN_WORKER_EXIT_CODE_H_
#define MOEPLAN_WORKER_EXIT_CODE_H_

namespace moeplan::worker {

// What the process ends with. Scripts branch on it; documented in --help.
enum ExitCode : int {
  kDone = 0,
  kNothingPassed = 1,  // measured, but no case gave a number
  kUsage = 2,          // command line, suite file or run file
  kUnreachable = 3,    // no connection to the server, or no answer in time
  kRefused = 4,        // the server refused the calibration
  kNoCuda = 5,         // this build has no CUDA
  kNoDevice = 6,       // no driver, no device, a refused or a lost one
  kInterrupted = 7,    // the same command goes on
  kNotWritten = 8,     // a file could not be written
};

// The text of --help about exit codes.
inline constexpr char kExitCodeHelp[] =
    "Exit codes:\n"
    "  0  done\n"
    "  1  measured, but no case gave a number\n"
    "  2  wrong command line, suite file or run file\n"
    "  3  server unreachable, or no answer in time (the file is kept)\n"
    "  4  the server refused the calibration (the file is kept)\n"
    "  5  --device cuda: this build has no CUDA\n"
    "  6  no driver, no device, only a part of one, or it was lost\n"
    "  7  interrupted; the same command goes on where it stopped\n"
    "  8  a file could not be written\n";

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_EXIT_CODE_H_
