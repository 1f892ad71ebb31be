#include "worker/report/operation_json.h"

#include <algorithm>
#include <set>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace moeplan::worker {
namespace {

constexpr std::pair<const char*, GemmPass> kPasses[] = {
    {"forward", GemmPass::kForward},
    {"input_gradient", GemmPass::kInputGradient},
    {"weight_gradient", GemmPass::kWeightGradient}};

// Each operation names its fields once; `visit` reads or writes them.
template <typename Op, typename Visit>
void VisitFields(Op& op, Visit& visit) {
  using T = std::remove_const_t<Op>;
  if constexpr (std::is_same_v<T, Gemm>) {
    visit.Size("m", op.m);
    visit.Size("n", op.n);
    visit.Size("k", op.k);
  } else if constexpr (std::is_same_v<T, GroupedGemm>) {
    visit.Rows(op.rows_per_expert);
    visit.Size("in_width", op.in_width);
    visit.Size("out_width", op.out_width);
    visit.Pass(op.pass);
  } else if constexpr (std::is_same_v<T, AttentionCore>) {
    visit.Size("sequences", op.sequences);
    visit.Size("query_tokens", op.query_tokens);
    visit.Size("context_tokens", op.context_tokens);
    visit.OptionalSize("window", op.window);
    visit.Size("heads", op.heads);
    visit.Size("kv_heads", op.kv_heads);
    visit.Size("key_dim", op.key_dim);
    visit.Size("value_dim", op.value_dim);
    visit.Backward(op.backward);
  } else if constexpr (std::is_same_v<T, Routing>) {
    visit.Size("tokens", op.tokens);
    visit.Size("experts", op.experts);
    visit.Size("experts_per_token", op.experts_per_token);
    visit.Size("d_model", op.d_model);
    visit.Backward(op.backward);
  } else if constexpr (std::is_same_v<T, Elementwise>) {
    visit.Size("elements_read", op.elements_read);
    visit.Size("elements_written", op.elements_written);
  } else if constexpr (std::is_same_v<T, CrossEntropy>) {
    visit.Size("tokens", op.tokens);
    visit.Size("vocabulary_size", op.vocabulary_size);
  } else if constexpr (std::is_same_v<T, OptimizerStep>) {
    visit.Size("params", op.params);
  } else if constexpr (std::is_same_v<T, Copy>) {
    visit.Size("bytes", op.bytes);
  } else if constexpr (std::is_same_v<T, MoeBlock>) {
    visit.Size("tokens", op.tokens);
    visit.Size("d_model", op.d_model);
    visit.Size("experts_per_token", op.experts_per_token);
    visit.Size("expert_width", op.expert_width);
    visit.Flag("gated", op.gated);
    visit.Rows(op.rows_per_expert);
    visit.Backward(op.backward);
  }
}

class Writer {
 public:
  explicit Writer(OperationParts& parts) : parts_(parts) {}
  void Size(const char* name, int64_t value) {
    parts_.sizes.push_back({name, value});
  }
  // Messages name every size; only what people write may leave one out.
  void OptionalSize(const char* name, int64_t value) { Size(name, value); }
  void Flag(const char* name, bool value) { Size(name, value ? 1 : 0); }
  void Rows(const std::vector<int64_t>& rows) { parts_.rows_per_expert = rows; }
  void Pass(GemmPass pass) {
    for (const auto& [name, value] : kPasses) {
      if (value == pass) parts_.pass = name;
    }
  }
  void Backward(bool backward) {
    parts_.pass = backward ? "backward" : "forward";
  }

