#include "server/convert/optimal_config_convert.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/convert/enum_table.h"
#include "server/convert/limits.h"
#include "server/convert/model_shape_convert.h"
#include "server/convert/plan_limits_convert.h"
#include "server/convert/resource_name.h"
#include "server/convert/unserved_parts.h"
#include "server/rpc/status.h"

namespace moeplan::server {
namespace {

constexpr int kMostCells = 64;  // values of E, and of G
constexpr int kMostAlternatives = 4096;
constexpr int kMostParetoPoints = 1000;

// What UNIMPLEMENTED answers is legal here.
constexpr std::pair<v1::Objective, PlanObjective> kObjectives[] = {
    {v1::OBJECTIVE_LEAST_LOSS, PlanObjective::kLeastLoss},
    {v1::OBJECTIVE_LEAST_COMPUTE, PlanObjective::kLeastCompute},
    {v1::OBJECTIVE_LEAST_TOTAL_COST, PlanObjective::kLeastCompute},
    {v1::OBJECTIVE_LEAST_SERVING_MEMORY, PlanObjective::kLeastServingMemory},
};

void ConvertObjective(const v1::OptimalConfigRequest& wire,
                      OptimalConfigProblem& problem, Violations& violations) {
  problem.objective =
      EnumFromWire(kObjectives, "objective", wire.objective(), violations)
          .value_or(PlanObjective::kLeastLoss);
  const bool has_target = problem.objective != PlanObjective::kLeastLoss;
  if (has_target || wire.target_loss() != 0) {
    if (!has_target && wire.objective() == v1::OBJECTIVE_LEAST_LOSS) {
      violations.AddNumber("target_loss",
                           "must be unset when the loss is the objective",
                           wire.target_loss());
    }
    if (violations.RequirePositiveFinite("target_loss", wire.target_loss())) {
      violations.RequireWithin("target_loss", wire.target_loss(), 0, 1000);
    }
    problem.target_loss = wire.target_loss();
  }
}

void ConvertBudget(const v1::OptimalConfigRequest& wire,
                   OptimalConfigQuery& query, Violations& violations) {
  const FieldPath field("budget");
  if (!wire.has_budget()) {
    if (wire.objective() == v1::OBJECTIVE_LEAST_LOSS && !wire.has_candidate()) {
      violations.Add(field,
                     "must be set when the loss is the objective and "
                     "there is no candidate");
    }
    if (wire.objective() == v1::OBJECTIVE_LEAST_SERVING_MEMORY &&
        wire.token_supply().available_training_tokens() == 0) {
      violations.Add(field,
                     "must be set, or token_supply: with unlimited tokens "
                     "there is no smallest model");
    }
    return;
  }
  switch (wire.budget().compute_case()) {
    case v1::ComputeBudget::kTrainFlops:
      violations.RequireWithin(field / "train_flops",
                               wire.budget().train_flops(), 1, kMostFlops);
      query.problem.compute_budget_flops = wire.budget().train_flops();
      break;
    case v1::ComputeBudget::kHardware:
      query.hardware = HardwareBudgetFromWire(
          field / "hardware", wire.budget().hardware(), violations);
      break;
    case v1::ComputeBudget::COMPUTE_NOT_SET:
      violations.Add(field, "must be set to one of train_flops and hardware");
  }
}

std::vector<double> TakeCells(
    const FieldPath& field, const google::protobuf::RepeatedField<double>& wire,
    Violations& violations) {
  if (wire.size() > kMostCells) {
    violations.AddInteger(
        field, absl::StrCat("must have at most ", kMostCells, " values"),
        wire.size());
    return {};
  }
  for (int i = 0; i < wire.size(); ++i) {
    violations.RequireWithin(field[i], wire[i], 1, kLargestRatio);
    if (std::find(wire.begin(), wire.begin() + i, wire[i]) !=
        wire.begin() + i) {
      violations.AddNumber(field[i], "must not be listed twice", wire[i]);
    }
  }
  return {wire.begin(), wire.end()};
}

void ConvertSearchSpace(const v1::SearchSpace& wire, OptimalConfigQuery& query,
                        Violations& violations) {
  const FieldPath field("search_space");
  SearchSpace& space = query.problem.space;
  space.expansion_rates =
      TakeCells(field / "expansion_rates", wire.expansion_rates(), violations);
  space.granularities =
      TakeCells(field / "granularities", wire.granularities(), violations);
  if (wire.has_routing_flops_per_router_param()) {
    query.routing_flops_given = true;
    violations.RequireWithin(field / "routing_flops_per_router_param",
                             wire.routing_flops_per_router_param(), 0, 1e6);
    query.problem.accounting.routing_flops_per_router_param =
        wire.routing_flops_per_router_param();
  }
  if (wire.has_smallest_shape()) {
    const FieldPath shape = field / "smallest_shape";
    space.smallest_shape->d_model =
        OrStandard(shape / "d_model", wire.smallest_shape().d_model(), 64, 1e9,
                   violations);
    space.smallest_shape->block_count =
        OrStandard(shape / "block_count", wire.smallest_shape().block_count(),
                   1, 1e9, violations);
  }
  if (wire.any_shape()) {
    if (wire.has_smallest_shape()) {
      violations.Add(field / "any_shape",
                     "must not be set together with smallest_shape");
    }
    space.smallest_shape.reset();
  }
  if (wire.has_shape_rules() && !wire.realisable()) {
    violations.Add(field / "shape_rules",
                   "must not be set unless realisable is");
  }
}

void ConvertCandidate(const v1::Candidate& wire, OptimalConfigQuery& query,
                      Violations& violations) {
  const FieldPath field("candidate");
  // With device time, 0 is what that buys.
  if (!query.hardware.has_value() || wire.training_tokens() != 0) {
    violations.RequireWithin(field / "training_tokens", wire.training_tokens(),
                             1, kMostTrainingTokens);
  }
  Candidate candidate;
  candidate.training_tokens = wire.training_tokens();
  if (wire.has_shape()) {
    std::optional<ModelShape> shape =
        ModelShapeFromWire(field / "shape", wire.shape(), violations);
    if (shape.has_value()) candidate.model = *std::move(shape);
  } else if (wire.has_point()) {
    const FieldPath point = field / "point";
    LawCandidate law;
    law.active_params = wire.point().active_params();
    violations.RequireWithin(point / "active_params", law.active_params, 1,
                             kMostParams);
    query.candidate_expansion_rate_given = wire.point().expansion_rate() != 0;
    query.candidate_granularity_given = wire.point().granularity() != 0;
    if (query.candidate_expansion_rate_given) {
      law.expansion_rate = wire.point().expansion_rate();
      violations.RequireWithin(point / "expansion_rate", law.expansion_rate, 1,
                               kLargestRatio);
    }
    if (query.candidate_granularity_given) {
      law.granularity = wire.point().granularity();
      violations.RequireWithin(point / "granularity", law.granularity, 1,
                               kLargestRatio);
    }
    candidate.model = law;
  } else {
    violations.Add(field / "size", "must be set to one of shape and point");
  }
  query.problem.candidate = std::move(candidate);
}

void ConvertAnswerOptions(const v1::OptimalConfigRequest& wire,
                          OptimalConfigQuery& query, Violations& violations) {
  OptimalConfigProblem& problem = query.problem;
  if (wire.loss_tolerance() != 0) {
    violations.RequireWithin("loss_tolerance", wire.loss_tolerance(), 1e-12,
                             10);
    problem.loss_tolerance = wire.loss_tolerance();
  }
  if (wire.has_alternative_count()) {
    violations.RequireIntegerWithin(
        "alternative_count", wire.alternative_count(), 0, kMostAlternatives);
    problem.alternative_count = wire.alternative_count();
  }
  query.include_cells = wire.include_cells();
  violations.RequireNonNegativeFinite("max_extrapolation_decades",
                                      wire.max_extrapolation_decades());
  problem.max_extrapolation_decades = wire.max_extrapolation_decades();
  problem.strict = wire.strict();
  violations.RequireIntegerWithin(
      "pareto_point_count", wire.pareto_point_count(), 0, kMostParetoPoints);
  problem.pareto_point_count = wire.pareto_point_count();
  if (wire.pareto_point_count() > 0 &&
      wire.objective() != v1::OBJECTIVE_LEAST_LOSS) {
    violations.AddInteger("pareto_point_count",
                          "must be 0 unless the objective is LEAST_LOSS",
                          wire.pareto_point_count());
  }
  problem.advice.by_non_embedding_params =
      wire.learning_rate_by_non_embedding_params();
}

}  // namespace

absl::StatusOr<OptimalConfigQuery> OptimalConfigFromWire(
    const v1::OptimalConfigRequest& wire) {
  Violations violations;
  OptimalConfigQuery query;
  if (!wire.coefficient_set().empty()) {
    query.set_id = ParseCoefficientSetName("coefficient_set",
                                           wire.coefficient_set(), violations);
  }
  if (!wire.dense_coefficient_set().empty()) {
    query.dense_set_id = ParseCoefficientSetName(
        "dense_coefficient_set", wire.dense_coefficient_set(), violations);
  }
  ConvertObjective(wire, query.problem, violations);
  ConvertBudget(wire, query, violations);
  query.training_setup =
      TrainingSetupFromWire("training_setup", wire.has_training_setup(),
                            wire.training_setup(), violations);
  if (wire.has_memory_limit()) {
    ConvertMemoryLimit(wire.memory_limit(), query.problem, violations);
  }
  ConvertServingMemory(wire.serving_memory(), query.problem, violations);
  ConvertTokenSupply(wire.token_supply(), query.problem, violations);
  if (wire.has_serving_demand()) {
    ConvertServingDemand(wire.serving_demand(), query.hardware.has_value(),
                         query.problem, violations);
    if (query.hardware.has_value()) {
      query.serving = ServingDemandOnDevices(wire.serving_demand(),
                                             query.problem.serving_memory);
      query.context_tokens_given = wire.serving_demand().context_tokens() != 0;
    }
  }
  ConvertSearchSpace(wire.search_space(), query, violations);
  if (wire.has_candidate()) {
    ConvertCandidate(wire.candidate(), query, violations);
  }
  ConvertAnswerOptions(wire, query, violations);
  if (!violations.empty()) return InvalidRequestError(violations);
  const absl::Status served = CheckServed(wire, query);
  if (!served.ok()) return served;
  return query;
}

absl::Status CompleteProblem(std::shared_ptr<const CoefficientSet> set,
                             std::shared_ptr<const CoefficientSet> dense,
                             OptimalConfigQuery& query) {
  OptimalConfigProblem& problem = query.problem;
  if (query.routing_flops_given &&
      set->spec().convention.flop_rule != FlopRule::kActiveParamsPlusRouting) {
    return absl::FailedPreconditionError(absl::StrCat(
        "search_space.routing_flops_per_router_param: the FLOP rule of ",
        CoefficientSetName(set->id()), " does not count routing"));
  }
  if (problem.candidate.has_value()) {
    if (auto* law = std::get_if<LawCandidate>(&problem.candidate->model)) {
      if (!query.candidate_expansion_rate_given) {
        law->expansion_rate =
            set->FixedValue(LawVariable::kExpansionRate).value_or(1);
      }
      if (!query.candidate_granularity_given) {
        law->granularity =
            set->FixedValue(LawVariable::kGranularity).value_or(1);
      }
    }
  }
  problem.set = std::move(set);
  problem.dense_reference = std::move(dense);
  return absl::OkStatus();
}

}  // namespace moeplan::server
