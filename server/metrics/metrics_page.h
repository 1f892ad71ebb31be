#ifndef MOEPLAN_SERVER_METRICS_METRICS_PAGE_H_
#define MOEPLAN_SERVER_METRICS_METRICS_PAGE_H_

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>

#include <string>
#include <utility>
#include <vector>

namespace moeplan::server {

using MetricLabels = prometheus::Labels;

// Upper ends, in seconds: calls take from 0.1 ms (a prediction) to minutes (a
// fit).
const prometheus::Histogram::BucketBoundaries& SecondsBuckets();

// One series of the family `name`, made at 0 where it is new. `registry`
// outlives what is returned. Slow: only while a server starts.
prometheus::Counter& AddCounter(prometheus::Registry& registry,
                                const std::string& name,
                                const std::string& help,
                                const MetricLabels& labels = {});
prometheus::Histogram& AddHistogram(
    prometheus::Registry& registry, const std::string& name,
    const std::string& help, const MetricLabels& labels = {},
    const prometheus::Histogram::BucketBoundaries& buckets = SecondsBuckets());

// A family whose values are read at the scrape.
prometheus::MetricFamily ScrapedFamily(
    const std::string& name, const std::string& help,
    prometheus::MetricType type,
    const std::vector<std::pair<MetricLabels, double>>& values);

// "least_loss" of OBJECTIVE_LEAST_LOSS and prefix "OBJECTIVE_".
std::string EnumLabel(const std::string& enum_value, const std::string& prefix);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_METRICS_METRICS_PAGE_H_
