#ifndef MOEPLAN_SERVER_SERVICES_ANSWER_OBSERVER_H_
#define MOEPLAN_SERVER_SERVICES_ANSWER_OBSERVER_H_

#include "absl/time/time.h"
#include "moeplan/v1/fit_from_runs.pb.h"
#include "moeplan/v1/optimal_config.pb.h"
#include "moeplan/v1/predict.pb.h"
#include "server/rpc/call_context.h"

namespace moeplan::server {

// Told of every answer of the planner once, just before it leaves. Thread-safe,
// and quick: it runs on the thread of the call.
class AnswerObserver {
 public:
  virtual ~AnswerObserver() = default;

  virtual void OnPredict(const v1::PredictResponse& answer) = 0;
  virtual void OnOptimalConfig(const v1::OptimalConfigRequest& request,
                               const v1::OptimalConfigResponse& answer) = 0;
  // A fit that was computed, not one repeated by its request id.
  virtual void OnFit(const v1::FitResult& result, absl::Duration took) = 0;
  // A fit that began and has no result; kNone: for another reason.
  virtual void OnFitFailed(InterruptReason reason) = 0;
};

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_SERVICES_ANSWER_OBSERVER_H_
