#include "core/plan/posed_problem.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/arch/memory.h"
#include "core/base/quantity.h"
#include "core/base/status_macros.h"
#include "core/law/published_sets.h"
#include "core/plan/constraint.h"

namespace moeplan {
namespace {

constexpr double kSameValue = 1e-9;  // as CoefficientSet::CheckFixedVariables

bool HasVariable(const CoefficientSet& set, LawVariable variable) {
  const std::vector<LawVariable>& variables = set.law().variables;
  return std::find(variables.begin(), variables.end(), variable) !=
         variables.end();
}

absl::Status RequireVariable(const CoefficientSet& set, LawVariable variable,
                             absl::string_view name) {
  const std::optional<double> fixed = set.FixedValue(variable);
  if (HasVariable(set, variable) && !fixed.has_value()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "coefficient set ", set.id(), " cannot plan: ",
      fixed.has_value() ? absl::StrCat("it knows ", name, " = ",
                                       FormatShortest(*fixed), " only")
                        : absl::StrCat("its law has no term in ", name)));
}

// The values of E or G to try.
absl::StatusOr<std::vector<double>> ValuesToTry(
    const CoefficientSet& set, LawVariable variable, absl::string_view name,
    const std::vector<double>& asked, const std::vector<double>& defaults) {
  std::optional<double> only = set.FixedValue(variable);
  if (!only.has_value() && !HasVariable(set, variable)) only = 1;
  if (!only.has_value()) return asked.empty() ? defaults : asked;
  for (const double value : asked) {
    if (std::abs(value - *only) <= kSameValue * *only) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "coefficient set ", set.id(), " knows ", name, " = ",
        FormatShortest(*only), " only; asked for ", FormatShortest(value)));
  }
  return std::vector<double>{*only};
}

bool IsDense(const CoefficientSet& set) {
  const std::optional<double> expansion_rate =
      set.FixedValue(LawVariable::kExpansionRate);
  return expansion_rate.has_value()
             ? *expansion_rate == 1
             : !HasVariable(set, LawVariable::kExpansionRate);
}

// Sets of one paper count the same groups; the FLOP rule differs where only one
// of them has a router.
bool CountTheSame(ParamConvention a, const ParamConvention& b) {
  a.flop_rule = b.flop_rule;
  return a == b;
}

std::shared_ptr<const CoefficientSet> DenseSetFor(
    const OptimalConfigProblem& problem) {
  const CoefficientSet& set = *problem.set;
  if (problem.dense_reference != nullptr) return problem.dense_reference;
  const bool covers_dense =
      HasVariable(set, LawVariable::kExpansionRate) &&
      !set.FixedValue(LawVariable::kExpansionRate).has_value();
  if (covers_dense || IsDense(set)) return problem.set;
  // Losses of different data are not comparable, so a set of one's own has no
  // partner among the published.
  if (!set.spec().published) return nullptr;
  for (const std::shared_ptr<const CoefficientSet>& other : PublishedSets()) {
    if (IsDense(*other) &&
        CountTheSame(other->spec().convention, set.spec().convention)) {
      return other;
    }
  }
  return nullptr;
}

// Bytes of a dense model that was given whole, counted as the set counts.
absl::StatusOr<double> BytesOfDenseShape(const CoefficientSet& dense_set,
                                         const OptimalConfigProblem& problem) {
  const ModelShape& shape = *problem.memory_limit->dense_shape;
  MOEPLAN_ASSIGN_OR_RETURN(const ShapePoint at,
                           dense_set.PointFromShape(shape, kLeastTrainingTokens,
                                                    problem.accounting));
  if (at.point.expansion_rate != 1 || at.point.granularity != 1) {
    return absl::InvalidArgumentError(
        "memory_limit: the model that sets the limit must be dense");
  }
  const ServingMemoryAccounting& serving = problem.serving_memory;
  return at.total_params * serving.bytes_per_weight +
         static_cast<double>(KvCacheElementsPerToken(shape)) *
             serving.kv_cache_tokens * serving.bytes_per_cache_element;
}

