#ifndef MOEPLAN_WORKER_REPORT_RUN_FILE_H_
#define MOEPLAN_WORKER_REPORT_RUN_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/calibration/measurement.h"

namespace moeplan::worker {

// What one run measures, known before it starts.
struct RunHeader {
  std::string suite;  // its name, for people
  DeviceIdentity device;
  SoftwareStack software;  // with the suite's hash
  MeasuringConditions conditions;
  int64_t start_unix_micros = 0;
};

// What is known only when it ends.
struct RunEnd {
  MeasuringConditions conditions;
  std::vector<ClockTruePeak> peaks;
  std::vector<std::string> coverage_gaps;
  int64_t end_unix_micros = 0;
};

// A run on disk: JSON objects, one a line. The first is the header ("type":
// "run"), each further one a measurement as it was made ("measurement") or an
// end ("end"). A run that is resumed goes on behind its end; of measurements of
// one case and of ends, the last counts.
class RunFile {
 public:
  // Creates the file with its header or, where it holds a run of the same
  // suite, device and software, opens it to go on: `finished` are its
  // measurements but for those skipped, and a last line that was torn by an
  // interruption is cut off.
  // Errors: FAILED_PRECONDITION where the file holds another run;
  // INVALID_ARGUMENT where it is no run at all; PERMISSION_DENIED where it
  // cannot be written.
  static absl::StatusOr<RunFile> Open(const std::string& path,
                                      const RunHeader& header);

  RunFile(RunFile&& other) noexcept;
  RunFile& operator=(RunFile&&) = delete;
  ~RunFile();

  const std::vector<Measurement>& finished() const { return finished_; }
  // Whether the file ends with an end, as it was opened.
  bool is_complete() const { return is_complete_; }

  // Each returns once its line is on the disk. Errors: UNAVAILABLE with what
  // the system says.
  absl::Status Append(const Measurement& measurement, int64_t unix_micros);
  absl::Status Append(const RunEnd& end);

 private:
  RunFile(std::string path, int descriptor)
      : path_(std::move(path)), descriptor_(descriptor) {}
  absl::Status AppendLine(const std::string& line);

  const std::string path_;
  int descriptor_ = -1;
  std::vector<Measurement> finished_;
  bool is_complete_ = false;
};

struct StoredRun {
  std::string suite;
  Calibration calibration;
  bool is_complete = false;  // ended, and not only interrupted
  int64_t whole_bytes = 0;   // up to the last whole line
};

// Reads a run; a torn last line is left out. Errors: NOT_FOUND;
// INVALID_ARGUMENT with the line that is wrong.
absl::StatusOr<StoredRun> ReadRun(const std::string& path);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_REPORT_RUN_FILE_H_
