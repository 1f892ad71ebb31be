#include "server/metrics/call_metrics.h"

#include <string>

#include "server/rpc/status.h"

namespace moeplan::server {

CallMetrics::CallMetrics(prometheus::Registry& registry)
    : abandoned_(AddCounter(registry, "moeplan_reactor_abandoned_total",
                            "Calls that no code of ours finished; must stay "
                            "0.")) {
  for (const CallClass call_class : kExecutorClasses) {
    const MetricLabels labels = {
        {"class", std::string(CallClassName(call_class))}};
    classes_[call_class] = {
        &AddHistogram(registry, "moeplan_queue_wait_seconds",
                      "Time from a call's arrival to the start of its work.",
                      labels),
        &AddCounter(registry, "moeplan_admission_rejected_total",
                    "Calls refused because the class was full.", labels)};
  }
}

void CallMetrics::OnCallFinished(const CallRecord& record) {
  if (record.abandoned) abandoned_.Increment();
  const auto found = classes_.find(record.call_class);
  if (found == classes_.end()) return;
  if (ErrorReason(record.sent) == "OVERLOADED") {
    found->second.rejected->Increment();
  } else {
    found->second.queue_wait->Observe(absl::ToDoubleSeconds(record.waited));
  }
}

}  // namespace moeplan::server
