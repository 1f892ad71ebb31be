#ifndef MOEPLAN_CORE_BASE_SHA256_H_
#define MOEPLAN_CORE_BASE_SHA256_H_

#include <initializer_list>
#include <string>

#include "absl/strings/string_view.h"

namespace moeplan {

// SHA-256 of `bytes` as 64 lowercase hexadecimal digits.
std::string Sha256Hex(absl::string_view bytes);

// The same of all parts, each with its length, so that no two rows of a table
// have one digest.
std::string Sha256HexOfParts(std::initializer_list<absl::string_view> parts);

}  // namespace moeplan

#endif  // MOEPLAN_CORE_BASE_SHA256_H_
