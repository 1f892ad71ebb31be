#ifndef MOEPLAN_SERVER_METRICS_ANSWER_METRICS_H_
#define MOEPLAN_SERVER_METRICS_ANSWER_METRICS_H_

#include <map>
#include <string>
#include <utility>

#include "server/metrics/metrics_page.h"
#include "server/services/answer_observer.h"

namespace moeplan::server {

// What is asked of the planner, what limits its answers, and how fits go.
class AnswerMetrics : public AnswerObserver {
 public:
  // `registry` outlives this.
  explicit AnswerMetrics(prometheus::Registry& registry);

  void OnPredict(const v1::PredictResponse& answer) override;
  void OnOptimalConfig(const v1::OptimalConfigRequest& request,
                       const v1::OptimalConfigResponse& answer) override;
  void OnFit(const v1::FitResult& result, absl::Duration took) override;
  void OnFitFailed(InterruptReason reason) override;

 private:
  // A counter of one family, by the value of its closed label.
  template <typename Key>
  using CounterBy = std::map<Key, prometheus::Counter*>;

  void AddPlanCounters(prometheus::Registry& registry);
  void AddFitCounters(prometheus::Registry& registry);

  CounterBy<bool> points_;  // by whether outside
  struct PlanCounters {
    prometheus::Counter* inside;
    prometheus::Counter* outside;
    prometheus::Counter* infeasible;
  };
  std::map<int, PlanCounters> plans_;       // by objective
  CounterBy<std::pair<bool, int>> limits_;  // by feasible and constraint
  CounterBy<int> evaluations_;              // by verdict
  // By family and outcome.
  CounterBy<std::pair<std::string, std::string>> fits_;
  CounterBy<InterruptReason> fit_failures_;
  prometheus::Histogram& fit_seconds_;
  prometheus::Counter& starts_;
  prometheus::Histogram& starts_at_best_;
};

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_METRICS_ANSWER_METRICS_H_