 private:
  OperationParts& parts_;
};

// Keeps the first fault.
class Reader {
 public:
  explicit Reader(const OperationParts& parts) : parts_(parts) {}
  void Size(const char* name, int64_t& value) {
    if (!OptionalSize(name, value)) Fail(absl::StrCat(name, " is missing"));
  }
  bool OptionalSize(const char* name, int64_t& value) {
    known_.insert(name);
    for (const NamedSize& size : parts_.sizes) {
      if (size.name != name) continue;
      value = size.value;
      return true;
    }
    return false;
  }
  void Flag(const char* name, bool& value) {
    int64_t number = 0;
    OptionalSize(name, number);
    value = number != 0;
  }
  void Rows(std::vector<int64_t>& rows) {
    rows = parts_.rows_per_expert;
    if (rows.empty()) Fail("rows_per_expert is missing");
  }
  void Pass(GemmPass& pass) {
    for (const auto& [name, value] : kPasses) {
      if (parts_.pass != name) continue;
      pass = value;
      return;
    }
    Fail("pass must be forward, input_gradient or weight_gradient");
  }
  void Backward(bool& backward) {
    backward = parts_.pass == "backward";
    if (!backward && parts_.pass != "forward") {
      Fail("pass must be forward or backward");
    }
  }
  absl::Status Finish() {
    for (const NamedSize& size : parts_.sizes) {
      if (!known_.contains(size.name)) {
        Fail(absl::StrCat(size.name, " is no size of ", NameOf(parts_.kind)));
      }
    }
    return status_;
  }

 private:
  void Fail(const std::string& fault) {
    status_.Update(absl::InvalidArgumentError(
        absl::StrCat(NameOf(parts_.kind), ": ", fault)));
  }

  const OperationParts& parts_;
  std::set<std::string> known_;
  absl::Status status_;
};

template <size_t I = 0>
Operation Empty(OperationKind kind) {
  if constexpr (I + 1 < std::variant_size_v<Operation>) {
    if (static_cast<size_t>(kind) != I) return Empty<I + 1>(kind);
  }
  return std::variant_alternative_t<I, Operation>{};
}

absl::StatusOr<OperationKind> KindNamed(const std::string& name) {
  for (int i = 0; i < kOperationKindCount; ++i) {
    const OperationKind kind = static_cast<OperationKind>(i);
    if (NameOf(kind) == name) return kind;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name, "\" is no kind of operation"));
}

}  // namespace

OperationParts PartsOf(const Operation& operation) {
  OperationParts parts;
  parts.kind = KindOf(operation);
  Writer writer(parts);
  std::visit([&writer](const auto& op) { VisitFields(op, writer); }, operation);
  return parts;
}

absl::StatusOr<Operation> OperationOf(const OperationParts& parts) {
  Operation operation = Empty(parts.kind);
  Reader reader(parts);
  std::visit([&reader](auto& op) { VisitFields(op, reader); }, operation);
  MOEPLAN_RETURN_IF_ERROR(reader.Finish());
  return operation;
}

nlohmann::json ToJson(const Operation& operation) {
  const OperationParts parts = PartsOf(operation);
  nlohmann::json json;
  json["kind"] = std::string(NameOf(parts.kind));
  if (!parts.pass.empty()) json["pass"] = parts.pass;
  for (const NamedSize& size : parts.sizes) json[size.name] = size.value;
  if (!parts.rows_per_expert.empty()) {
    json["rows_per_expert"] = parts.rows_per_expert;
  }
  return json;
}

absl::StatusOr<Operation> OperationFromJson(const nlohmann::json& json) {
  if (!json.is_object() || !json.contains("kind") ||
      !json["kind"].is_string()) {
    return absl::InvalidArgumentError(
        "an operation must be an object with a "
        "\"kind\"");
  }
  OperationParts parts;
  MOEPLAN_ASSIGN_OR_RETURN(parts.kind,
                           KindNamed(json["kind"].get<std::string>()));
  for (const auto& [name, value] : json.items()) {
    if (name == "kind") continue;
    if (name == "pass" && value.is_string()) {
      parts.pass = value.get<std::string>();
    } else if (name == "rows_per_expert" && value.is_array() &&
               std::all_of(value.begin(), value.end(), [](const auto& each) {
                 return each.is_number_integer();
               })) {
      parts.rows_per_expert = value.get<std::vector<int64_t>>();
    } else if (value.is_number_integer()) {
      parts.sizes.push_back({name, value.get<int64_t>()});
    } else if (value.is_boolean()) {
      parts.sizes.push_back({name, value.get<bool>() ? 1 : 0});
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", name, "\" must be a whole number"));
    }
  }
  return OperationOf(parts);
}

}  // namespace moeplan::worker
