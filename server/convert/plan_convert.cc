#include "server/convert/plan_convert.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/quantity.h"
#include "server/convert/enum_table.h"
#include "server/convert/evidence_convert.h"
#include "server/convert/resource_name.h"

namespace moeplan::server {
namespace {

constexpr std::pair<v1::Constraint, Constraint> kConstraints[] = {
    {v1::CONSTRAINT_COMPUTE_BUDGET, Constraint::kComputeBudget},
    {v1::CONSTRAINT_MEMORY_LIMIT, Constraint::kMemory},
    {v1::CONSTRAINT_AVAILABLE_TRAINING_TOKENS, Constraint::kTrainingTokens},
    {v1::CONSTRAINT_SERVED_TOKENS, Constraint::kServedTokens},
    {v1::CONSTRAINT_TARGET_LOSS, Constraint::kTargetLoss},
    {v1::CONSTRAINT_SMALLEST_SHAPE, Constraint::kSmallestShape},
};

constexpr std::pair<v1::Verdict, Verdict> kVerdicts[] = {
    {v1::VERDICT_NEAR_OPTIMAL, Verdict::kNearOptimal},
    {v1::VERDICT_SUBOPTIMAL, Verdict::kSuboptimal},
    {v1::VERDICT_UNKNOWN, Verdict::kUnknown},
};

constexpr std::pair<v1::WarningCode, PlanWarningKind> kWarnings[] = {
    {v1::WARNING_CODE_EXTRAPOLATED, PlanWarningKind::kExtrapolation},
    {v1::WARNING_CODE_TOKENS_PER_PARAM_BEYOND_DATA,
     PlanWarningKind::kTokensPerParamBeyondData},
    {v1::WARNING_CODE_ROUTER_OUTWEIGHS_EXPERT,
     PlanWarningKind::kRouterOutweighsExpert},
    {v1::WARNING_CODE_BELOW_SMALLEST_SHAPE,
     PlanWarningKind::kBelowSmallestShape},
    {v1::WARNING_CODE_EMBEDDINGS_NOT_COUNTED,
     PlanWarningKind::kEmbeddingsNotCounted},
    {v1::WARNING_CODE_SCALE_ASSUMED, PlanWarningKind::kScaleIsAssumed},
    {v1::WARNING_CODE_DENSE_SET_DIFFERS, PlanWarningKind::kDenseSetDiffers},
    {v1::WARNING_CODE_NO_DENSE_REFERENCE, PlanWarningKind::kNoDenseReference},
    {v1::WARNING_CODE_SMALL_DIFFERENCE, PlanWarningKind::kSmallestDifference},
};

void FlopsToWire(const FlopBreakdown& flops, v1::FlopBreakdown* wire) {
  wire->set_total_flops(flops.total_flops());
  wire->set_train_flops(flops.train_flops);
  wire->set_train_routing_flops(flops.routing_train_flops);
  wire->set_serving_flops(flops.serve_flops);
}

void MemoryToWire(const MemoryBreakdown& memory, v1::MemoryBreakdown* wire) {
  wire->set_weight_elements(memory.weight_elements);
  wire->set_kv_cache_elements(memory.cache_elements);
  // The parts add up to the total, which is what a limit is held against.
  const int64_t total = WholeBytes(memory.total_bytes());
  const int64_t weights = std::min(total, WholeBytes(memory.weight_bytes));
  wire->set_weight_bytes(weights);
  wire->set_kv_cache_bytes(total - weights);
  wire->set_serving_bytes(total);
}

void AdviceToWire(const Advice& advice, v1::TrainingAdvice* wire) {
  if (advice.peak_learning_rate.has_value()) {
    wire->set_peak_learning_rate(*advice.peak_learning_rate);
  }
  if (advice.batch_tokens.has_value()) {
    wire->set_batch_tokens(*advice.batch_tokens);
  }
  wire->set_basis(advice.basis);
  ExtrapolationsToWire(advice.extrapolations, wire->mutable_extrapolations());
}

void SavingToWire(const ComputeSaving& saving, v1::ComputeSaving* wire) {
  wire->set_dense_coefficient_set(CoefficientSetName(saving.dense_set_id));
  if (saving.dense_flops_for_same_loss.has_value()) {
    wire->set_dense_flops_for_same_loss(*saving.dense_flops_for_same_loss);
  }
  if (saving.dense_to_plan_flops_ratio.has_value()) {
    wire->set_dense_to_plan_flops_ratio(*saving.dense_to_plan_flops_ratio);
  }
  if (saving.saving_at_plan_flops.has_value()) {
    wire->set_saving_at_plan_flops(*saving.saving_at_plan_flops);
  }
  if (saving.saving_at_dense_flops.has_value()) {
    wire->set_saving_at_dense_flops(*saving.saving_at_dense_flops);
  }
}

void ConstraintsToWire(const Plan& plan, v1::Plan* wire) {
  for (const BindingConstraint& binding : plan.binding_constraints) {
    v1::BindingConstraint* one = wire->add_binding_constraints();
    one->set_constraint(EnumToWire(kConstraints, binding.constraint));
    if (binding.loss_per_ln_limit.has_value()) {
      one->set_loss_per_ln_limit(*binding.loss_per_ln_limit);
    }
  }
}

void PlanToWire(const OptimalConfigQuery& query, const Plan& plan,
                v1::Plan* wire) {
  ConfigurationToWire(plan.configuration, wire->mutable_optimum());
  if (plan.interval.has_value()) {
    LossIntervalToWire(*plan.interval, wire->mutable_loss_interval());
  }
  ConstraintsToWire(plan, wire);
  if (query.problem.compute_budget_flops.has_value()) {
    wire->set_budget_left_flops(plan.leftover_flops);
  }
  if (plan.flat_region.has_value()) {
    v1::FlatRegion* flat = wire->mutable_flat_region();
    flat->set_loss_tolerance(query.problem.loss_tolerance);
    flat->set_active_params_low(plan.flat_region->active_params_low);
    flat->set_active_params_high(plan.flat_region->active_params_high);
    flat->set_low_is_limit(plan.flat_region->low_is_limit);
    flat->set_high_is_limit(plan.flat_region->high_is_limit);
  }
  if (plan.dense_baseline.has_value()) {
    v1::DenseBaseline* dense = wire->mutable_dense_baseline();
    dense->set_coefficient_set(CoefficientSetName(plan.dense_baseline->set_id));
    ConfigurationToWire(plan.dense_baseline->configuration,
                        dense->mutable_point());
    dense->set_loss_gap(plan.dense_baseline->loss_gap);
  }
  if (plan.saving.has_value()) {
    SavingToWire(*plan.saving, wire->mutable_saving());
  }
  if (plan.advice.has_value()) AdviceToWire(*plan.advice, wire->add_advice());
  for (const Configuration& best : plan.best_per_expansion_rate) {
    ConfigurationToWire(best, wire->add_best_by_expansion_rate());
  }
  if (query.include_cells) {
    for (const Configuration& best : plan.best_per_cell) {
      ConfigurationToWire(best, wire->add_best_by_cell());
    }
  }
  for (const Configuration& alternative : plan.alternatives) {
    ConfigurationToWire(alternative, wire->add_alternatives());
  }
}

bool IsUpperBound(Constraint constraint) {
  return constraint == Constraint::kServedTokens ||
         constraint == Constraint::kSmallestShape;
}

absl::string_view InWords(Constraint constraint) {
  switch (constraint) {
    case Constraint::kComputeBudget:
      return "the compute budget (FLOPs)";
    case Constraint::kMemory:
      return "the memory limit";
    case Constraint::kTrainingTokens:
      return "the available training tokens";
    case Constraint::kServedTokens:
      return "the tokens to be served";
    case Constraint::kTargetLoss:
      return "the target loss";
    case Constraint::kSmallestShape:
      return "the d_model of the smallest shape";
  }
  return "a limit";
}

void InfeasibleToWire(const Infeasible& infeasible, v1::Infeasible* wire) {
  std::string remedies;
  for (const Relaxation& relaxation : infeasible.relaxations) {
    v1::Relaxation* one = wire->add_relaxations();
    one->set_constraint(EnumToWire(kConstraints, relaxation.constraint));
    one->set_unattained_limit(relaxation.is_unattained_limit);
    const absl::string_view name = InWords(relaxation.constraint);
    if (!relaxation.value.has_value()) {
      one->mutable_not_fixable_alone()->set_reason(
          absl::StrCat("no value of ", name,
                       " alone admits a model; another limit has to give"));
      continue;
    }
    const bool upper = IsUpperBound(relaxation.constraint);
    if (upper) {
      one->set_largest_value(*relaxation.value);
    } else {
      one->set_smallest_value(*relaxation.value);
    }
    absl::StrAppend(&remedies, remedies.empty() ? "" : ", or ", name,
                    upper ? " at most " : " at least ",
                    FormatNumber(*relaxation.value, 4));
  }
  wire->set_message(
      remedies.empty()
          ? "No model keeps all limits, and no single limit can mend that."
          : absl::StrCat("No model keeps all limits. With the others as they "
                         "are it takes ",
                         remedies, "."));
}

void CandidateToWire(const Evaluation& evaluation, v1::PlanPoint* wire) {
  const LawPoint<double>& point = evaluation.prediction.point;
  v1::PlanShape* shape = wire->mutable_shape();
  shape->set_law_params(point.params);
  shape->set_active_params(evaluation.active_params);
  shape->set_total_params(evaluation.total_params);
  shape->set_expansion_rate(point.expansion_rate);
  shape->set_granularity(point.granularity);
  shape->set_routed_experts(point.expansion_rate * point.granularity);
  wire->set_training_tokens(point.training_tokens);
  wire->set_tokens_per_param(point.training_tokens / evaluation.active_params);
  wire->set_loss(evaluation.prediction.loss);
  FlopsToWire(evaluation.flops, wire->mutable_flops());
  ExtrapolationsToWire(evaluation.prediction.extrapolations,
                       wire->mutable_extrapolations());
}

void WarningsToWire(const OptimalConfigQuery& query, const Plan& plan,
                    v1::OptimalConfigResponse* wire) {
  for (const PlanWarning& warning : plan.warnings) {
    AddWarning(EnumToWire(kWarnings, warning.kind), warning.text,
               wire->mutable_warnings());
  }
  // Rounding leaves crumbs of any budget.
  const double budget = query.problem.compute_budget_flops.value_or(0);
  if (query.problem.objective == PlanObjective::kLeastLoss &&
      plan.leftover_flops > 1e-9 * budget) {
    AddWarning(
        v1::WARNING_CODE_BUDGET_LEFT_OVER,
        absl::StrCat(FormatFlops(plan.leftover_flops, 3), " FLOPs (",
                     FormatNumber(100 * plan.leftover_flops / budget, 3),
                     " %) of the budget are left over: size and tokens are "
                     "both held by other limits"),
        wire->mutable_warnings());
  }
}

}  // namespace

void EvaluationToWire(const Evaluation& evaluation, v1::Evaluation* wire) {
  wire->set_verdict(EnumToWire(kVerdicts, evaluation.verdict));
  wire->set_reason(evaluation.reason);
  CandidateToWire(evaluation, wire->mutable_candidate());
  if (evaluation.prediction.interval.has_value()) {
    LossIntervalToWire(*evaluation.prediction.interval,
                       wire->mutable_loss_interval());
  }
  if (evaluation.optimum.has_value()) {
    ConfigurationToWire(*evaluation.optimum, wire->mutable_optimum());
  }
  if (evaluation.loss_gap.has_value()) {
    wire->set_loss_gap(*evaluation.loss_gap);
  }
  if (evaluation.compute_to_same_loss_ratio.has_value()) {
    wire->set_compute_to_same_loss_ratio(
        *evaluation.compute_to_same_loss_ratio);
  }
  if (evaluation.wasted_flops.has_value()) {
    wire->set_wasted_flops(*evaluation.wasted_flops);
  }
  for (const Constraint broken : evaluation.broken_limits) {
    wire->add_violated_constraints(EnumToWire(kConstraints, broken));
  }
  for (const std::string& caveat : evaluation.caveats) {
    wire->add_caveats(caveat);
  }
}

int64_t WholeBytes(double bytes) {
  constexpr double kTwoTo63 = 9223372036854775808.0;
  // A plan at its limit is there up to the solver's last digits; they do not
  // make a further byte.
  constexpr double kSolverNoise = 1e-11;
  const double whole = std::ceil(bytes * (1 - kSolverNoise));
  if (whole >= kTwoTo63) return std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(whole);
}

void ConfigurationToWire(const Configuration& from, v1::PlanPoint* wire) {
  v1::PlanShape* shape = wire->mutable_shape();
  shape->set_law_params(from.law_params);
  shape->set_active_params(from.active_params);
  shape->set_total_params(from.total_params);
  shape->set_expansion_rate(from.expansion_rate);
  shape->set_granularity(from.granularity);
  shape->set_routed_experts(from.routed_experts);
  shape->set_d_model(from.d_model);
  shape->set_block_count(from.block_count);
  shape->set_router_params(from.router_params);
  wire->set_training_tokens(from.training_tokens);
  wire->set_tokens_per_param(from.tokens_per_param);
  wire->set_loss(from.loss);
  FlopsToWire(from.flops, wire->mutable_flops());
  MemoryToWire(from.memory, wire->mutable_memory());
  ExtrapolationsToWire(from.extrapolations, wire->mutable_extrapolations());
}

void OptimalConfigAnswerToWire(const OptimalConfigQuery& query,
                               const OptimalConfigAnswer& answer,
                               v1::OptimalConfigResponse* wire) {
  if (const Plan* plan = std::get_if<Plan>(&answer.outcome)) {
    PlanToWire(query, *plan, wire->mutable_plan());
    WarningsToWire(query, *plan, wire);
  } else {
    InfeasibleToWire(std::get<Infeasible>(answer.outcome),
                     wire->mutable_infeasible());
  }
  if (answer.evaluation.has_value()) {
    EvaluationToWire(*answer.evaluation, wire->mutable_evaluation());
  }
  for (const ParetoPoint& point : answer.pareto) {
    v1::ParetoPoint* one = wire->add_pareto_points();
    one->set_memory_bytes(WholeBytes(point.memory_bytes));
    ConfigurationToWire(point.configuration, one->mutable_point());
  }
  AddSetCaveat(*query.problem.set, wire->mutable_warnings());
  ProvenanceToWire(*query.problem.set, wire->mutable_provenance());
}

std::string DenseSetId(const OptimalConfigAnswer& answer) {
  const Plan* plan = std::get_if<Plan>(&answer.outcome);
  if (plan == nullptr) return "";
  if (plan->dense_baseline.has_value()) return plan->dense_baseline->set_id;
  if (plan->saving.has_value()) return plan->saving->dense_set_id;
  return "";
}

}  // namespace moeplan::server
