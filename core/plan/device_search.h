#ifndef MOEPLAN_CORE_PLAN_DEVICE_SEARCH_H_
#define MOEPLAN_CORE_PLAN_DEVICE_SEARCH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/arch/model_shape.h"
#include "core/base/interrupter.h"
#include "core/plan/device_cost.h"
#include "core/plan/posed_problem.h"

namespace moeplan {

// Reference shapes are d_model = 64 n, n whole blocks, up to a width that no
// budget of today reaches.
inline constexpr int64_t kWidthPerBlock = 64;
inline constexpr int64_t kMostBlocks = 1024;

// ln(d_model) of a shape of `block_count` blocks.
double LnWidthOfBlocks(int64_t block_count);

// The reference shape of the problem's set. Errors: where the family cannot
// build it (E or G not whole, or G not dividing the width).
absl::StatusOr<ModelShape> ShapeOfBlocks(const PosedProblem& posed,
                                         const Cell& cell, int64_t block_count);

// A shape with the tokens that it is trained on.
struct FoundShape {
  size_t cell = 0;  // index into posed.cells
  int64_t block_count = 0;
  double training_tokens = 0;
  double loss = 0;
  double device_seconds = 0;  // training and serving
};

// What keeps every shape from being trained and served; empty members take no
// part.
struct DeviceShortfall {
  std::optional<double> least_device_seconds;  // for a token of training
  std::optional<double> least_device_bytes;    // for serving
  std::optional<double> least_seconds_per_output_token;
};

// Looks at the shapes of a problem within its memory limit and above its
// smallest shape, each E and G of them, and times those that may be the best of
// their E and G. Exact over them: a shape is left out only when it would lose
// were its products to run at the model's highest rate and all else to take no
// time. Refers to its arguments.
class DeviceSearch {
 public:
  DeviceSearch(const PosedProblem& posed, const DeviceBudget& budget);

  // Finds, per E and G, the shape of least loss of which `device_seconds` buy
  // at least one token and the serving, with
  //   D = min(available_training_tokens, affordable tokens).
  // Errors: CANCELLED; as DeviceCostOf.
  absl::Status FindLeastLoss(double device_seconds,
                             const Interrupter* interrupter);

  // Finds, per E and G, the shape that reaches `target_loss` in the least
  // device-seconds, within the available tokens. Errors: as above.
  absl::Status FindLeastTime(double target_loss,
                             const Interrupter* interrupter);

  // The best of each cell that has one, best first.
  std::vector<FoundShape> Ranked() const;
  // Of the last search that found nothing.
  const DeviceShortfall& shortfall() const { return shortfall_; }

  int64_t shapes_searched() const { return shapes_searched_; }
  int64_t shapes_timed() const { return shapes_timed_; }

 private:
  absl::Status Run(const Interrupter* interrupter);
  // Looks at one shape; whether wider ones of its cell may still be trained.
  absl::StatusOr<bool> LookAt(size_t index, int64_t block_count);
  // The shape at a time per token, which need not be its own; nothing where it
  // cannot be trained.
  std::optional<FoundShape> At(size_t index, int64_t block_count,
                               const DeviceCost& cost) const;
  // What makes a shape of a cell better; smaller is.
  double ValueOf(const FoundShape& found) const {
    return target_loss_.has_value() ? found.device_seconds : found.loss;
  }
  void NoteShortfall(const ServingShortfall& shortfall);
  bool IsBelowSmallestShape(int64_t block_count) const;
  bool IsWithinMemory(const Cell& cell, int64_t block_count) const;

  const PosedProblem& posed_;
  const DeviceBudget& budget_;
  const double highest_rate_;
  // One of the two is given.
  double device_seconds_ = 0;
  std::optional<double> target_loss_;
  std::vector<std::optional<FoundShape>> best_of_cell_;
  DeviceShortfall shortfall_;
  int64_t shapes_searched_ = 0;
  int64_t shapes_timed_ = 0;
};

}  // namespace moeplan

#endif  // MOEPLAN_CORE_PLAN_DEVICE_SEARCH_H_
