#include "server/convert/model_shape_convert.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/convert/enum_table.h"

namespace moeplan::server {
namespace {

constexpr int64_t kLongestLabel = 128;

constexpr std::pair<v1::NormKind, NormKind> kNormKinds[] = {
    {v1::NORM_KIND_RMS, NormKind::kRms},
    {v1::NORM_KIND_LAYER, NormKind::kLayerNorm},
};

constexpr std::pair<v1::QkNorm, QkNorm> kQkNorms[] = {
    {v1::QK_NORM_NONE, QkNorm::kNone},
    {v1::QK_NORM_PER_HEAD, QkNorm::kPerHead},
    {v1::QK_NORM_FULL_WIDTH, QkNorm::kFullWidth},
};

GqaAttention GqaFromWire(const FieldPath& field,
                         const v1::GroupedQueryAttention& wire,
                         Violations& violations) {
  GqaAttention gqa;
  gqa.heads = wire.heads();
  gqa.kv_heads = wire.kv_heads() == 0 ? wire.heads() : wire.kv_heads();
  gqa.head_dim = wire.head_dim();
  gqa.qkv_biased = wire.qkv_biased();
  gqa.output_biased = wire.output_biased();
  gqa.sinks = wire.sinks();
  if (wire.has_qk_norm()) {
    gqa.qk_norm =
        EnumFromWire(kQkNorms, field / "qk_norm", wire.qk_norm(), violations)
            .value_or(QkNorm::kNone);
  }
  return gqa;
}

MlaAttention MlaFromWire(const v1::LatentAttention& wire) {
  MlaAttention mla;
  mla.heads = wire.heads();
  mla.query_latent_rank = wire.query_latent_rank();
  mla.kv_latent_rank = wire.kv_latent_rank();
  mla.rope_head_dim = wire.rope_head_dim();
  mla.nope_head_dim = wire.nope_head_dim();
  mla.value_head_dim = wire.value_head_dim();
  mla.latent_norms = wire.has_latent_norms() ? wire.latent_norms() : true;
  return mla;
}

// A legal stand-in is returned with a violation, so that the other fields of
// the group are still checked.
Attention AttentionFromWire(const FieldPath& field, const v1::LayerGroup& wire,
                            Violations& violations) {
  switch (wire.attention_case()) {
    case v1::LayerGroup::kGqa:
      return GqaFromWire(field / "gqa", wire.gqa(), violations);
    case v1::LayerGroup::kMla:
      return MlaFromWire(wire.mla());
    case v1::LayerGroup::kLinear: {
      LinearAttention linear;
      linear.params = wire.linear().params();
      linear.state_elements = wire.linear().state_elements();
      return linear;
    }
    case v1::LayerGroup::kNone:
      return NoAttention();
    case v1::LayerGroup::ATTENTION_NOT_SET:
      break;
  }
  violations.Add(field / "attention",
                 "must be set to one of gqa, mla, linear and none");
  return NoAttention();
}

MoeFfn MoeFromWire(const v1::MoeFfn& wire) {
  MoeFfn moe;
  moe.routed_experts = wire.routed_experts();
  moe.experts_per_token = wire.experts_per_token();
  moe.expert_width = wire.expert_width();
  moe.shared_experts = wire.shared_experts();
  moe.shared_expert_width = wire.shared_expert_width();
  if (moe.shared_experts > 0 && moe.shared_expert_width == 0) {
    moe.shared_expert_width = moe.expert_width;
  }
  moe.gated = wire.gated();
  moe.dense_residual_width = wire.dense_residual_width();
  moe.biased = wire.biased();
  moe.router_biased = wire.router_biased();
  return moe;
}

Ffn FfnFromWire(const FieldPath& field, const v1::LayerGroup& wire,
                Violations& violations) {
  if (wire.has_moe()) return MoeFromWire(wire.moe());
  DenseFfn dense;
  if (!wire.has_dense()) {
    violations.Add(field / "ffn", "must be set to one of dense and moe");
    dense.width = 1;
    return dense;
  }
  dense.width = wire.dense().width();
  dense.gated = wire.dense().gated();
  dense.biased = wire.dense().biased();
  return dense;
}

LayerGroup GroupFromWire(const FieldPath& field, const v1::LayerGroup& wire,
                         Violations& violations) {
  LayerGroup group;
  group.layer_count = wire.layer_count();
  group.attention = AttentionFromWire(field, wire, violations);
  if (wire.attention_window() != 0) {
    group.attention_window = wire.attention_window();
  }
  group.ffn = FfnFromWire(field, wire, violations);
  return group;
}

int32_t Narrow(int64_t value) {
  // Every size of a shape but params and state_elements came from an int32.
  return static_cast<int32_t>(value);
}

void AttentionToWire(const GqaAttention& gqa, v1::LayerGroup* wire) {
  v1::GroupedQueryAttention* to = wire->mutable_gqa();
  to->set_heads(Narrow(gqa.heads));
  to->set_kv_heads(Narrow(gqa.kv_heads));
  to->set_head_dim(Narrow(gqa.head_dim));
  to->set_qkv_biased(gqa.qkv_biased);
  to->set_output_biased(gqa.output_biased);
  to->set_qk_norm(EnumToWire(kQkNorms, gqa.qk_norm));
  to->set_sinks(gqa.sinks);
}

void AttentionToWire(const MlaAttention& mla, v1::LayerGroup* wire) {
  v1::LatentAttention* to = wire->mutable_mla();
  to->set_heads(Narrow(mla.heads));
  to->set_query_latent_rank(Narrow(mla.query_latent_rank));
  to->set_kv_latent_rank(Narrow(mla.kv_latent_rank));
  to->set_rope_head_dim(Narrow(mla.rope_head_dim));
  to->set_nope_head_dim(Narrow(mla.nope_head_dim));
  to->set_value_head_dim(Narrow(mla.value_head_dim));
  to->set_latent_norms(mla.latent_norms);
}

void AttentionToWire(const LinearAttention& linear, v1::LayerGroup* wire) {
  wire->mutable_linear()->set_params(linear.params);
  wire->mutable_linear()->set_state_elements(linear.state_elements);
}

void AttentionToWire(const NoAttention&, v1::LayerGroup* wire) {
  wire->mutable_none();
}

void FfnToWire(const DenseFfn& dense, v1::LayerGroup* wire) {
  v1::DenseFfn* to = wire->mutable_dense();
  to->set_width(Narrow(dense.width));
  to->set_gated(dense.gated);
  to->set_biased(dense.biased);
}

void FfnToWire(const MoeFfn& moe, v1::LayerGroup* wire) {
  v1::MoeFfn* to = wire->mutable_moe();
  to->set_routed_experts(Narrow(moe.routed_experts));
  to->set_experts_per_token(Narrow(moe.experts_per_token));
  to->set_expert_width(Narrow(moe.expert_width));
  to->set_shared_experts(Narrow(moe.shared_experts));
  to->set_shared_expert_width(Narrow(moe.shared_expert_width));
  to->set_gated(moe.gated);
  to->set_dense_residual_width(Narrow(moe.dense_residual_width));
  to->set_biased(moe.biased);
  to->set_router_biased(moe.router_biased);
}

void GroupToWire(const LayerGroup& group, v1::LayerGroup* wire) {
  wire->set_layer_count(Narrow(group.layer_count));
  std::visit([&](const auto& each) { AttentionToWire(each, wire); },
             group.attention);
  if (group.attention_window.has_value()) {
    wire->set_attention_window(Narrow(*group.attention_window));
  }
  std::visit([&](const auto& each) { FfnToWire(each, wire); }, group.ffn);
}

}  // namespace

void ModelShapeToWire(const ModelShape& shape, v1::ModelShape* wire) {
  const ModelShapeSpec& spec = shape.spec();
  wire->set_d_model(Narrow(spec.d_model));
  wire->set_vocabulary_size(Narrow(spec.vocabulary_size));
  wire->set_tied_embeddings(spec.tied_embeddings);
  wire->set_norm_kind(EnumToWire(kNormKinds, spec.norm_kind));
  wire->set_norms_per_layer(Narrow(spec.norms_per_layer));
  for (const LayerGroup& group : spec.layer_groups) {
    GroupToWire(group, wire->add_layer_groups());
  }
  if (spec.multi_token_prediction.has_value()) {
    GroupToWire(*spec.multi_token_prediction,
                wire->mutable_multi_token_prediction());
  }
}

std::optional<ModelShape> ModelShapeFromWire(const FieldPath& field,
                                             const v1::ModelShape& wire,
                                             Violations& violations) {
  const int64_t before = violations.count();
  ModelShapeSpec spec;
  spec.d_model = wire.d_model();
  spec.vocabulary_size = wire.vocabulary_size();
  spec.tied_embeddings = wire.tied_embeddings();
  if (wire.has_norm_kind()) {
    spec.norm_kind = EnumFromWire(kNormKinds, field / "norm_kind",
                                  wire.norm_kind(), violations)
                         .value_or(NormKind::kRms);
  }
  if (wire.has_norms_per_layer()) spec.norms_per_layer = wire.norms_per_layer();
  const FieldPath groups = field / "layer_groups";
  for (int i = 0; i < wire.layer_groups_size(); ++i) {
    spec.layer_groups.push_back(
        GroupFromWire(groups[i], wire.layer_groups(i), violations));
  }
  if (wire.has_multi_token_prediction()) {
    spec.multi_token_prediction =
        GroupFromWire(field / "multi_token_prediction",
                      wire.multi_token_prediction(), violations);
  }
  // UTF-8, as all texts of proto3: every byte but those that follow a first
  // one.
  const int64_t label_size =
      std::count_if(wire.label().begin(), wire.label().end(),
                    [](char c) { return (c & 0xc0) != 0x80; });
  if (label_size > kLongestLabel) {
    violations.AddInteger(field / "label", "must have at most 128 characters",
                          label_size);
  }
  std::optional<ModelShape> shape =
      ModelShape::Create(std::move(spec), field, violations);
  return violations.count() == before ? std::move(shape) : std::nullopt;
}

}  // namespace moeplan::server
