"""The shape of a real transformer: everything that decides how many parameters
it has, how many FLOPs a token takes and how many bytes it needs.

Every width is in elements. The server converts a shape into the variables of a
law, in the convention of the coefficient set.
"""

from __future__ import annotations

import dataclasses
from typing import Optional, Tuple

from moeplan._mirror import mirrors


@mirrors("GroupedQueryAttention")
@dataclasses.dataclass(frozen=True)
class GroupedQueryAttention:
    """Multi-head, grouped-query or multi-query attention."""

    heads: int  # 1..65,536; a multiple of kv_heads
    head_dim: int
    kv_heads: int = 0  # 0 means heads
    qkv_biased: bool = False
    output_biased: bool = False
    qk_norm: Optional[str] = None  # NONE, PER_HEAD or FULL_WIDTH
    sinks: bool = False


@mirrors("LatentAttention")
@dataclasses.dataclass(frozen=True)
class LatentAttention:
    """Multi-head latent attention, as in DeepSeek-V2."""

    heads: int
    kv_latent_rank: int
    nope_head_dim: int
    value_head_dim: int
    query_latent_rank: int = 0  # 0: queries are projected directly
    rope_head_dim: int = 0
    latent_norms: Optional[bool] = None  # None means True


@mirrors("LinearAttention")
@dataclasses.dataclass(frozen=True)
class LinearAttention:
    """A layer that keeps a state of fixed size instead of a cache."""

    state_elements: int  # per sequence and layer
    params: int  # of the layer's attention part


@mirrors("NoAttention")
@dataclasses.dataclass(frozen=True)
class NoAttention:
    """No attention in this layer."""


@mirrors("DenseFfn")
@dataclasses.dataclass(frozen=True)
class DenseFfn:
    """A feed-forward network: two matrices, or three where gated."""

    width: int
    gated: bool = False
    biased: bool = False


@mirrors("MoeFfn")
@dataclasses.dataclass(frozen=True)
class MoeFfn:
    """A mixture of experts behind a router."""

    routed_experts: int
    experts_per_token: int
    expert_width: int
    shared_experts: int = 0
    shared_expert_width: int = 0  # 0 means expert_width
    gated: bool = False
    dense_residual_width: int = 0
    biased: bool = False
    router_biased: bool = False


@mirrors("LayerGroup")
@dataclasses.dataclass(frozen=True)
class LayerGroup:
    """Layers of equal shape: one attention (gqa, mla, linear or none) and one
    feed-forward part (dense or moe) each."""

    layer_count: int
    gqa: Optional[GroupedQueryAttention] = None
    mla: Optional[LatentAttention] = None
    linear: Optional[LinearAttention] = None
    none: Optional[NoAttention] = None
    attention_window: int = 0  # tokens; 0 is the whole context
    dense: Optional[DenseFfn] = None
    moe: Optional[MoeFfn] = None


@mirrors("ModelShape")
@dataclasses.dataclass(frozen=True)
class ModelShape:
    """A model, its layers in groups of equal neighbours from first to last."""

    d_model: int
    vocabulary_size: int
    layer_groups: Tuple[LayerGroup, ...]
    tied_embeddings: bool = False
    multi_token_prediction: Optional[LayerGroup] = None
    label: str = ""
    norm_kind: Optional[str] = None  # RMS or LAYER; None means RMS
    norms_per_layer: Optional[int] = None  # None means 2


@mirrors("ShapePoint")
@dataclasses.dataclass(frozen=True)
class ShapePoint:
    """A model and the tokens that it is trained on."""

    shape: ModelShape
    training_tokens: float


@dataclasses.dataclass(frozen=True)
class Point:
    """Values of a law's variables, in the convention of the coefficient set.

    One of active_params and law_params (the N of the law: total parameters for
    the fine-grained family) is given. An expansion rate or granularity of None
    stands for the value that the set fixes.
    """

    training_tokens: float
    active_params: Optional[float] = None
    law_params: Optional[float] = None
    expansion_rate: Optional[float] = None
    granularity: Optional[float] = None
