#include "worker/report/run_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"
#include "worker/report/measurement_json.h"

namespace moeplan::worker {
namespace {

using nlohmann::json;

constexpr int kFormat = 1;

std::string HeaderLine(const RunHeader& header) {
  return json({{"type", "run"},
               {"format", kFormat},
               {"suite", header.suite},
               {"device", ToJson(header.device)},
               {"software", ToJson(header.software)},
               {"conditions", ToJson(header.conditions)},
               {"start_unix_micros", header.start_unix_micros}})
      .dump();
}

absl::Status ReadHeader(const json& line, StoredRun& run) {
  if (!line.is_object() || line.value("type", "") != "run") {
    return absl::InvalidArgumentError("the first line is no header of a run");
  }
  if (line.value("format", 0) != kFormat) {
    return absl::InvalidArgumentError(absl::StrCat(
        "format ", line.value("format", 0), " is not known, only ", kFormat));
  }
  Calibration& calibration = run.calibration;
  MOEPLAN_ASSIGN_OR_RETURN(calibration.device,
                           DeviceFromJson(line.value("device", json())));
  MOEPLAN_ASSIGN_OR_RETURN(calibration.software,
                           SoftwareFromJson(line.value("software", json())));
  MOEPLAN_ASSIGN_OR_RETURN(
      calibration.conditions,
      ConditionsFromJson(line.value("conditions", json())));
  run.suite = line.value("suite", "");
  calibration.start_unix_micros = line.value("start_unix_micros", int64_t{0});
  calibration.end_unix_micros = calibration.start_unix_micros;
  return absl::OkStatus();
}

absl::Status ReadEnd(const json& line, StoredRun& run) {
  Calibration& calibration = run.calibration;
  MOEPLAN_ASSIGN_OR_RETURN(
      calibration.conditions,
      ConditionsFromJson(line.value("conditions", json())));
  calibration.peaks.clear();
  for (const json& peak : line.value("peaks", json::array())) {
    calibration.peaks.push_back(
        {peak.value("dtype", ""), peak.value("flops_per_second", 0.0)});
  }
  calibration.coverage_gaps =
      line.value("coverage_gaps", std::vector<std::string>());
  calibration.end_unix_micros = line.value("end_unix_micros", int64_t{0});
  run.is_complete = true;
  return absl::OkStatus();
}

// Takes the place of an earlier measurement of the same case.
void Put(Measurement measurement, std::vector<Measurement>& measurements) {
  for (Measurement& each : measurements) {
    if (each.case_name == measurement.case_name) {
      each = std::move(measurement);
      return;
    }
  }
  measurements.push_back(std::move(measurement));
}

absl::Status ReadLine(const json& line, StoredRun& run) {
  const std::string type =
      line.is_object() ? line.value("type", "") : std::string();
  if (type == "end") return ReadEnd(line, run);
  if (type != "measurement") {
    return absl::InvalidArgumentError("neither a measurement nor an end");
  }
  MOEPLAN_ASSIGN_OR_RETURN(Measurement measurement, MeasurementFromJson(line));
  Put(std::move(measurement), run.calibration.measurements);
  run.calibration.end_unix_micros =
      std::max(run.calibration.end_unix_micros,
               line.value("time_unix_micros", int64_t{0}));
  run.is_complete = false;
  return absl::OkStatus();
}

absl::StatusOr<StoredRun> Parse(absl::string_view text) {
  StoredRun run;
  int64_t number = 0;
  size_t at = 0;
  while (at < text.size()) {
    const size_t end = text.find('\n', at);
    // Every line ends with a newline: what has none was torn.
    if (end == absl::string_view::npos) break;
    ++number;
    const json line =
        json::parse(text.substr(at, end - at), nullptr, /*throws=*/false);
    absl::Status status =
        line.is_discarded()
            ? absl::InvalidArgumentError("no JSON")
            : (number == 1 ? ReadHeader(line, run) : ReadLine(line, run));
    if (!status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, ": ", status.message()));
    }
    at = end + 1;
    run.whole_bytes = static_cast<int64_t>(at);
  }
  if (number == 0) {
    return absl::InvalidArgumentError("line 1: no header of a run");
  }
  return run;
}