absl::StatusOr<MemoryCap> CapOf(const OptimalConfigProblem& problem,
                                const CoefficientSet* dense_set,
                                const std::optional<Cell>& dense_cell) {
  const MemoryLimit& limit = *problem.memory_limit;
  const ServingMemoryAccounting& serving = problem.serving_memory;
  MemoryCap bytes{.weight_factor = serving.bytes_per_weight,
                  .cache_factor = serving.bytes_per_cache_element};
  switch (limit.kind) {
    case MemoryLimitKind::kParams:
      return MemoryCap{1, 0, limit.value};
    case MemoryLimitKind::kElements:
      return MemoryCap{1, 1, limit.value};
    case MemoryLimitKind::kBytes:
      bytes.largest = limit.value;
      return bytes;
    case MemoryLimitKind::kAsDenseModelOfParams:
    case MemoryLimitKind::kAsDenseModelOfWidth:
    case MemoryLimitKind::kAsDenseModelOfShape:
      break;
  }
  if (!dense_cell.has_value()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "no coefficient set describes the dense model that the memory limit "
        "refers to; give the limit in bytes, or a dense reference set for ",
        problem.set->id()));
  }
  if (limit.kind == MemoryLimitKind::kAsDenseModelOfShape) {
    MOEPLAN_ASSIGN_OR_RETURN(bytes.largest,
                             BytesOfDenseShape(*dense_set, problem));
    return bytes;
  }
  const double ln_width = limit.kind == MemoryLimitKind::kAsDenseModelOfWidth
                              ? std::log(limit.value)
                              : dense_cell->WidthOfActiveParams(limit.value);
  bytes.largest = dense_cell->Memory(ln_width, bytes,
                                     problem.serving_memory.kv_cache_tokens);
  return bytes;
}

absl::StatusOr<Limits> LimitsOf(const OptimalConfigProblem& problem,
                                const CoefficientSet* dense_set,
                                const std::optional<Cell>& dense_cell) {
  Limits limits;
  if (problem.compute_budget_flops.has_value()) {
    limits.budget_flops = *problem.compute_budget_flops;
  }
  if (problem.available_training_tokens.has_value()) {
    limits.available_training_tokens = *problem.available_training_tokens;
  }
  limits.served_tokens = problem.served_tokens;
  limits.kv_cache_tokens = problem.serving_memory.kv_cache_tokens;
  if (problem.space.smallest_shape.has_value()) {
    limits.smallest_d_model = problem.space.smallest_shape->d_model;
    limits.smallest_block_count = problem.space.smallest_shape->block_count;
  }
  if (problem.memory_limit.has_value()) {
    MOEPLAN_ASSIGN_OR_RETURN(limits.memory[0],
                             CapOf(problem, dense_set, dense_cell));
  }
  return limits;
}

absl::Status CheckDenseReference(const CoefficientSet& dense) {
  MOEPLAN_RETURN_IF_ERROR(
      RequireVariable(dense, LawVariable::kTrainingTokens, "training_tokens"));
  MOEPLAN_RETURN_IF_ERROR(
      RequireVariable(dense, LawVariable::kParams, "params"));
  const std::optional<double> expansion_rate =
      dense.FixedValue(LawVariable::kExpansionRate);
  if (!expansion_rate.has_value() || *expansion_rate == 1) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "dense reference set ", dense.id(), " does not describe dense models: ",
      "it knows expansion_rate = ", FormatShortest(*expansion_rate), " only"));
}

}  // namespace

absl::StatusOr<PosedProblem> PoseProblem(const OptimalConfigProblem& problem) {
  const CoefficientSet& set = *problem.set;
  MOEPLAN_RETURN_IF_ERROR(RequireVariable(set, LawVariable::kParams, "params"));
  MOEPLAN_RETURN_IF_ERROR(
      RequireVariable(set, LawVariable::kTrainingTokens, "training_tokens"));
  MOEPLAN_ASSIGN_OR_RETURN(
      const std::vector<double> expansion_rates,
      ValuesToTry(set, LawVariable::kExpansionRate, "expansion_rate",
                  problem.space.expansion_rates, {1, 2, 4, 8, 16, 32}));
  MOEPLAN_ASSIGN_OR_RETURN(
      const std::vector<double> granularities,
      ValuesToTry(set, LawVariable::kGranularity, "granularity",
                  problem.space.granularities,
                  {1, 2, 4, 8, 16, 32, 64, 128, 256}));
  PosedProblem posed;
  posed.problem = &problem;
  for (const double expansion_rate : expansion_rates) {
    for (const double granularity : granularities) {
      posed.cells.emplace_back(set, expansion_rate, granularity,
                               problem.accounting);
    }
  }
  posed.dense_set = DenseSetFor(problem);
  if (posed.dense_set != nullptr) {
    MOEPLAN_RETURN_IF_ERROR(CheckDenseReference(*posed.dense_set));
    posed.dense_cell.emplace(*posed.dense_set, 1, 1, problem.accounting);
  }
  MOEPLAN_ASSIGN_OR_RETURN(
      posed.limits, LimitsOf(problem, posed.dense_set.get(), posed.dense_cell));
  return posed;
}

