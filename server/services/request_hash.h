#ifndef MOEPLAN_SERVER_SERVICES_REQUEST_HASH_H_
#define MOEPLAN_SERVER_SERVICES_REQUEST_HASH_H_

#include "absl/strings/str_cat.h"
#include "core/base/sha256.h"
#include "server/convert/deterministic_bytes.h"
#include "server/store/store.h"

namespace moeplan::server {

// What makes a write of `request` safe to repeat: its request_id, and a hash of
// its type and of everything else in it.
template <typename Request>
Idempotency IdempotencyOf(const Request& request) {
  if (request.request_id().empty()) return {};
  Request body = request;
  body.clear_request_id();
  return {request.request_id(),
          Sha256Hex(absl::StrCat(request.GetTypeName(), "\n",
                                 DeterministicBytes(body)))};
}

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_SERVICES_REQUEST_HASH_H_
