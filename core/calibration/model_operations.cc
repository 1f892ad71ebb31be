#include "core/calibration/model_operations.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"

namespace moeplan {
namespace {

// How a pass over the model runs.
struct Pass {
  int64_t sequences = 0;
  int64_t query_tokens = 0;
  int64_t context_tokens = 0;
  bool trains = false;

  int64_t tokens() const { return sequences * query_tokens; }
  bool decodes() const { return !trains && query_tokens < context_tokens; }
};

// Collects the operations of the layers of one group, each run `count` times.
class LayerOperations {
 public:
  LayerOperations(const Pass& pass, double count,
                  std::vector<RepeatedOperation>& operations)
      : pass_(pass), count_(count), operations_(operations) {}

  void Add(Operation operation) {
    operations_.push_back({std::move(operation), count_});
  }

  // A product with a matrix of weights of `rows`, and of its gradients.
  void AddProjection(int64_t rows, int64_t in, int64_t out) {
    Add(Gemm{.m = rows, .n = out, .k = in});
    if (!pass_.trains) return;
    Add(Gemm{.m = rows, .n = in, .k = out});
    Add(Gemm{.m = in, .n = out, .k = rows});
  }

  // Backward reads what forward read and the gradient of what it wrote, and
  // writes the gradient of what it read.
  void AddElementwise(int64_t read, int64_t written) {
    Add(Elementwise{.elements_read = read, .elements_written = written});
    if (!pass_.trains) return;
    Add(Elementwise{.elements_read = read + written, .elements_written = read});
  }

  void AddNorms(int64_t d_model, int64_t norms) {
    // The residual sum in front of a norm is read and written with it.
    const int64_t elements = pass_.tokens() * d_model;
    for (int64_t i = 0; i < norms; ++i) {
      AddElementwise(2 * elements, 2 * elements);
    }
  }

  void AddAttentionCore(AttentionCore core) {
    Add(core);
    if (!pass_.trains) return;
    core.backward = true;
    Add(core);
  }

  void AddGqa(const GqaAttention& attention, int64_t d_model, int64_t window) {
    const int64_t tokens = pass_.tokens();
    const int64_t heads_width =
        (attention.heads + 2 * attention.kv_heads) * attention.head_dim;
    const int64_t rotated =
        tokens * (attention.heads + attention.kv_heads) * attention.head_dim;
    AddProjection(tokens, d_model, heads_width);
    AddElementwise(rotated, rotated);
    AddAttentionCore({.sequences = pass_.sequences,
                      .query_tokens = pass_.query_tokens,
                      .context_tokens = pass_.context_tokens,
                      .window = window,
                      .heads = attention.heads,
                      .kv_heads = attention.kv_heads,
                      .key_dim = attention.head_dim,
                      .value_dim = attention.head_dim});
    AddProjection(tokens, attention.heads * attention.head_dim, d_model);
  }

  void AddMla(const MlaAttention& attention, int64_t d_model, int64_t window) {
    const int64_t tokens = pass_.tokens();
    const int64_t heads = attention.heads;
    const int64_t key_dim = attention.nope_head_dim + attention.rope_head_dim;
    if (attention.query_latent_rank > 0) {
      AddProjection(tokens, d_model, attention.query_latent_rank);
      AddProjection(tokens, attention.query_latent_rank, heads * key_dim);
    } else {
      AddProjection(tokens, d_model, heads * key_dim);
    }
    const int64_t rank = attention.kv_latent_rank;
    AddProjection(tokens, d_model, rank + attention.rope_head_dim);
    const int64_t rotated = tokens * (heads + 1) * attention.rope_head_dim;
    AddElementwise(rotated, rotated);
    AttentionCore core = {.sequences = pass_.sequences,
                          .query_tokens = pass_.query_tokens,
                          .context_tokens = pass_.context_tokens,
                          .window = window,
                          .heads = heads,
                          .kv_heads = heads,
                          .key_dim = key_dim,
                          .value_dim = attention.value_head_dim};
    if (pass_.decodes()) {
      // The expansion of keys is moved to the query, that of values to the
      // output, so that all heads share the one latent per token.
      AddProjection(tokens, attention.nope_head_dim, heads * rank);
      core.kv_heads = 1;
      core.key_dim = rank + attention.rope_head_dim;
      core.value_dim = rank;
      AddAttentionCore(core);
      AddProjection(tokens, rank, heads * attention.value_head_dim);
    } else {
      AddProjection(
          tokens, rank,
          heads * (attention.nope_head_dim + attention.value_head_dim));
      AddAttentionCore(core);
    }
    AddProjection(tokens, heads * attention.value_head_dim, d_model);
  }

