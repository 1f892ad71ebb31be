#ifndef MOEPLAN_SERVER_CONVERT_UNSERVED_PARTS_H_
#define MOEPLAN_SERVER_CONVERT_UNSERVED_PARTS_H_

#include "absl/status/status.h"
#include "moeplan/v1/optimal_config.pb.h"
#include "server/convert/optimal_config_convert.h"

namespace moeplan::server {

// UNIMPLEMENTED naming the first field of `wire` that asks for what this server
// does not serve yet, with a sentence on what is and what is not; else OK.
// Nothing is ever ignored instead.
absl::Status CheckServed(const v1::OptimalConfigRequest& wire,
                         const OptimalConfigQuery& query);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_CONVERT_UNSERVED_PARTS_H_
