#include "core/plan/cell_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/plan/constraint.h"
#include "core/solve/global_minimum.h"
#include "core/solve/root.h"

namespace moeplan {
namespace {

// Two limits that meet within this (relative) both count as reached.
constexpr double kSameWithin = 1e-10;

// A narrowest model is looked for in steps of this many ln_width before the
// root is refined, in families whose loss may rise and fall.
constexpr double kScanStep = 0.01;

Dual<1> LossAlong(const Cell& cell, const Limits& limits, double ln_width,
                  double training_tokens, bool along_budget) {
  const ReferenceModel<Dual<1>> model = cell.ModelWithSlope(ln_width);
  if (!along_budget) return cell.Loss(model, Dual<1>(training_tokens));
  Dual<1> tokens = (limits.budget_flops -
                    model.serve_flops_per_token * limits.served_tokens) /
                   model.train_flops_per_token;
  tokens.a = std::max(tokens.a, kLeastTrainingTokens);  // as the cell does
  return cell.Loss(model, tokens);
}

// What of `limits` the spot at this width touches.
Spot MakeSpot(const Cell& cell, const Limits& limits, const WidthRange& range,
              double ln_width) {
  Spot spot;
  spot.ln_width = ln_width;
  const double affordable = cell.TokensWithinBudget(ln_width, limits);
  spot.training_tokens = std::min(limits.available_training_tokens, affordable);
  spot.loss = cell.Loss(ln_width, spot.training_tokens);
  spot.flops = cell.Flops(ln_width, spot.training_tokens, limits.served_tokens);
  spot.at_available_tokens =
      limits.available_training_tokens <= affordable * (1 + kSameWithin);
  spot.at_budget =
      affordable <= limits.available_training_tokens * (1 + kSameWithin);
  spot.at_smallest_shape = range.low_is_smallest_shape && ln_width <= range.low;
  spot.at_memory_limit = range.high_is_memory_limit && ln_width >= range.high;
  return spot;
}

double BestUnimodalWidth(const Cell& cell, const Limits& limits,
                         const WidthRange& range, double guess) {
  // Below the meeting point more parameters cost no tokens.
  const double low =
      std::clamp(range.tokens_and_budget_meet, range.low, range.high);
  return FindRisingRoot(
      [&](double x) { return LossSlope(cell, limits, x, 0, true); }, low,
      range.high, guess);
}

double BestWidthAnywhere(const Cell& cell, const Limits& limits,
                         const WidthRange& range) {
  const double meet =
      std::clamp(range.tokens_and_budget_meet, range.low, range.high);
  const auto loss_along = [&](bool along_budget) {
    return [&cell, &limits, along_budget](double x) {
      const Dual<1> loss = LossAlong(
          cell, limits, x, limits.available_training_tokens, along_budget);
      return ValueAndSlope{loss.a, loss.v[0]};
    };
  };
  const Minimum above = FindGlobalMinimum(loss_along(true), meet, range.high);
  if (meet <= range.low) return above.x;
  const Minimum below = FindGlobalMinimum(loss_along(false), range.low, meet);
  return below.value < above.value ? below.x : above.x;
}

}  // namespace

double GuessWidth(const Cell& cell, double flops) {
  return cell.WidthOfActiveParams(std::sqrt(flops / 120));
}

double LossSlope(const Cell& cell, const Limits& limits, double ln_width,
                 double training_tokens, bool along_budget) {
  return LossAlong(cell, limits, ln_width, training_tokens, along_budget).v[0];
}

double MostTokens(const Cell& cell, const Limits& limits, double ln_width) {
  return std::min(limits.available_training_tokens,
                  cell.TokensWithinBudget(ln_width, limits));
}

std::optional<WidthRange> FindWidthRange(const Cell& cell,
                                         const Limits& limits) {
  WidthRange range;
  range.low = kLowestLnWidth;
  if (limits.smallest_d_model > 0) {
    range.low = std::max(range.low, std::log(limits.smallest_d_model));
  }
  if (limits.smallest_block_count > 0) {
    range.low = std::max(range.low,
                         cell.WidthOfBlockCount(limits.smallest_block_count));
  }
  range.low_is_smallest_shape = range.low > kLowestLnWidth;
  // Compared at the lowest width itself, so that a limit that just admits the
  // smallest shape does.
  if (!(cell.Flops(range.low, kLeastTrainingTokens, limits.served_tokens) <=
        limits.budget_flops)) {
    return std::nullopt;
  }
  range.high = cell.WidthOfFlops(limits.budget_flops, kLeastTrainingTokens,
                                 limits.served_tokens);
  for (const MemoryCap& cap : limits.memory) {
    if (!std::isfinite(cap.largest)) continue;
    if (!(cell.Memory(range.low, cap, limits.kv_cache_tokens) <= cap.largest)) {
      return std::nullopt;
    }
    const double width = cell.WidthOfMemory(cap, limits.kv_cache_tokens);
    if (width > range.high) continue;
    range.high = width;
    range.high_is_memory_limit = true;
  }
  range.high = std::max(range.high, range.low);
  if (std::isfinite(limits.available_training_tokens)) {
    range.tokens_and_budget_meet =
        cell.WidthOfFlops(limits.budget_flops, limits.available_training_tokens,
                          limits.served_tokens);
  }
  return range;
}

std::optional<Spot> FindLeastLoss(const Cell& cell, const Limits& limits,
                                  double guess) {
  const std::optional<WidthRange> range = FindWidthRange(cell, limits);
  if (!range.has_value()) return std::nullopt;
  const double width = cell.is_unimodal()
                           ? BestUnimodalWidth(cell, limits, *range, guess)
                           : BestWidthAnywhere(cell, limits, *range);
  Spot spot = MakeSpot(cell, limits, *range, width);
  const bool at_low = width <= range->low && !range->low_is_smallest_shape;
  const bool at_high = width >= range->high && !range->high_is_memory_limit &&
                       range->high > range->low && !spot.at_available_tokens;
  spot.at_end_of_range = at_low || at_high;
  return spot;
}

std::optional<Spot> FindLeastCompute(const Cell& cell, const Limits& limits,
                                     double target_loss, double guess) {
  Limits tried = limits;
  std::optional<Spot> spot = FindLeastLoss(cell, tried, guess);
  if (!spot.has_value() || !(spot->loss <= target_loss)) return std::nullopt;
  const std::optional<WidthRange> range = FindWidthRange(cell, limits);
  const double least_flops =
      cell.Flops(range->low, kLeastTrainingTokens, limits.served_tokens);
  // Where size and tokens both bind, more budget changes nothing.
  const double enough_flops = std::min(limits.budget_flops, spot->flops);
  double width = spot->ln_width;
  // Losses are nearly power laws of the budget, so their logarithm over the
  // irreducible loss is nearly straight.
  const double floor = std::min(cell.IrreducibleLoss(), target_loss);
  const auto excess = [&](double loss) {
    return std::log(std::max(loss - floor, std::numeric_limits<double>::min()));
  };
  const double target = excess(target_loss);
  const auto shortfall = [&](double ln_flops) {
    tried.budget_flops = std::max(std::exp(ln_flops), least_flops);
    spot = FindLeastLoss(cell, tried, width);
    width = spot->ln_width;
    return target - excess(spot->loss);
  };
  const double ln_least = std::log(least_flops);
  const double ln_enough = std::max(ln_least, std::log(enough_flops));
  const double start =
      ln_enough > std::log(kAbsurdFlops) ? std::log(1e21) : ln_enough;
  const double ln_flops = FindRisingRoot(shortfall, ln_least, ln_enough, start,
                                         /*first_step=*/2);
  shortfall(ln_flops);
  return spot;
}

std::optional<Spot> FindLeastMemory(const Cell& cell, const Limits& limits,
                                    double target_loss, double guess) {
  const std::optional<Spot> best = FindLeastLoss(cell, limits, guess);
  if (!best.has_value() || !(best->loss <= target_loss)) return std::nullopt;
  const std::optional<WidthRange> range = FindWidthRange(cell, limits);
  const auto shortfall = [&](double x) {
    return target_loss - cell.Loss(x, MostTokens(cell, limits, x));
  };
  double high = best->ln_width;
  if (!cell.is_unimodal()) {
    double x = range->low;
    while (x < high) {
      if (shortfall(x) >= 0) high = x;
      x += kScanStep;
    }
  }
  const double low =
      cell.is_unimodal() ? range->low : std::max(range->low, high - kScanStep);
  const double width = FindRisingRoot(shortfall, low, high, high);
  Spot spot = MakeSpot(cell, limits, *range, width);
  spot.at_end_of_range = width <= range->low && !range->low_is_smallest_shape;
  return spot;
}

}  // namespace moeplan