  void AddDenseFfn(int64_t d_model, int64_t width, bool gated) {
    const int64_t tokens = pass_.tokens();
    const int64_t fan = gated ? 2 : 1;
    AddProjection(tokens, d_model, fan * width);
    AddElementwise(tokens * fan * width, tokens * width);
    AddProjection(tokens, width, d_model);
  }

  void AddMoe(const MoeFfn& ffn, int64_t d_model) {
    MoeBlock block = {
        .tokens = pass_.tokens(),
        .d_model = d_model,
        .experts_per_token = ffn.experts_per_token,
        .expert_width = ffn.expert_width,
        .gated = ffn.gated,
        .rows_per_expert = BalancedRows(pass_.tokens(), ffn.routed_experts,
                                        ffn.experts_per_token)};
    AddBlock(block);
    if (pass_.trains) {
      block.backward = true;
      AddBlock(block);
    }
    if (ffn.shared_experts > 0) {
      AddDenseFfn(d_model, ffn.shared_experts * ffn.shared_expert_width,
                  ffn.gated);
    }
    if (ffn.dense_residual_width > 0) {
      AddDenseFfn(d_model, ffn.dense_residual_width, ffn.gated);
    }
  }

 private:
  void AddBlock(const MoeBlock& block) {
    for (RepeatedOperation& part : MoeBlockOperations(block)) {
      operations_.push_back({std::move(part.operation), count_ * part.count});
    }
  }

