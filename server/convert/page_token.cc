#include "server/convert/page_token.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "core/base/sha256.h"

namespace moeplan::server {
namespace {

constexpr size_t kDigestDigits = 16;
constexpr size_t kLongestToken = 256;
constexpr int kStandardPage = 50;
constexpr int kLargestPage = 500;

// Of the id too, so that a token cannot be made up or mistyped.
std::string DigestOf(absl::string_view last_id, absl::string_view arguments) {
  return Sha256Hex(absl::StrCat("page;", last_id.size(), ":", last_id, ";",
                                arguments))
      .substr(0, kDigestDigits);
}

}  // namespace

std::string PageToken(absl::string_view last_id, absl::string_view arguments) {
  return absl::WebSafeBase64Escape(
      absl::StrCat(DigestOf(last_id, arguments), last_id));
}

std::string ParsePageToken(const FieldPath& field, absl::string_view token,
                           absl::string_view arguments,
                           Violations& violations) {
  if (token.empty()) return "";
  std::string text;
  if (token.size() <= kLongestToken &&
      absl::WebSafeBase64Unescape(token, &text) &&
      text.size() > kDigestDigits) {
    std::string last_id = text.substr(kDigestDigits);
    if (text == DigestOf(last_id, arguments) + last_id) return last_id;
  }
  violations.Add(field,
                 "must be empty or the next_page_token of a call with the same "
                 "other fields",
                 token);
  return "";
}

int PageSize(const FieldPath& field, int page_size, Violations& violations) {
  if (page_size < 0) {
    violations.AddInteger(field, "must be >= 0", page_size);
    return kStandardPage;
  }
  return page_size == 0 ? kStandardPage : std::min(page_size, kLargestPage);
}

}  // namespace moeplan::server
