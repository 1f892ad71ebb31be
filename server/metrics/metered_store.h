#ifndef MOEPLAN_SERVER_METRICS_METERED_STORE_H_
#define MOEPLAN_SERVER_METRICS_METERED_STORE_H_

#include <memory>

#include "server/metrics/metrics_page.h"
#include "server/store/store.h"

namespace moeplan::server {

// `store`, with every operation timed and its failures counted. `registry`
// outlives it.
std::unique_ptr<Store> NewMeteredStore(std::unique_ptr<Store> store,
                                       prometheus::Registry& registry);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_METRICS_METERED_STORE_H_
