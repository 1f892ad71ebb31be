#ifndef MOEPLAN_TESTS_UNIT_CORE_CALIBRATION_TILED_DEVICE_H_
#define MOEPLAN_TESTS_UNIT_CORE_CALIBRATION_TILED_DEVICE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/rng.h"
#include "core/calibration/measurement.h"
#include "core/calibration/model_operations.h"
#include "core/calibration/time_model.h"

namespace moeplan {

using Seconds = std::function<double(const Operation&)>;

// A made-up device with whole tiles and waves: what a model with smooth ones
// has to approximate.
inline constexpr double kTile = 64;
inline constexpr double kUnits = 8;
inline constexpr double kTileSeconds =
    2 * kTile * kTile / 2e11;  // per unit of depth

inline double Tiles(double m, double n) {
  return std::ceil(m / kTile) * std::ceil(n / kTile);
}

inline double TiledSeconds(const Operation& operation) {
  const OperationCost cost = CostOf(operation, 2);
  const double memory = cost.bytes / 4e11;
  if (const auto* gemm = std::get_if<Gemm>(&operation)) {
    const double waves = std::ceil(
        Tiles(static_cast<double>(gemm->m), static_cast<double>(gemm->n)) /
        kUnits);
    return 5e-6 + std::max(memory, waves * kTileSeconds *
                                       (static_cast<double>(gemm->k) + 40));
  }
  if (const auto* grouped = std::get_if<GroupedGemm>(&operation)) {
    double tiles = 0;
    double active = 0;
    for (const int64_t rows : grouped->rows_per_expert) {
      tiles += Tiles(static_cast<double>(rows),
                     static_cast<double>(grouped->out_width));
      active += rows > 0 ? 1 : 0;
    }
    return 8e-6 + 1e-6 * active +
           std::max(memory, std::ceil(tiles / kUnits) * kTileSeconds *
                                (static_cast<double>(grouped->in_width) + 40));
  }
  if (std::holds_alternative<Routing>(operation))
    return 2e-6 + cost.bytes / 1e11;
  return 3e-6 + cost.bytes / 4e11;
}

inline Measurement Measure(const Operation& operation, double seconds) {
  Timing timing;
  timing.median_seconds = timing.lower_seconds = timing.upper_seconds = seconds;
  timing.sample_count = kLeastSamples;
  Measurement measurement;
  measurement.case_name = DescribeOperation(operation);
  measurement.operation = operation;
  measurement.dtype = "bf16";
  measurement.disposition = Disposition::kPassed;
  measurement.timing = timing;
  return measurement;
}

inline std::vector<Operation> Suite() {
  std::vector<Operation> suite;
  for (const int64_t m : {64, 250, 1024, 4096}) {
    for (const int64_t n : {128, 768, 3072}) {
      for (const int64_t k : {128, 1024, 4096}) suite.push_back(Gemm{m, n, k});
    }
  }
  for (const int64_t tokens : {250, 1000, 3100}) {
    for (const int64_t experts : {4, 16, 64}) {
      for (const int64_t width : {64, 512, 2048}) {
        suite.push_back(
            GroupedGemm{.rows_per_expert = BalancedRows(tokens, experts, 2),
                        .in_width = 512,
                        .out_width = width});
        suite.push_back(
            GroupedGemm{.rows_per_expert = BalancedRows(tokens, experts, 2),
                        .in_width = width,
                        .out_width = 512});
      }
      suite.push_back(Routing{tokens, experts, 2, 512});
    }
  }
  for (int64_t bytes = 1 << 12; bytes <= 1 << 28; bytes *= 4) {
    suite.push_back(Copy{bytes});
    suite.push_back(Elementwise{bytes, bytes / 2});
  }
  return suite;
}

inline Calibration CalibrationBy(const Seconds& seconds, double noise = 0) {
  Rng rng(7);
  Calibration calibration;
  for (const Operation& operation : Suite()) {
    calibration.measurements.push_back(Measure(
        operation, seconds(operation) * std::exp(noise * rng.Normal())));
  }
  return calibration;
}

inline TimeModel Fit(const Calibration& calibration) {
  auto model = TimeModel::Fit(calibration, "bf16");
  EXPECT_TRUE(model.ok()) << model.status();
  return *std::move(model);
}

}  // namespace moeplan

#endif  // MOEPLAN_TESTS_UNIT_CORE_CALIBRATION_TILED_DEVICE_H_
