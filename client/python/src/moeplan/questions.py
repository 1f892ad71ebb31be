"""The parts of a planning question: limits, serving, and where to search."""

from __future__ import annotations

import dataclasses
from typing import Optional, Tuple

from moeplan._mirror import mirrors
from moeplan.hardware import HardwareOption
from moeplan.shapes import ModelShape

GB = 10**9  # bytes
GIB = 2**30  # bytes


@mirrors("DenseModelReference")
@dataclasses.dataclass(frozen=True)
class DenseModelReference:
    """A dense model whose serving memory is the limit; one field is given."""

    active_params: Optional[float] = None  # in the set's convention
    d_model: Optional[float] = None  # elements; depth follows the family's rule
    shape: Optional[ModelShape] = None


@mirrors("MemoryLimit")
@dataclasses.dataclass(frozen=True)
class MemoryLimit:
    """The memory that the served model may take; one field is given."""

    total_params: Optional[float] = None  # the cache does not count
    elements: Optional[float] = None  # of weights and cache together
    bytes: Optional[int] = None  # of weights and cache together
    # what that dense model takes with its own cache
    as_dense_model: Optional[DenseModelReference] = None


@mirrors("ServingMemory")
@dataclasses.dataclass(frozen=True)
class ServingMemory:
    """How the memory of the served model is counted."""

    kv_cache_tokens: float = 0.0  # over all sequences at once; 0 is no cache
    bytes_per_weight: float = 0.0  # 0 means 2 (bf16)
    bytes_per_cache_element: float = 0.0  # 0 means 2


@mirrors("ServingDemand")
@dataclasses.dataclass(frozen=True)
class ServingDemand:
    """What the model serves after training. The server answers coupling
    IN_BUDGET: training and serving share the budget. With a HardwareBudget its
    machines serve, and their time counts."""

    prefill_tokens: float = 0.0  # over the lifetime
    decode_tokens: float = 0.0  # over the lifetime
    coupling: str = "IN_BUDGET"  # or WEIGHTED_COST, LIMIT
    cost_weight: float = 0.0
    serving_flops_limit: float = 0.0
    concurrent_sequences: int = 0  # with hardware: most on one device
    context_tokens: int = 0  # of a sequence; with hardware 0 means 2,048
    activation_bits: int = 0
    hardware: Optional[HardwareOption] = None
    max_seconds_per_output_token: float = 0.0  # with hardware; 0 is no target


@mirrors("SmallestShape")
@dataclasses.dataclass(frozen=True)
class SmallestShape:
    """The smallest model of a search space."""

    d_model: float = 0.0  # elements; 0 means 64
    block_count: float = 0.0  # 0 means 1


@mirrors("SearchSpace")
@dataclasses.dataclass(frozen=True)
class SearchSpace:
    """Where to search for the optimum."""

    # () means 1, 2, 4, 8, 16, 32 for a law with E
    expansion_rates: Tuple[float, ...] = ()
    # () means the powers of two from 1 to 256 for a law with G
    granularities: Tuple[float, ...] = ()
    # FLOPs per router parameter and token; None means 14
    routing_flops_per_router_param: Optional[float] = None
    smallest_shape: Optional[SmallestShape] = None
    any_shape: bool = False  # the papers' pure optima, however narrow


@mirrors("CandidatePoint")
@dataclasses.dataclass(frozen=True)
class CandidatePoint:
    """A candidate in the law's variables, in the set's convention."""

    active_params: float
    expansion_rate: float = 0.0  # 0: the value that the set fixes, else 1
    granularity: float = 0.0  # 0 means 1


@mirrors("Candidate")
@dataclasses.dataclass(frozen=True)
class Candidate:
    """A model that somebody means to train: a shape or a point, and tokens."""

    training_tokens: float = 0.0  # 0, with hardware: what its time buys
    shape: Optional[ModelShape] = None
    point: Optional[CandidatePoint] = None


@mirrors("FitLossFunction")
@dataclasses.dataclass(frozen=True)
class FitLossFunction:
    """What a fit minimises: a weighted sum of Huber functions of residuals."""

    huber_delta: float = 0.0  # 0 means 1e-3; 1e6 is plain least squares
    raw_loss_residuals: bool = False  # else residuals of ln loss


@mirrors("HoldOutGroups")
@dataclasses.dataclass(frozen=True)
class HoldOutGroups:
    """Groups of runs, by the column `group`."""

    groups: Tuple[str, ...]


@mirrors("HoldOutThreshold")
@dataclasses.dataclass(frozen=True)
class HoldOutThreshold:
    """Runs with a variable at or above a threshold, in its unit."""

    variable: str
    threshold: float


@mirrors("HoldOutLargest")
@dataclasses.dataclass(frozen=True)
class HoldOutLargest:
    """Runs with one of the largest values of a variable."""

    variable: str
    value_count: int


@mirrors("HoldOutRule")
@dataclasses.dataclass(frozen=True)
class HoldOutRule:
    """Which runs are kept out of a fit and tested on; one field is given."""

    lowest_loss_run_count: Optional[int] = None
    lowest_loss_share: Optional[float] = None
    groups: Optional[HoldOutGroups] = None
    at_least: Optional[HoldOutThreshold] = None
    largest_values: Optional[HoldOutLargest] = None
    random_share: Optional[float] = None
