#include "server/convert/operation_convert.h"

#include <array>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/convert/enum_table.h"

namespace moeplan::server {
namespace {

// A size by the name that it has on the wire: a count, or a flag as 0 or 1.
template <typename Op>
struct SizeField {
  absl::string_view name;
  int64_t Op::*count = nullptr;
  bool Op::*flag = nullptr;
};

template <typename Op>
constexpr std::array<SizeField<Op>, 0> kSizes = {};
template <>
constexpr auto kSizes<Gemm> = std::to_array<SizeField<Gemm>>({{"m", &Gemm::m},
                                                              {"n", &Gemm::n},
                                                              {"k", &Gemm::k}});
template <>
constexpr auto kSizes<GroupedGemm> = std::to_array<SizeField<GroupedGemm>>(
    {{"in_width", &GroupedGemm::in_width},
     {"out_width", &GroupedGemm::out_width}});
template <>
constexpr auto kSizes<AttentionCore> = std::to_array<SizeField<AttentionCore>>(
    {{"sequences", &AttentionCore::sequences},
     {"query_tokens", &AttentionCore::query_tokens},
     {"context_tokens", &AttentionCore::context_tokens},
     {"window", &AttentionCore::window},
     {"heads", &AttentionCore::heads},
     {"kv_heads", &AttentionCore::kv_heads},
     {"key_dim", &AttentionCore::key_dim},
     {"value_dim", &AttentionCore::value_dim}});
template <>
constexpr auto kSizes<Routing> = std::to_array<SizeField<Routing>>(
    {{"tokens", &Routing::tokens},
     {"experts", &Routing::experts},
     {"experts_per_token", &Routing::experts_per_token},
     {"d_model", &Routing::d_model}});
template <>
constexpr auto kSizes<Elementwise> = std::to_array<SizeField<Elementwise>>(
    {{"elements_read", &Elementwise::elements_read},
     {"elements_written", &Elementwise::elements_written}});
template <>
constexpr auto kSizes<CrossEntropy> = std::to_array<SizeField<CrossEntropy>>(
    {{"tokens", &CrossEntropy::tokens},
     {"vocabulary_size", &CrossEntropy::vocabulary_size}});
template <>
constexpr auto kSizes<OptimizerStep> = std::to_array<SizeField<OptimizerStep>>(
    {{"params", &OptimizerStep::params}});
template <>
constexpr auto kSizes<Copy> = std::to_array<SizeField<Copy>>({{"bytes",
                                                               &Copy::bytes}});
template <>
constexpr auto kSizes<MoeBlock> = std::to_array<SizeField<MoeBlock>>(
    {{"tokens", &MoeBlock::tokens},
     {"d_model", &MoeBlock::d_model},
     {"experts_per_token", &MoeBlock::experts_per_token},
     {"expert_width", &MoeBlock::expert_width},
     {"gated", nullptr, &MoeBlock::gated}});

template <typename Op>
using PassEntry = std::pair<v1::OperationPass, Op>;
constexpr PassEntry<GemmPass> kGemmPasses[] = {
    {v1::OPERATION_PASS_FORWARD, GemmPass::kForward},
    {v1::OPERATION_PASS_INPUT_GRADIENT, GemmPass::kInputGradient},
    {v1::OPERATION_PASS_WEIGHT_GRADIENT, GemmPass::kWeightGradient},
};
constexpr PassEntry<bool> kIsBackward[] = {
    {v1::OPERATION_PASS_FORWARD, false},
    {v1::OPERATION_PASS_BACKWARD, true},
};
struct NoPass {};
constexpr PassEntry<NoPass> kNoPass[] = {{v1::OPERATION_PASS_NONE, {}}};

constexpr absl::string_view kPassPrefix = "OPERATION_PASS_";

std::string PassName(v1::OperationPass pass) {
  const std::string& name = v1::OperationPass_Name(pass);
  if (!absl::StartsWith(name, kPassPrefix)) {
    return absl::StrCat(static_cast<int>(pass));
  }
  return name.substr(kPassPrefix.size());
}

// Leaves `pass` as it is where `wire` has none of the table.
template <typename Domain, size_t kSize>
void ReadPass(const PassEntry<Domain> (&table)[kSize], const FieldPath& field,
              v1::OperationPass wire, Domain& pass, Violations& violations) {
  std::vector<std::string> known;
  for (const auto& [from, to] : table) {
    if (from == wire) {
      pass = to;
      return;
    }
    known.push_back(PassName(from));
  }
  violations.Add(field,
                 absl::StrCat("must be ", absl::StrJoin(known, " or "),
                              " for this operation"),
                 PassName(wire));
}

template <typename Op>
void ReadPassOf(const FieldPath& field, v1::OperationPass wire, Op& op,
                Violations& violations) {
  if constexpr (requires { op.pass; }) {
    ReadPass(kGemmPasses, field, wire, op.pass, violations);
  } else if constexpr (requires { op.backward; }) {
    ReadPass(kIsBackward, field, wire, op.backward, violations);
  } else {
    NoPass none;
    ReadPass(kNoPass, field, wire, none, violations);
  }
}

template <typename Op>
v1::OperationPass PassOf(const Op& op) {
  if constexpr (requires { op.pass; }) {
    return EnumToWire(kGemmPasses, op.pass);
  } else if constexpr (requires { op.backward; }) {
    return EnumToWire(kIsBackward, op.backward);
  } else {
    return v1::OPERATION_PASS_NONE;
  }
}

template <typename Op>
std::string SizeNames() {
  if (kSizes<Op>.empty()) return "absent for this operation";
  return absl::StrCat(
      "one of ",
      absl::StrJoin(kSizes<Op>, ", ", [](std::string* out, const auto& size) {
        absl::StrAppend(out, size.name);
      }));
}

template <typename Op>
void ReadSize(const SizeField<Op>& size, const FieldPath& field, int64_t value,
              Op& op, Violations& violations) {
  if (size.count != nullptr) {
    op.*size.count = value;
  } else if (violations.RequireIntegerWithin(field, value, 0, 1)) {
    op.*size.flag = value != 0;
  }
}

// Each size of `Op` exactly once, and no other.
template <typename Op>
void ReadSizes(const FieldPath& field, const v1::Measurement& wire, Op& op,
               Violations& violations) {
  std::array<bool, kSizes<Op>.size()> seen = {};
  for (int i = 0; i < wire.dimensions_size(); ++i) {
    const v1::Dimension& dimension = wire.dimensions(i);
    const FieldPath here = field[i];
    size_t which = 0;
    while (which < seen.size() && kSizes<Op>[which].name != dimension.name()) {
      ++which;
    }
    if (which == seen.size()) {
      violations.Add(here / "name", absl::StrCat("must be ", SizeNames<Op>()),
                     dimension.name());
    } else if (seen[which]) {
      violations.Add(here / "name", "must not be given twice",
                     dimension.name());
    } else {
      seen[which] = true;
      ReadSize(kSizes<Op>[which], here / "value", dimension.value(), op,
               violations);
    }
  }
  for (size_t which = 0; which < seen.size(); ++which) {
    if (seen[which]) continue;
    violations.Add(field, absl::StrCat("must hold ", kSizes<Op>[which].name));
  }
}

template <typename Op>
std::optional<Operation> ParseAs(const FieldPath& field,
                                 const v1::Measurement& wire,
                                 Violations& violations) {
  const int64_t before = violations.count();
  Op op;
  ReadSizes(field / "dimensions", wire, op, violations);
  ReadPassOf(field / "pass", wire.pass(), op, violations);
  if constexpr (requires { op.rows_per_expert; }) {
    op.rows_per_expert.assign(wire.rows_per_expert().begin(),
                              wire.rows_per_expert().end());
  } else if (!wire.rows_per_expert().empty()) {
    violations.Add(field / "rows_per_expert",
                   "must be empty for this operation");
  }
  if (violations.count() != before) return std::nullopt;
  return op;
}

constexpr std::pair<v1::OperationKind, OperationKind> kKinds[] = {
    {v1::OPERATION_KIND_GEMM, OperationKind::kGemm},
    {v1::OPERATION_KIND_GROUPED_GEMM, OperationKind::kGroupedGemm},
    {v1::OPERATION_KIND_ATTENTION, OperationKind::kAttention},
    {v1::OPERATION_KIND_ROUTING, OperationKind::kRouting},
    {v1::OPERATION_KIND_ELEMENTWISE, OperationKind::kElementwise},
    {v1::OPERATION_KIND_CROSS_ENTROPY, OperationKind::kCrossEntropy},
    {v1::OPERATION_KIND_OPTIMIZER, OperationKind::kOptimizer},
    {v1::OPERATION_KIND_COPY, OperationKind::kCopy},
    {v1::OPERATION_KIND_LAUNCH, OperationKind::kLaunch},
    {v1::OPERATION_KIND_MOE_BLOCK, OperationKind::kMoeBlock},
};

// One for each alternative of the variant, in its order.
using Parser = std::optional<Operation> (*)(const FieldPath&,
                                            const v1::Measurement&,
                                            Violations&);
template <typename... Ops>
constexpr std::array<Parser, sizeof...(Ops)> ParsersOf(std::variant<Ops...>*) {
  return {&ParseAs<Ops>...};
}
constexpr auto kParsers = ParsersOf(static_cast<Operation*>(nullptr));

}  // namespace

std::optional<Operation> OperationFromWire(const FieldPath& field,
                                           const v1::Measurement& wire,
                                           Violations& violations) {
  const std::optional<OperationKind> kind =
      EnumFromWire(kKinds, field / "operation", wire.operation(), violations);
  if (!kind.has_value()) return std::nullopt;
  return kParsers[static_cast<size_t>(*kind)](field, wire, violations);
}

void OperationToWire(const Operation& operation, v1::Measurement* wire) {
  wire->set_operation(EnumToWire(kKinds, KindOf(operation)));
  std::visit(
      [wire]<typename Op>(const Op& op) {
        wire->set_pass(PassOf(op));
        for (const SizeField<Op>& size : kSizes<Op>) {
          v1::Dimension* dimension = wire->add_dimensions();
          dimension->set_name(std::string(size.name));
          dimension->set_value(size.count != nullptr ? op.*size.count
                                                     : op.*size.flag);
        }
        if constexpr (requires { op.rows_per_expert; }) {
          wire->mutable_rows_per_expert()->Add(op.rows_per_expert.begin(),
                                               op.rows_per_expert.end());
        }
      },
      operation);
}

std::string SizeFieldOf(const v1::Measurement& wire, absl::string_view size) {
  for (int i = 0; i < wire.dimensions_size(); ++i) {
    if (wire.dimensions(i).name() == size) {
      return absl::StrCat("dimensions[", i, "].value");
    }
  }
  return std::string(size);
}

}  // namespace moeplan::server
