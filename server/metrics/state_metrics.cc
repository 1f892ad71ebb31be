#include "server/metrics/state_metrics.h"

#include <string>
#include <utility>
#include <vector>

#include "server/rpc/server_version.h"

namespace moeplan::server {
namespace {

class StateMetrics final : public prometheus::Collectable {
 public:
  StateMetrics(const SetCatalog& catalog, CallDispatcher& dispatcher)
      : catalog_(catalog), dispatcher_(dispatcher) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    constexpr auto kGauge = prometheus::MetricType::Gauge;
    double served = 0;
    double quarantined = 0;
    const auto snapshot = catalog_.snapshot();
    for (const auto& [id, set] : snapshot->sets()) {
      (set.set.ok() ? served : quarantined) += 1;
    }
    std::vector<std::pair<MetricLabels, double>> in_flight;
    std::vector<std::pair<MetricLabels, double>> limits;
    for (const CallClass call_class : kExecutorClasses) {
      const MetricLabels labels = {
          {"class", std::string(CallClassName(call_class))}};
      const BoundedExecutor& executor = dispatcher_.executor(call_class);
      in_flight.emplace_back(labels, executor.in_flight());
      limits.emplace_back(labels, executor.options().max_in_flight);
    }
    return {
        ScrapedFamily(
            "moeplan_build_info", "Version of the server.", kGauge,
            {{{{"version", ServerVersion()}, {"revision", SourceRevision()}},
              1}}),
        ScrapedFamily("moeplan_coefficient_sets", "Coefficient sets held.",
                      kGauge,
                      {{{{"state", "served"}}, served},
                       {{{"state", "quarantined"}}, quarantined}}),
        ScrapedFamily("moeplan_inflight",
                      "Calls running or waiting on the executor of a class.",
                      kGauge, in_flight),
        ScrapedFamily("moeplan_inflight_limit",
                      "Beyond this many a call of the class is refused.",
                      kGauge, limits),
    };
  }

 private:
  const SetCatalog& catalog_;
  CallDispatcher& dispatcher_;
};

}  // namespace

std::shared_ptr<prometheus::Collectable> NewStateMetrics(
    const SetCatalog& catalog, CallDispatcher& dispatcher) {
  return std::make_shared<StateMetrics>(catalog, dispatcher);
}

}  // namespace moeplan::server
