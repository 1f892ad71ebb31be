#ifndef MOEPLAN_SERVER_METRICS_CALL_METRICS_H_
#define MOEPLAN_SERVER_METRICS_CALL_METRICS_H_

#include <map>

#include "server/metrics/metrics_page.h"
#include "server/rpc/call_class.h"
#include "server/rpc/call_observer.h"

namespace moeplan::server {

// What admission and the executors did to calls.
class CallMetrics : public CallObserver {
 public:
  // `registry` outlives this.
  explicit CallMetrics(prometheus::Registry& registry);

  void OnCallFinished(const CallRecord& record) override;

 private:
  struct OfClass {
    prometheus::Histogram* queue_wait;
    prometheus::Counter* rejected;
  };
  std::map<CallClass, OfClass> classes_;
  prometheus::Counter& abandoned_;
};

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_METRICS_CALL_METRICS_H_
