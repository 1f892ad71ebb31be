#ifndef MOEPLAN_CORE_CALIBRATION_TIME_MODEL_H_
#define MOEPLAN_CORE_CALIBRATION_TIME_MODEL_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/interrupter.h"
#include "core/calibration/measurement.h"
#include "core/calibration/operation.h"

namespace moeplan {

// Raised when a formula or its fit changes; answers name it, so that a plan can
// be told apart from one of the same measurements by an older model.
inline constexpr int kTimeModelVersion = 1;

// Formulas of time, each for operations that behave alike.
enum class TimeFormula {
  kProduct,    // dense and grouped matrix products, attention
  kBandwidth,  // copies, element-wise work, cross-entropy, optimizer
  kRouting,    // softmax, top-k, index, moving rows
  kConstant,   // an empty launch
};

struct NamedValue {
  std::string name;  // with its unit
  double value = 0;
};

// How the times of one class of operations were fitted.
struct OperationFit {
  std::string operation_class;  // such as "grouped_gemm.weight_gradient"
  TimeFormula formula = TimeFormula::kConstant;
  std::vector<NamedValue> coefficients;
  int measurement_count = 0;
  // |predicted / measured - 1| of shapes left out of the fit, each once
  // (four-fold, whole shapes); empty with fewer than eight.
  std::optional<double> held_out_median_error;
  std::optional<double> held_out_mean_error;
  std::optional<double> held_out_worst_error;
  // The range of measured work. A question beyond it extrapolates.
  double least_flops = 0;
  double most_flops = 0;
  double least_bytes = 0;
  double most_bytes = 0;
};

// Seconds of an operation, and what they rest on.
struct PredictedTime {
  double seconds = 0;
  // How far its FLOPs or bytes lie outside what was measured; 0 inside.
  double extrapolation_decades = 0;
  // Class of operations whose fit answered: another one where this one was not
  // measured (element-wise work moves bytes as copies do).
  std::string operation_class;
};

// Times of operations on the machine of one calibration, in one number format.
//
//   product    t = t0 + te A + ((2 V / P)^4 + (bytes / B)^4)^(1/4),
//              V = (S^4 + W^4)^(1/4) (k + k0), S = sum over experts
//              (m + m0) (n + n0): the expected number of whole tiles times
//              their area (m0 is half a tile where rows are uniform modulo the
//              tile), W the area of one wave of the device (a product cannot
//              take less than one),
//              A the experts that have rows, k0 the cost of filling the
//              pipeline. A weight gradient has rows as its k. This is the wave
//              model of grouped products (reference, section 5.2) with its
//              steps smoothed, for any histogram of rows.
//   bandwidth  t = t0 + bytes / Bc + max(bytes - C, 0) / Bm: the part beyond
//              the cache C costs more.
//   routing    t = a + b T E + c T k d (reference, section 5.3).
//
// Coefficients are positive, fitted to the logarithm of the medians by a Huber
// loss, so that a 10 % error counts alike at all sizes. With few measurements
// the later coefficients keep their neutral value.
class TimeModel {
 public:
  // Fits the measurements of `dtype` that passed and are no whole blocks.
  // Errors: FAILED_PRECONDITION when it was measured in the burst regime, or no
  // dense product or no operation that
  // moves bytes was measured in `dtype`; CANCELLED.
  // Cost: about 0.25 ms a measurement (0.1 s for 400, 5 s for 20,000); it is
  // interrupted within a step over the measurements of one class.
  // Deterministic.
  static absl::StatusOr<TimeModel> Fit(
      const Calibration& calibration, const std::string& dtype,
      const Interrupter* interrupter = nullptr);

  // The time of one operation. Cost: below 1 us and linear in the experts.
  PredictedTime Predict(const Operation& operation) const;

  const std::string& dtype() const { return dtype_; }
  const std::vector<OperationFit>& fits() const { return fits_; }

  // Whole MoE blocks measured over the sum of their operations' predicted times
  // (median): what running in sequence costs or saves. 1 where no block was
  // measured.
  double block_ratio() const { return block_ratio_; }
  int block_count() const { return block_count_; }

 private:
  TimeModel() = default;
  void FitBlockRatio(const std::vector<const Measurement*>& fitted);
  const OperationFit* FitFor(const Operation& operation) const;

  std::string dtype_;
  double element_bytes_ = 0;
  std::vector<OperationFit> fits_;
  double block_ratio_ = 1;
  int block_count_ = 0;
};

}  // namespace moeplan

#endif  // MOEPLAN_CORE_CALIBRATION_TIME_MODEL_H_