absl::Status CheckSame(const RunHeader& header, const Calibration& stored) {
  const char* difference = nullptr;
  if (stored.software.suite_hash != header.software.suite_hash) {
    difference = "another suite of cases";
  } else if (!(stored.device == header.device)) {
    difference = "another device";
  } else if (!(stored.software == header.software)) {
    difference = "other software";
  } else if (stored.conditions.regime != header.conditions.regime ||
             stored.conditions.seed != header.conditions.seed) {
    difference = "other conditions";
  }
  if (difference == nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("it holds a run with ", difference,
                   ", and measurements of different runs are never mixed: "
                   "give another --output, or move it away"));
}

absl::Status SystemError(absl::StatusCode code, const std::string& what) {
  return absl::Status(code, absl::StrCat(what, ": ", strerror(errno)));
}

}  // namespace

absl::StatusOr<StoredRun> ReadRun(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::NotFoundError(absl::StrCat(path, " cannot be read"));
  }
  std::ostringstream text;
  text << file.rdbuf();
  auto run = Parse(text.str());
  if (run.ok()) return run;
  return absl::Status(run.status().code(),
                      absl::StrCat(path, ": ", run.status().message()));
}

absl::StatusOr<RunFile> RunFile::Open(const std::string& path,
                                      const RunHeader& header) {
  const int descriptor =
      open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    return SystemError(absl::StatusCode::kPermissionDenied,
                       absl::StrCat(path, " cannot be written"));
  }
  RunFile file(path, descriptor);
  const off_t size = lseek(descriptor, 0, SEEK_END);
  const auto stored = size > 0 ? ReadRun(path) : StoredRun{};
  if (stored.ok() && stored->whole_bytes > 0) {
    const absl::Status same = CheckSame(header, stored->calibration);
    if (!same.ok()) {
      return absl::Status(same.code(),
                          absl::StrCat(path, ": ", same.message()));
    }
    if (ftruncate(descriptor, stored->whole_bytes) != 0) {
      return SystemError(absl::StatusCode::kPermissionDenied,
                         absl::StrCat(path, " cannot be cut"));
    }
    file.is_complete_ = stored->is_complete;
    for (const Measurement& one : stored->calibration.measurements) {
      if (one.disposition == Disposition::kSkipped) continue;
      file.finished_.push_back(one);
    }
    return file;
  }
  if (!stored.ok()) return stored.status();
  MOEPLAN_RETURN_IF_ERROR(file.AppendLine(HeaderLine(header)));
  return file;
}

RunFile::RunFile(RunFile&& other) noexcept
    : path_(other.path_),
      descriptor_(std::exchange(other.descriptor_, -1)),
      finished_(std::move(other.finished_)),
      is_complete_(other.is_complete_) {}

RunFile::~RunFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::Status RunFile::AppendLine(const std::string& line) {
  const std::string text = line + "\n";
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t count =
        write(descriptor_, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return SystemError(absl::StatusCode::kUnavailable,
                         absl::StrCat(path_, " cannot be written"));
    }
    written += static_cast<size_t>(count);
  }
  if (fdatasync(descriptor_) != 0 && errno != EINVAL) {
    return SystemError(absl::StatusCode::kUnavailable,
                       absl::StrCat(path_, " cannot be kept"));
  }
  return absl::OkStatus();
}

absl::Status RunFile::Append(const Measurement& measurement,
                             int64_t unix_micros) {
  json line = ToJson(measurement);
  line["type"] = "measurement";
  line["time_unix_micros"] = unix_micros;
  return AppendLine(line.dump());
}

absl::Status RunFile::Append(const RunEnd& end) {
  json peaks = json::array();
  for (const ClockTruePeak& peak : end.peaks) {
    peaks.push_back(
        {{"dtype", peak.dtype}, {"flops_per_second", peak.flops_per_second}});
  }
  return AppendLine(json({{"type", "end"},
                          {"conditions", ToJson(end.conditions)},
                          {"peaks", peaks},
                          {"coverage_gaps", end.coverage_gaps},
                          {"end_unix_micros", end.end_unix_micros}})
                        .dump());
}

}  // namespace moeplan::worker
