#ifndef MOEPLAN_SERVER_METRICS_STATE_METRICS_H_
#define MOEPLAN_SERVER_METRICS_STATE_METRICS_H_

#include <memory>

#include "server/metrics/metrics_page.h"
#include "server/rpc/call_dispatcher.h"
#include "server/services/set_catalog.h"

namespace moeplan::server {

// What the server holds and does at the moment of a scrape: its version, its
// sets, its executors. Arguments outlive it.
std::shared_ptr<prometheus::Collectable> NewStateMetrics(
    const SetCatalog& catalog, CallDispatcher& dispatcher);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_METRICS_STATE_METRICS_H_
