#ifndef MOEPLAN_TESTS_TESTING_HTTP_GET_H_
#define MOEPLAN_TESTS_TESTING_HTTP_GET_H_

#include <string>

#include "absl/status/statusor.h"

namespace moeplan::testing {

// The body that http://`address``path` answers with 200; `address` is
// IPV4:PORT. Errors: UNAVAILABLE without a connection, UNKNOWN with the first
// line of any other answer.
absl::StatusOr<std::string> HttpGet(const std::string& address,
                                    const std::string& path);

}  // namespace moeplan::testing

#endif  // MOEPLAN_TESTS_TESTING_HTTP_GET_H_
