#ifndef MOEPLAN_WORKER_REPORT_TEXT_H_
#define MOEPLAN_WORKER_REPORT_TEXT_H_

#include <ostream>
#include <string>
#include <vector>

#include "core/calibration/measurement.h"
#include "core/calibration/time_model.h"

namespace moeplan::worker {

// Lines of cells, padded so that columns stand below each other; the first
// column left, the others right.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) {
    rows_.push_back(std::move(header));
  }
  void AddRow(std::vector<std::string> cells) {
    rows_.push_back(std::move(cells));
  }
  void Print(std::ostream& out) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// "1.23 ms", with three digits and the unit that fits.
std::string SecondsText(double seconds);

// Machine, software and conditions in a few lines.
void PrintHeader(const Calibration& calibration, std::ostream& out);

// One line for each case: time, half the interval's width, rates; instead of
// them, why there is no number.
void PrintMeasurements(const Calibration& calibration, std::ostream& out);

// How many cases came to which end, and what could not be measured.
void PrintSummary(const Calibration& calibration, std::ostream& out);

// The classes of operations with held-out errors and coefficients.
void PrintFits(const TimeModel& model, std::ostream& out);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_REPORT_TEXT_H_