  const Pass& pass_;
  const double count_;
  std::vector<RepeatedOperation>& operations_;
};

absl::Status AddLayerGroup(const ModelShape& shape, size_t index,
                           const Pass& pass,
                           std::vector<RepeatedOperation>& operations) {
  const LayerGroup& group = shape.layer_groups()[index];
  LayerOperations layer(pass, static_cast<double>(group.layer_count),
                        operations);
  const int64_t window = group.attention_window.value_or(0);
  layer.AddNorms(shape.d_model(), shape.spec().norms_per_layer);
  if (const auto* gqa = std::get_if<GqaAttention>(&group.attention)) {
    layer.AddGqa(*gqa, shape.d_model(), window);
  } else if (const auto* mla = std::get_if<MlaAttention>(&group.attention)) {
    layer.AddMla(*mla, shape.d_model(), window);
  } else if (std::holds_alternative<LinearAttention>(group.attention)) {
    return absl::UnimplementedError(absl::StrCat(
        "layer_groups[", index,
        "].linear: no time can be predicted for linear attention, whose "
        "operations the shape does not say"));
  }
  if (const auto* dense = std::get_if<DenseFfn>(&group.ffn)) {
    layer.AddDenseFfn(shape.d_model(), dense->width, dense->gated);
  } else {
    layer.AddMoe(std::get<MoeFfn>(group.ffn), shape.d_model());
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RepeatedOperation>> OperationsOf(
    const ModelShape& shape, const Pass& pass, int64_t logit_tokens) {
  std::vector<RepeatedOperation> operations;
  for (size_t i = 0; i < shape.layer_groups().size(); ++i) {
    MOEPLAN_RETURN_IF_ERROR(AddLayerGroup(shape, i, pass, operations));
  }
  LayerOperations ends(pass, 1, operations);
  const int64_t elements = pass.tokens() * shape.d_model();
  ends.AddElementwise(elements, elements);  // lookup of the embedding
  ends.AddNorms(shape.d_model(), 1);
  ends.AddProjection(logit_tokens, shape.d_model(), shape.vocabulary_size());
  if (pass.trains) {
    ends.Add(CrossEntropy{.tokens = logit_tokens,
                          .vocabulary_size = shape.vocabulary_size()});
  }
  return operations;
}

}  // namespace

std::vector<int64_t> BalancedRows(int64_t tokens, int64_t experts,
                                  int64_t experts_per_token) {
  const double share =
      static_cast<double>(experts_per_token) / static_cast<double>(experts);
  const double reached =
      static_cast<double>(experts) *
      -std::expm1(static_cast<double>(tokens) * std::log1p(-share));
  // Each token reaches experts_per_token different ones.
  const int64_t active =
      share >= 1 ? experts
                 : std::clamp(static_cast<int64_t>(std::llround(reached)),
                              experts_per_token, experts);
  const int64_t rows = tokens * experts_per_token;
  std::vector<int64_t> made(static_cast<size_t>(experts), 0);
  for (int64_t i = 0; i < active; ++i) {
    made[static_cast<size_t>(i)] = rows / active + (i < rows % active ? 1 : 0);
  }
  return made;
}

std::vector<RepeatedOperation> MoeBlockOperations(const MoeBlock& block) {
  const int64_t experts = static_cast<int64_t>(block.rows_per_expert.size());
  const int64_t fan = block.gated ? 2 : 1;
  const int64_t rows = block.tokens * block.experts_per_token;
  const int64_t inner = rows * block.expert_width;
  const Routing routing = {.tokens = block.tokens,
                           .experts = experts,
                           .experts_per_token = block.experts_per_token,
                           .d_model = block.d_model,
                           .backward = block.backward};
  const auto grouped = [&](int64_t in, int64_t out, GemmPass pass) {
    return GroupedGemm{.rows_per_expert = block.rows_per_expert,
                       .in_width = in,
                       .out_width = out,
                       .pass = pass};
  };
  const int64_t d = block.d_model;
  const int64_t up = fan * block.expert_width;
  const int64_t down = block.expert_width;
  if (!block.backward) {
    return {
        {Gemm{.m = block.tokens, .n = experts, .k = d}},
        {routing},
        {grouped(d, up, GemmPass::kForward)},
        {Elementwise{.elements_read = fan * inner, .elements_written = inner}},
        {grouped(down, d, GemmPass::kForward)}};
  }
  return {{routing},
          {grouped(down, d, GemmPass::kInputGradient)},
          {grouped(down, d, GemmPass::kWeightGradient)},
          {Elementwise{.elements_read = (fan + 1) * inner,
                       .elements_written = fan * inner}},
          {grouped(d, up, GemmPass::kInputGradient)},
          {grouped(d, up, GemmPass::kWeightGradient)},
          {Gemm{.m = block.tokens, .n = d, .k = experts}},
          {Gemm{.m = d, .n = experts, .k = block.tokens}}};
}

absl::StatusOr<std::vector<RepeatedOperation>> TrainingOperations(
    const ModelShape& shape, const TrainingBatch& batch) {
  const Pass pass = {.sequences = batch.sequences,
                     .query_tokens = batch.sequence_tokens,
                     .context_tokens = batch.sequence_tokens,
                     .trains = true};
  return OperationsOf(shape, pass, pass.tokens());
}

absl::StatusOr<std::vector<RepeatedOperation>> ServingOperations(
    const ModelShape& shape, const ServingBatch& batch) {
  const Pass pass = {.sequences = batch.sequences,
                     .query_tokens = batch.query_tokens,
                     .context_tokens = batch.context_tokens,
                     .trains = false};
  return OperationsOf(shape, pass, batch.sequences);
}

}  // namespace moeplan
