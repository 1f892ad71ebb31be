#ifndef MOEPLAN_TESTING_MADE_UP_CALIBRATION_H_
#define MOEPLAN_TESTING_MADE_UP_CALIBRATION_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/calibration/measurement.h"
#include "core/calibration/operation.h"

namespace moeplan::testing {

// One operation of every kind and pass.
inline std::vector<Operation> EveryOperation() {
  const std::vector<int64_t> rows = {3, 0, 5};  // of 4 tokens, two experts each
  const AttentionCore attention = {.sequences = 2,
                                   .query_tokens = 64,
                                   .context_tokens = 96,
                                   .window = 32,
                                   .heads = 8,
                                   .kv_heads = 2,
                                   .key_dim = 48,
                                   .value_dim = 32};
  AttentionCore attention_backward = attention;
  attention_backward.backward = true;
  attention_backward.window = 0;
  const MoeBlock block = {.tokens = 4,
                          .d_model = 64,
                          .experts_per_token = 2,
                          .expert_width = 32,
                          .gated = true,
                          .rows_per_expert = rows};
  MoeBlock block_backward = block;
  block_backward.gated = false;
  block_backward.backward = true;
  return {Gemm{.m = 128, .n = 64, .k = 32},
          GroupedGemm{rows, 64, 32, GemmPass::kForward},
          GroupedGemm{rows, 64, 32, GemmPass::kInputGradient},
          GroupedGemm{rows, 64, 32, GemmPass::kWeightGradient},
          attention,
          attention_backward,
          Routing{4, 3, 2, 64, false},
          Routing{4, 3, 2, 64, true},
          Elementwise{1000, 500},
          CrossEntropy{16, 256},
          OptimizerStep{12345},
          Copy{4096},
          Launch{},
          block,
          block_backward};
}

// A case that passed, on a device of 1e11 FLOP/s and 1e10 bytes a second.
inline Measurement MadeUpMeasurement(const Operation& operation,
                                     const std::string& dtype = "bf16") {
  const OperationCost cost = CostOf(operation, ElementBytes(dtype));
  const double seconds = 2e-6 + std::max(cost.flops / 1e11, cost.bytes / 1e10);
  Measurement measurement;
  measurement.case_name =
      absl::StrCat(DescribeOperation(operation), "_", dtype);
  measurement.operation = operation;
  measurement.dtype = dtype;
  measurement.backend = "made up";
  measurement.disposition = Disposition::kPassed;
  measurement.timing = Timing{.median_seconds = seconds,
                              .lower_seconds = 0.99 * seconds,
                              .upper_seconds = 1.01 * seconds,
                              .iqr_seconds = 0.01 * seconds,
                              .sample_count = 30,
                              .drift_ratio = {}};
  return measurement;
}

// A legal calibration of no measurements.
inline Calibration MadeUpDevice() {
  Calibration calibration;
  calibration.device.kind = DeviceKind::kFake;
  calibration.device.product = "Made Up 9000";
  calibration.device.multiprocessor_count = 8;
  calibration.device.memory_bytes = int64_t{16} << 30;
  calibration.software.worker_version = "0.1.0";
  calibration.software.worker_revision = "abc";
  calibration.software.suite_hash = std::string(64, 'a');
  calibration.peaks = {{.dtype = "bf16", .flops_per_second = 2e11}};
  calibration.start_unix_micros = 1700000000000001;
  calibration.end_unix_micros = 1700000300000000;
  return calibration;
}

// Enough measured in bf16 for a model of time: products and copies of many
// sizes, and every operation once.
inline Calibration MadeUpCalibration() {
  Calibration calibration = MadeUpDevice();
  std::vector<Operation> operations = EveryOperation();
  for (const int64_t m : {256, 1024, 4096}) {
    for (const int64_t n : {256, 1024}) {
      for (const int64_t k : {256, 2048}) operations.push_back(Gemm{m, n, k});
    }
  }
  for (int64_t bytes = 1 << 14; bytes <= 1 << 28; bytes *= 4) {
    operations.push_back(Copy{bytes});
    operations.push_back(Elementwise{bytes, bytes / 2});
  }
  for (const Operation& operation : operations) {
    calibration.measurements.push_back(MadeUpMeasurement(operation));
  }
  return calibration;
}

}  // namespace moeplan::testing

#endif  // MOEPLAN_TESTING_MADE_UP_CALIBRATION_H_
