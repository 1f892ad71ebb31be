#include "worker/bench/case.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/sha256.h"

namespace moeplan::worker {
namespace {

const std::vector<int64_t>* RowsOf(const Operation& operation) {
  if (const auto* grouped = std::get_if<GroupedGemm>(&operation)) {
    return &grouped->rows_per_expert;
  }
  if (const auto* block = std::get_if<MoeBlock>(&operation)) {
    return &block->rows_per_expert;
  }
  return nullptr;
}

}  // namespace

std::string NameOf(const Case& one) {
  std::string name =
      absl::StrCat(DescribeOperation(one.operation), "_", one.dtype);
  if (!one.backend.empty()) absl::StrAppend(&name, "_", one.backend);
  if (!one.routing.empty()) {
    absl::StrAppend(&name, "_", one.routing, "_s", one.seed);
  }
  return name;
}

bool RunsInFp8(const Case& one) {
  constexpr int64_t kStep = 16;
  if (const auto* op = std::get_if<Gemm>(&one.operation)) {
    return op->n % kStep == 0 && op->k % kStep == 0;
  }
  const auto* op = std::get_if<GroupedGemm>(&one.operation);
  return op != nullptr && op->in_width % kStep == 0 &&
         op->out_width % kStep == 0 && one.backend != "lt_strided";
}

std::string SuiteHash(const std::vector<Case>& cases) {
  std::string text;
  for (const Case& one : cases) {
    absl::StrAppend(&text, NameOf(one), " seed ", one.seed,
                    one.is_ceiling ? " ceiling" : "");
    // A name holds the sum and the largest of the rows only.
    if (const std::vector<int64_t>* rows = RowsOf(one.operation)) {
      absl::StrAppend(&text, " rows ", absl::StrJoin(*rows, ","));
    }
    text += '\n';
  }
  return Sha256Hex(text);
}

}  // namespace moeplan::worker
