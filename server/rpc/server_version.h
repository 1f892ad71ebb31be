#ifndef MOEPLAN_SERVER_RPC_SERVER_VERSION_H_
#define MOEPLAN_SERVER_RPC_SERVER_VERSION_H_

namespace moeplan::server {

// Version of this program, such as "0.1.0"; every answer carries it.
const char* ServerVersion();

// Commit that it was built from; empty where unknown.
const char* SourceRevision();

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_RPC_SERVER_VERSION_H_
