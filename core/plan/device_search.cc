#include "core/plan/device_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "core/arch/flops.h"
#include "core/base/checked.h"
#include "core/base/status_macros.h"
#include "core/plan/constraint.h"
#include "core/solve/root.h"

namespace moeplan {
namespace {

// The fastest that any product runs by the model: no formula of a product is
// below its FLOPs over this.
double HighestRate(const TimeModel& model) {
  double highest = 0;
  for (const OperationFit& fit : model.fits()) {
    if (fit.formula != TimeFormula::kProduct) continue;
    for (const NamedValue& each : fit.coefficients) {
      if (each.name == "flops_per_second") {
        highest = std::max(highest, each.value);
      }
    }
  }
  return highest / model.block_ratio();
}

// Fewest tokens with which the shape reaches `loss`; nothing where `most` do
// not.
std::optional<double> TokensForLoss(const Cell& cell, double ln_width,
                                    double loss, double most) {
  constexpr double kMostTokens = 1e30;
  const auto below = [&](double ln_tokens) {
    return loss - cell.Loss(ln_width, std::exp(ln_tokens));
  };
  const double high = std::log(std::min(most, kMostTokens));
  if (below(high) < 0) return std::nullopt;
  const double low = std::log(kLeastTrainingTokens);
  constexpr double kGuess = 23;  // 1e10 tokens
  return std::exp(FindRisingRoot(below, low, high, kGuess));
}

bool IsWhole(const Cell& cell) {
  return IsWholeNumber(cell.expansion_rate()) &&
         IsWholeNumber(cell.granularity());
}

void LowerTo(double value, std::optional<double>& least) {
  least = std::min(value, least.value_or(value));
}

}  // namespace

double LnWidthOfBlocks(int64_t block_count) {
  return std::log(static_cast<double>(block_count * kWidthPerBlock));
}

absl::StatusOr<ModelShape> ShapeOfBlocks(const PosedProblem& posed,
                                         const Cell& cell,
                                         int64_t block_count) {
  if (!IsWhole(cell)) {
    return absl::InvalidArgumentError(
        "only whole expansion rates and granularities can be built");
  }
  return posed.problem->set->ReferenceShape(
      block_count * kWidthPerBlock, static_cast<int64_t>(cell.expansion_rate()),
      static_cast<int64_t>(cell.granularity()));
}

DeviceSearch::DeviceSearch(const PosedProblem& posed,
                           const DeviceBudget& budget)
    : posed_(posed),
      budget_(budget),
      highest_rate_(HighestRate(*budget.time_model)) {}

absl::Status DeviceSearch::FindLeastLoss(double device_seconds,
                                         const Interrupter* interrupter) {
  device_seconds_ = device_seconds;
  target_loss_.reset();
  return Run(interrupter);
}

absl::Status DeviceSearch::FindLeastTime(double target_loss,
                                         const Interrupter* interrupter) {
  target_loss_ = target_loss;
  return Run(interrupter);
}

absl::Status DeviceSearch::Run(const Interrupter* interrupter) {
  best_of_cell_.assign(posed_.cells.size(), std::nullopt);
  shortfall_ = DeviceShortfall();
  shapes_searched_ = shapes_timed_ = 0;
  std::vector<size_t> open(posed_.cells.size());
  std::iota(open.begin(), open.end(), 0);
  for (int64_t blocks = 1; blocks <= kMostBlocks && !open.empty(); ++blocks) {
    if (IsInterrupted(interrupter)) {
      return absl::CancelledError("the search was interrupted");
    }
    std::vector<size_t> still_open;
    for (const size_t index : open) {
      MOEPLAN_ASSIGN_OR_RETURN(const bool goes_on, LookAt(index, blocks));
      if (goes_on) still_open.push_back(index);
    }
    open = std::move(still_open);
  }
  return absl::OkStatus();
}

std::vector<FoundShape> DeviceSearch::Ranked() const {
  std::vector<FoundShape> ranked;
  for (const std::optional<FoundShape>& found : best_of_cell_) {
    if (found.has_value()) ranked.push_back(*found);
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [this](const FoundShape& a, const FoundShape& b) {
                     return ValueOf(a) < ValueOf(b);
                   });
  return ranked;
}

std::optional<FoundShape> DeviceSearch::At(size_t index, int64_t block_count,
                                           const DeviceCost& cost) const {
  const Cell& cell = posed_.cells[index];
  const double ln_width = LnWidthOfBlocks(block_count);
  FoundShape found = {.cell = index, .block_count = block_count};
  const double available = posed_.limits.available_training_tokens;
  if (target_loss_.has_value()) {
    const std::optional<double> tokens =
        TokensForLoss(cell, ln_width, *target_loss_, available);
    if (!tokens.has_value()) return std::nullopt;
    found.training_tokens = *tokens;
  } else {
    found.training_tokens =
        std::min(available, cost.TokensWithin(device_seconds_));
    if (found.training_tokens < kLeastTrainingTokens) return std::nullopt;
  }
  found.loss = cell.Loss(ln_width, found.training_tokens);
  found.device_seconds = cost.SecondsOf(found.training_tokens);
  return found;
}

absl::StatusOr<bool> DeviceSearch::LookAt(size_t index, int64_t block_count) {
  const Cell& cell = posed_.cells[index];
  const absl::StatusOr<ModelShape> shape =
      ShapeOfBlocks(posed_, cell, block_count);
  // A granularity that does not divide this width may divide the next.
  if (!shape.ok()) return IsWhole(cell);
  if (IsBelowSmallestShape(block_count)) return true;
  if (!IsWithinMemory(cell, block_count)) return false;
  if (!CanSplit(*shape, budget_.run)) return true;
  ++shapes_searched_;
  std::optional<FoundShape>& best = best_of_cell_[index];
  if (best.has_value() || target_loss_.has_value()) {
    // Its products alone, at the highest rate.
    MOEPLAN_ASSIGN_OR_RETURN(
        const TokenFlops flops,
        TrainFlopsPerToken(*shape,
                           {.routing_train_flops_per_router_param = 6,
                            .scores = ScoreRule::kCausalAverage,
                            .context_tokens = budget_.run.sequence_tokens}));
    DeviceCost bound;
    bound.training_seconds_per_token =
        flops.Total() / highest_rate_ / budget_.goodput;
    const std::optional<FoundShape> most = At(index, block_count, bound);
    // Wider ones get fewer tokens, but may reach a loss that this one does not.
    if (!most.has_value()) return target_loss_.has_value();
    if (best.has_value() && ValueOf(*most) > ValueOf(*best)) return true;
  }
  ++shapes_timed_;
  MOEPLAN_ASSIGN_OR_RETURN(const auto answer, DeviceCostOf(*shape, budget_));
  if (const auto* shortfall = std::get_if<ServingShortfall>(&answer)) {
    NoteShortfall(*shortfall);
    return false;
  }
  const auto& cost = std::get<DeviceCost>(answer);
  const std::optional<FoundShape> found = At(index, block_count, cost);
  if (!found.has_value()) {
    LowerTo(cost.SecondsOf(kLeastTrainingTokens),
            shortfall_.least_device_seconds);
    return false;
  }
  if (!best.has_value() || ValueOf(*found) < ValueOf(*best)) best = found;
  return true;
}

void DeviceSearch::NoteShortfall(const ServingShortfall& shortfall) {
  if (shortfall.least_device_bytes > 0) {
    LowerTo(shortfall.least_device_bytes, shortfall_.least_device_bytes);
  } else {
    LowerTo(shortfall.least_seconds_per_output_token,
            shortfall_.least_seconds_per_output_token);
  }
}

bool DeviceSearch::IsBelowSmallestShape(int64_t block_count) const {
  const double blocks = static_cast<double>(block_count);
  return blocks < posed_.limits.smallest_block_count ||
         blocks * static_cast<double>(kWidthPerBlock) <
             posed_.limits.smallest_d_model;
}

bool DeviceSearch::IsWithinMemory(const Cell& cell, int64_t block_count) const {
  const auto fits = [&](const MemoryCap& cap) {
    return cell.Memory(LnWidthOfBlocks(block_count), cap,
                       posed_.limits.kv_cache_tokens) <= cap.largest;
  };
  return std::all_of(posed_.limits.memory.begin(), posed_.limits.memory.end(),
                     fits);
}

}  // namespace moeplan
