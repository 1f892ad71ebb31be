#ifndef MOEPLAN_SERVER_STORE_DIGEST_H_
#define MOEPLAN_SERVER_STORE_DIGEST_H_

#include <initializer_list>
#include <string>

#include "absl/strings/string_view.h"

namespace moeplan::server {

// SHA-256 of `bytes` as 64 hexadecimal digits.
std::string Sha256Hex(absl::string_view bytes);

// The same of all parts, each with its length, so that no two rows of a table
// have one digest.
std::string Sha256HexOfParts(std::initializer_list<absl::string_view> parts);

}  // namespace moeplan::server

#endif  // MOEPLAN_SERVER_STORE_DIGEST_H_
