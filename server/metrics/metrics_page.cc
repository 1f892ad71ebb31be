#include "server/metrics/metrics_page.h"

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace moeplan::server {

const prometheus::Histogram::BucketBoundaries& SecondsBuckets() {
  static const auto& buckets = *new prometheus::Histogram::BucketBoundaries{
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
      0.25,   0.5,     1,      2.5,   5,      10,    30,   60,    300};
  return buckets;
}

prometheus::Counter& AddCounter(prometheus::Registry& registry,
                                const std::string& name,
                                const std::string& help,
                                const MetricLabels& labels) {
  return prometheus::BuildCounter()
      .Name(name)
      .Help(help)
      .Register(registry)
      .Add(labels);
}

prometheus::Histogram& AddHistogram(
    prometheus::Registry& registry, const std::string& name,
    const std::string& help, const MetricLabels& labels,
    const prometheus::Histogram::BucketBoundaries& buckets) {
  return prometheus::BuildHistogram()
      .Name(name)
      .Help(help)
      .Register(registry)
      .Add(labels, buckets);
}

prometheus::MetricFamily ScrapedFamily(
    const std::string& name, const std::string& help,
    prometheus::MetricType type,
    const std::vector<std::pair<MetricLabels, double>>& values) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  for (const auto& [labels, value] : values) {
    prometheus::ClientMetric metric;
    for (const auto& [label, text] : labels) {
      metric.label.push_back({label, text});
    }
    // The serializer reads the one that `type` names.
    metric.counter.value = value;
    metric.gauge.value = value;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

std::string EnumLabel(const std::string& enum_value,
                      const std::string& prefix) {
  return absl::AsciiStrToLower(absl::StripPrefix(enum_value, prefix));
}

}  // namespace moeplan::server
