#include "worker/device/cuda/cuda_attention.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "worker/device/attention_check.h"
#include "worker/device/cuda/operand.h"
#include "worker/device/numerics.h"

namespace moeplan::worker {
namespace {

// Each operand has its own part of a case's seed.
constexpr uint64_t kSeedsOfCase = 4;

class Attention final : public CudaOperation {
 public:
  Attention(const AttentionCore& op, AttentionLibrary& library,
            CudaContext& context)
      : op_(op), library_(library), context_(context) {}

  absl::Status Create(uint64_t seed) {
    MOEPLAN_ASSIGN_OR_RETURN(
        plan_, library_.PlanOf(op_,
                               op_.backward ? AttentionPass::kBackward
                                            : AttentionPass::kForward,
                               context_));
    MOEPLAN_RETURN_IF_ERROR(AllocateAll());
    seed *= kSeedsOfCase;
    MOEPLAN_RETURN_IF_ERROR(queries_.FillNormal(1, seed));
    MOEPLAN_RETURN_IF_ERROR(keys_.FillNormal(1, seed + 1));
    MOEPLAN_RETURN_IF_ERROR(values_.FillNormal(1, seed + 2));
    if (op_.backward) {
      MOEPLAN_RETURN_IF_ERROR(d_out_.FillNormal(1, seed + 3));
      MOEPLAN_RETURN_IF_ERROR(RunForward());
    }
    return PoisonOutputs();
  }

  std::string backend() const override { return library_.name(); }

  absl::Status Enqueue(cudaStream_t stream) override {
    return plan_->Enqueue(Operands(), workspace_.data(), stream);
  }

  absl::Status PoisonOutputs() override {
    if (!op_.backward) return out_.Poison();
    MOEPLAN_RETURN_IF_ERROR(d_queries_.Poison());
    MOEPLAN_RETURN_IF_ERROR(d_keys_.Poison());
    return d_values_.Poison();
  }

  absl::StatusOr<NumericsCheck> Check() override {
    return CheckAttention(op_, AllowedError("bf16"),
                          [this](AttentionArray array, const ArrayRows& rows) {
                            return OperandOf(array).Download(rows);
                          });
  }

  int64_t bytes() const override {
    int64_t sum = workspace_.bytes();
    for (const Operand* each : {&queries_, &keys_, &values_, &out_, &stats_,
                                &d_out_, &d_queries_, &d_keys_, &d_values_}) {
      sum += each->bytes();
    }
    return sum;
  }

  // Flash attention computes the scores anew: five products where the model
  // counts four. How much of masked blocks is computed is not known.
  std::optional<double> executed_flops() const override {
    if (!op_.backward) return std::nullopt;
    return 5.0 / 4.0 * CostOf(op_, 2).flops;
  }

 private:
  absl::Status AllocateAll() {
    const int64_t queries = op_.sequences * op_.heads * op_.query_tokens;
    const int64_t keys = op_.sequences * op_.kv_heads * op_.context_tokens;
    const auto allocate = [&](int64_t count, Operand& operand) -> absl::Status {
      MOEPLAN_ASSIGN_OR_RETURN(
          operand, Operand::Allocate(context_, NumberFormat::kBf16, count));
      return absl::OkStatus();
    };
    MOEPLAN_RETURN_IF_ERROR(allocate(queries * op_.key_dim, queries_));
    MOEPLAN_RETURN_IF_ERROR(allocate(keys * op_.key_dim, keys_));
    MOEPLAN_RETURN_IF_ERROR(allocate(keys * op_.value_dim, values_));
    MOEPLAN_RETURN_IF_ERROR(allocate(queries * op_.value_dim, out_));
    if (op_.backward) {
      MOEPLAN_ASSIGN_OR_RETURN(
          stats_, Operand::Allocate(context_, NumberFormat::kF32, queries));
      MOEPLAN_RETURN_IF_ERROR(allocate(queries * op_.value_dim, d_out_));
      MOEPLAN_RETURN_IF_ERROR(allocate(queries * op_.key_dim, d_queries_));
      MOEPLAN_RETURN_IF_ERROR(allocate(keys * op_.key_dim, d_keys_));
      MOEPLAN_RETURN_IF_ERROR(allocate(keys * op_.value_dim, d_values_));
    }
    return AllocateWorkspace(*plan_, workspace_);
  }

  absl::Status AllocateWorkspace(const AttentionPlan& plan,
                                 DeviceBuffer& workspace) {
    if (plan.workspace_bytes() == 0) return absl::OkStatus();
    MOEPLAN_ASSIGN_OR_RETURN(workspace,
                             context_.Allocate(plan.workspace_bytes()));
    return absl::OkStatus();
  }

  // The backward pass reads its output and its sums.
  absl::Status RunForward() {
    MOEPLAN_ASSIGN_OR_RETURN(
        const auto forward,
        library_.PlanOf(op_, AttentionPass::kForwardWithStats, context_));
    DeviceBuffer workspace;
    MOEPLAN_RETURN_IF_ERROR(AllocateWorkspace(*forward, workspace));
    MOEPLAN_RETURN_IF_ERROR(
        forward->Enqueue(Operands(), workspace.data(), context_.stream()));
    return context_.Wait();
  }

  AttentionOperands Operands() const {
    return {.queries = queries_.data(),
            .keys = keys_.data(),
            .values = values_.data(),
            .out = out_.data(),
            .stats = stats_.data(),
            .d_out = d_out_.data(),
            .d_queries = d_queries_.data(),
            .d_keys = d_keys_.data(),
            .d_values = d_values_.data()};
  }

  const Operand& OperandOf(AttentionArray array) const {
    switch (array) {
      case AttentionArray::kQueries:
        return queries_;
      case AttentionArray::kKeys:
        return keys_;
      case AttentionArray::kValues:
        return values_;
      case AttentionArray::kOut:
        return out_;
      case AttentionArray::kOutGradient:
        return d_out_;
      case AttentionArray::kQueryGradients:
        return d_queries_;
      case AttentionArray::kKeyGradients:
        return d_keys_;
      case AttentionArray::kValueGradients:
        break;
    }
    return d_values_;
  }

  const AttentionCore op_;
  AttentionLibrary& library_;
  CudaContext& context_;
  std::shared_ptr<AttentionPlan> plan_;
  Operand queries_, keys_, values_, out_, stats_;
  Operand d_out_, d_queries_, d_keys_, d_values_;
  DeviceBuffer workspace_;
};

}  // namespace

MadeCudaOperation MakeAttentionBy(AttentionLibrary& library, const Case& one,
                                  CudaContext& context) {
  const AttentionCore& op = std::get<AttentionCore>(one.operation);
  if (one.dtype != "bf16") {
    return absl::UnimplementedError(absl::StrCat(
        library.name(), " has fused attention in 16 bits only, not in ",
        one.dtype));
  }
  if (!one.backend.empty() && one.backend != library.name()) {
    return absl::UnimplementedError(absl::StrCat(
        "CUDA runs attention by ", library.name(), ", not by ", one.backend));
  }
  if (op.heads % op.kv_heads != 0) {
    return absl::UnimplementedError("heads must be a multiple of kv_heads");
  }
  auto made = std::make_unique<Attention>(op, library, context);
  MOEPLAN_RETURN_IF_ERROR(made->Create(one.seed));
  return made;
}

MadeCudaOperation MakeCudaAttention(const Case& one, CudaContext& context) {
  return MakeAttentionBy(CudnnAttention(), one, context);
}

}  // namespace moeplan::worker
