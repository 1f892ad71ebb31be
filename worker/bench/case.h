#ifndef MOEPLAN_WORKER_BENCH_CASE_H_
#define MOEPLAN_WORKER_BENCH_CASE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "core/calibration/operation.h"

namespace moeplan::worker {

// One operation at one shape, as it is to be measured.
struct Case {
  Operation operation;
  std::string dtype;  // of the operands: f32, bf16, fp8
  // Library or kernel to use; empty: the device's choice.
  std::string backend = {};
  std::string routing = {};  // how rows were drawn: "zipf"; empty: none
  uint64_t seed = 0;         // of the data, and of what was drawn
  // Measured first and once more at the end: what the machine can do at most.
  bool is_ceiling = false;

  bool operator==(const Case&) const = default;
};

// Unique in a suite, such as "gemm_m512_n512_k512_f32" or
// "grouped_gemm_forward_e8_rows1024_max412_in256_out512_f32_zipf_s3".
std::string NameOf(const Case& one);

// Whether a device that multiplies fp8 measures the case in it: products whose
// rows are what tensor cores take.
bool RunsInFp8(const Case& one);

// SHA-256 of the cases with all that is measured of them (names, sizes, rows of
// each expert, number format, seeds), in order: 64 hex digits. Measurements of
// different suites are never taken for one run.
std::string SuiteHash(const std::vector<Case>& cases);

}  // namespace moeplan::worker

#endif  // MOEPLAN_WORKER_BENCH_CASE_H_
