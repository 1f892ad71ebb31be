#include "server/metrics/answer_metrics.h"

#include <google/protobuf/descriptor.h>

#include "core/law/law_registry.h"

namespace moeplan::server {
namespace {

constexpr const char* kFitOutcomes[] = {"fitted", "reduced", "refused",
                                        "illegal"};

const char* OutcomeOf(const v1::FitReport& report) {
  if (!report.has_fitted()) return "refused";
  if (!report.fitted().has_coefficient_set()) return "illegal";
  return report.reductions().empty() ? "fitted" : "reduced";
}

template <typename Map, typename Key>
void IncrementIfKnown(const Map& counters, const Key& key) {
  const auto found = counters.find(key);
  if (found != counters.end()) found->second->Increment();
}

}  // namespace

AnswerMetrics::AnswerMetrics(prometheus::Registry& registry)
    : fit_seconds_(AddHistogram(registry, "moeplan_fit_duration_seconds",
                                "FitFromRuns calls that computed and ended "
                                "with a report.")),
      starts_(AddCounter(registry, "moeplan_fit_starts_total",
                         "Starts made by fits.")),
      starts_at_best_(AddHistogram(
          registry, "moeplan_fit_starts_at_best_ratio",
          "Share of a fit's starts that reached its best objective.", {},
          {0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1})) {
  for (const bool outside : {false, true}) {
    points_[outside] =
        &AddCounter(registry, "moeplan_predicted_points_total",
                    "Points answered by Predict, inside the fitted box of the "
                    "set or outside.",
                    {{"extrapolation", outside ? "outside" : "inside"}});
  }
  AddPlanCounters(registry);
  AddFitCounters(registry);
}

void AnswerMetrics::AddPlanCounters(prometheus::Registry& registry) {
  const auto& objectives = *v1::Objective_descriptor();
  for (int i = 1; i < objectives.value_count(); ++i) {
    const std::string objective =
        EnumLabel(objectives.value(i)->name(), "OBJECTIVE_");
    const auto add = [&](const char* outcome, const char* extrapolation) {
      return &AddCounter(registry, "moeplan_plans_total",
                         "Answers of OptimalConfig by what was to be least, "
                         "outcome, and extrapolation of the optimum.",
                         {{"objective", objective},
                          {"outcome", outcome},
                          {"extrapolation", extrapolation}});
    };
    plans_[objectives.value(i)->number()] = {add("plan", "inside"),
                                             add("plan", "outside"),
                                             add("infeasible", "none")};
  }
  const auto& constraints = *v1::Constraint_descriptor();
  for (int i = 1; i < constraints.value_count(); ++i) {
    for (const bool feasible : {true, false}) {
      limits_[{feasible, constraints.value(i)->number()}] = &AddCounter(
          registry, "moeplan_binding_constraints_total",
          "Limits that held a plan, or that admit none.",
          {{"outcome", feasible ? "plan" : "infeasible"},
           {"constraint",
            EnumLabel(constraints.value(i)->name(), "CONSTRAINT_")}});
    }
  }
  const auto& verdicts = *v1::Verdict_descriptor();
  for (int i = 1; i < verdicts.value_count(); ++i) {
    evaluations_[verdicts.value(i)->number()] = &AddCounter(
        registry, "moeplan_evaluations_total", "Verdicts on candidates.",
        {{"verdict", EnumLabel(verdicts.value(i)->name(), "VERDICT_")}});
  }
}

void AnswerMetrics::AddFitCounters(prometheus::Registry& registry) {
  for (const LawFamily* family : AllLawFamilies()) {
    const std::string name(family->descriptor().name);
    for (const char* outcome : kFitOutcomes) {
      fits_[{name, outcome}] =
          &AddCounter(registry, "moeplan_fits_total",
                      "Reports of FitFromRuns by family and outcome.",
                      {{"family", name}, {"outcome", outcome}});
    }
  }
  const std::pair<InterruptReason, const char*> reasons[] = {
      {InterruptReason::kClientLeft, "cancelled"},
      {InterruptReason::kDeadline, "deadline"},
      {InterruptReason::kShutdown, "shutdown"},
      {InterruptReason::kNone, "other"}};
  for (const auto& [reason, name] : reasons) {
    fit_failures_[reason] =
        &AddCounter(registry, "moeplan_fit_failures_total",
                    "FitFromRuns calls that ran and ended without a report.",
                    {{"reason", name}});
  }
}

void AnswerMetrics::OnPredict(const v1::PredictResponse& answer) {
  int outside = 0;
  for (const v1::PredictionDetail& detail : answer.details()) {
    if (!detail.extrapolations().empty()) ++outside;
  }
  points_[true]->Increment(outside);
  points_[false]->Increment(answer.loss_size() - outside);
}

void AnswerMetrics::OnOptimalConfig(const v1::OptimalConfigRequest& request,
                                    const v1::OptimalConfigResponse& answer) {
  const auto plans = plans_.find(request.objective());
  if (plans != plans_.end()) {
    const PlanCounters& counters = plans->second;
    if (answer.has_infeasible()) {
      counters.infeasible->Increment();
    } else if (answer.plan().optimum().extrapolations().empty()) {
      counters.inside->Increment();
    } else {
      counters.outside->Increment();
    }
  }
  for (const v1::BindingConstraint& one : answer.plan().binding_constraints()) {
    IncrementIfKnown(limits_, std::pair<bool, int>(true, one.constraint()));
  }
  for (const v1::Relaxation& one : answer.infeasible().relaxations()) {
    IncrementIfKnown(limits_, std::pair<bool, int>(false, one.constraint()));
  }
  if (answer.has_evaluation()) {
    IncrementIfKnown(evaluations_,
                     static_cast<int>(answer.evaluation().verdict()));
  }
}

void AnswerMetrics::OnFit(const v1::FitResult& result, absl::Duration took) {
  fit_seconds_.Observe(absl::ToDoubleSeconds(took));
  for (const v1::FitReport& report : result.reports()) {
    IncrementIfKnown(fits_, std::pair<std::string, std::string>(
                                report.family(), OutcomeOf(report)));
    if (report.fitted().start_count() <= 0) continue;
    starts_.Increment(report.fitted().start_count());
    starts_at_best_.Observe(
        static_cast<double>(report.fitted().starts_at_best()) /
        report.fitted().start_count());
  }
}

void AnswerMetrics::OnFitFailed(InterruptReason reason) {
  IncrementIfKnown(fit_failures_, reason);
}

}  // namespace moeplan::server
