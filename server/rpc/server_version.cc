#include "server/rpc/server_version.h"

namespace moeplan::server {

const char* ServerVersion() { return MOEPLAN_SERVER_VERSION; }

const char* SourceRevision() { return MOEPLAN_SOURCE_REVISION; }

}  // namespace moeplan::server
