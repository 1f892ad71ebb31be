#ifndef MOEPLAN_WORKER_REPORT_COMMAND_H_
#define MOEPLAN_WORKER_REPORT_COMMAND_H_

#include <string>

#include "core/calibration/measurement.h"
#include "worker/command_line.h"

namespace moeplan::worker {

struct ReportCommandOptions {
  std::string file;
  std::string svg_dir;  // empty: no pictures
  // Where what the server takes is written as JSON; empty: nowhere.
  std::string json_file;
  std::string server;  // empty: nothing is sent
};

// `moeplan-worker report`: shows a run that is on disk, fits it anew, draws it
// and, where asked, sends it. Returns the exit code.
int RunReportCommand(const ReportCommandOptions& options, WorkerIo& io);

// Measurements, summary and fits in words.
void ShowCalibration(const Calibration& calibration, WorkerIo& io);

// Sends to the server and says under which name it is kept there. `file` is
// named in what is said where it fails. Returns the exit code.
int Send(const Calibration& calibration, const std::string& server,
         const std::string& file, WorkerIo& io);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_REPORT_COMMAND_H_