Configuration MakeConfiguration(const CoefficientSet& set, const Cell& cell,
                                const OptimalConfigProblem& problem,
                                double ln_width, double training_tokens) {
  const ReferenceModel<double> model = cell.Model(ln_width);
  const ServingMemoryAccounting& serving = problem.serving_memory;
  Configuration made;
  made.expansion_rate = cell.expansion_rate();
  made.granularity = cell.granularity();
  made.routed_experts = cell.expansion_rate() * cell.granularity();
  made.d_model = model.d_model;
  made.block_count = model.block_count;
  made.law_params = model.law_params;
  made.active_params = model.active_params;
  made.total_params = model.total_params;
  made.router_params = model.router_params;
  made.training_tokens = training_tokens;
  made.tokens_per_param = training_tokens / model.active_params;
  made.loss = cell.Loss(model, training_tokens);
  made.flops.train_flops = model.train_flops_per_token * training_tokens;
  made.flops.routing_train_flops =
      model.routing_train_flops_per_token * training_tokens;
  made.flops.serve_flops = model.serve_flops_per_token * problem.served_tokens;
  made.memory.weight_elements = model.total_params;
  made.memory.cache_elements =
      model.kv_cache_elements_per_token * serving.kv_cache_tokens;
  made.memory.weight_bytes = model.total_params * serving.bytes_per_weight;
  made.memory.cache_bytes =
      made.memory.cache_elements * serving.bytes_per_cache_element;
  made.extrapolations = FindExtrapolations(set, made.point());
  return made;
}

absl::StatusOr<std::vector<std::optional<Spot>>> SolveCells(
    const std::vector<Cell>& cells, const Limits& limits,
    PlanObjective objective, double target_loss,
    const Interrupter* interrupter) {
  std::vector<std::optional<Spot>> spots;
  spots.reserve(cells.size());
  // Neighbouring cells have neighbouring solutions.
  double guess = GuessWidth(cells.front(), std::min(limits.budget_flops, 1e25));
  for (const Cell& cell : cells) {
    if (IsInterrupted(interrupter)) {
      return absl::CancelledError("the search was interrupted");
    }
    switch (objective) {
      case PlanObjective::kLeastLoss:
        spots.push_back(FindLeastLoss(cell, limits, guess));
        break;
      case PlanObjective::kLeastCompute:
        spots.push_back(FindLeastCompute(cell, limits, target_loss, guess));
        break;
      case PlanObjective::kLeastServingMemory:
        spots.push_back(FindLeastMemory(cell, limits, target_loss, guess));
        break;
    }
    if (spots.back().has_value()) guess = spots.back()->ln_width;
  }
  return spots;
}

double ObjectiveValue(PlanObjective objective,
                      const OptimalConfigProblem& problem, const Cell& cell,
                      const Spot& spot) {
  switch (objective) {
    case PlanObjective::kLeastLoss:
      return spot.loss;
    case PlanObjective::kLeastCompute:
      return spot.flops;
    case PlanObjective::kLeastServingMemory:
      break;
  }
  const MemoryCap bytes{
      .weight_factor = problem.serving_memory.bytes_per_weight,
      .cache_factor = problem.serving_memory.bytes_per_cache_element};
  return cell.Memory(spot.ln_width, bytes,
                     problem.serving_memory.kv_cache_tokens);
}

std::optional<size_t> BestCell(const PosedProblem& posed,
                               PlanObjective objective,
                               const std::vector<std::optional<Spot>>& spots) {
  std::optional<size_t> best;
  double best_value = 0;
  for (size_t i = 0; i < spots.size(); ++i) {
    if (!spots[i].has_value()) continue;
    const double value =
        ObjectiveValue(objective, *posed.problem, posed.cells[i], *spots[i]);
    if (best.has_value() && !(value < best_value)) continue;
    best = i;
    best_value = value;
  }
  return best;
}

}  // namespace moeplan
