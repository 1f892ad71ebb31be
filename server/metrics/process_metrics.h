#ifndef MOEPLAN_SERVER_METRICS_PROCESS_METRICS_H_
#define MOEPLAN_SERVER_METRICS_PROCESS_METRICS_H_

#include <memory>

#include "server/metrics/metrics_page.h"

namespace moeplan::server {

// The process_* families of this process, read from /proc at each scrape; a
// family that cannot be read is left out.
std::shared_ptr<prometheus::Collectable> NewProcessMetrics();

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_METRICS_PROCESS_METRICS_H_
