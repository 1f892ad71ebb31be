"""What every answer carries besides its number: where it stands outside the
data, how wide it may be, what it was computed from, and what to beware of."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Optional, Tuple

from moeplan._mirror import mirrors


@mirrors("Extrapolation")
@dataclasses.dataclass(frozen=True)
class Extrapolation:
    """One variable that lies outside the box that the law was fitted on."""

    variable: str  # PARAMS, TRAINING_TOKENS, EXPANSION_RATE, ...
    side: str  # BELOW or ABOVE the box
    edge_value: float  # edge of the box, unit of the variable
    value: float  # of the point, unit of the variable
    distance_decades: float  # |log10(value / edge_value)|


@mirrors("LossInterval")
@dataclasses.dataclass(frozen=True)
class LossInterval:
    """A two-sided interval of the loss."""

    lower: float  # the set's loss unit
    upper: float
    level: float  # share of outcomes that it is meant to hold
    basis: str  # DRAWS, PUBLISHED, RESIDUAL or GAUSS_NEWTON


@mirrors("Provenance")
@dataclasses.dataclass(frozen=True)
class Provenance:
    """What an answer was computed from, enough to reproduce it: the same
    checksum gives the same answer."""

    coefficient_set: str
    coefficient_set_checksum: str
    dense_coefficient_set: str  # of the dense baseline; empty without one
    dense_coefficient_set_checksum: str
    calibrations: Tuple[str, ...]
    server_version: str


@mirrors("Warning")
@dataclasses.dataclass(frozen=True)
class Warning:  # the word of the API; reached as moeplan.Warning
    """Something that the reader of an answer should know."""

    code: str  # EXTRAPOLATED, SET_CAVEAT, SMALL_DIFFERENCE, ...
    message: str  # one sentence


@mirrors("Assumption")
@dataclasses.dataclass(frozen=True)
class Assumption:
    """A number that an answer rests on and that nobody measured."""

    name: str  # the request's field that it stands for
    value: float
    unit: str  # "tokens", "bytes/s"; empty for shares and factors
    source: str  # DEFAULT, USER or SPEC

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.name} = {self.value:g}{unit} ({self.source.lower()})"


@mirrors("ParamConvention")
@dataclasses.dataclass(frozen=True)
class ParamConvention:
    """Who counts how: which parameters and FLOPs count, and the loss's unit.

    Stands on each coefficient set and on each fit; numbers of different
    conventions are never mixed.
    """

    loss_unit: str = "NATS_PER_TOKEN"  # or BITS_PER_BYTE
    # or SIX_PER_ACTIVE_PARAM_PLUS_ROUTING
    flop_rule: str = "SIX_PER_ACTIVE_PARAM"
    counts_embedding: bool = False
    counts_unembedding: bool = False
    counts_router: bool = False
    counts_norms: bool = False
    counts_biases: bool = False
    vocabulary_size: int = 0  # needed where an embedding counts
    tied_embeddings: bool = False


@mirrors("FixedVariable")
@dataclasses.dataclass(frozen=True)
class FixedVariable:
    """A variable that a set knows at one value only."""

    variable: str
    value: float  # unit of the variable
    reason: str = ""


@mirrors("VariableRange")
@dataclasses.dataclass(frozen=True)
class VariableRange:
    """A closed range of one variable, in its unit."""

    variable: str
    low: float
    high: float


@mirrors("LawCoefficient")
@dataclasses.dataclass(frozen=True)
class LawCoefficient:
    """One coefficient of a law family."""

    name: str
    meaning: str
    lowest: Optional[float]
    highest: Optional[float]


@mirrors("LawFamily")
@dataclasses.dataclass(frozen=True)
class LawFamily:
    """A functional form without numbers."""

    name: str  # "joint", "fine_grained", "dense", ...
    title: str
    formula: str  # plain text; says whether its N is active or total
    source: str  # paper and equation
    coefficients: Tuple[LawCoefficient, ...]
    variables: Tuple[str, ...]
    convention: ParamConvention  # of its paper; sets may have their own
    unimodal: bool  # one minimum along a compute budget
    scale_published: bool  # the paper ties depth to width


@mirrors("DefaultCoefficientSet")
@dataclasses.dataclass(frozen=True)
class DefaultCoefficientSet:
    """The set used for one purpose where a request names none."""

    purpose: str  # PREDICT, OPTIMAL_CONFIG or DENSE
    coefficient_set: str
    checksum: str


@mirrors("ServerLimits")
@dataclasses.dataclass(frozen=True)
class ServerLimits:
    """Limits of one request."""

    max_predict_points: int
    max_fit_runs: int
    max_message_bytes: int


@mirrors("GetServerInfoResponse")
@dataclasses.dataclass(frozen=True)
class ServerInfo:
    """What the server is and what it answers from."""

    server_version: str
    source_revision: str  # empty where unknown
    start_time: Optional[datetime.datetime]
    default_coefficient_sets: Tuple[DefaultCoefficientSet, ...]
    families: Tuple[LawFamily, ...]
    store_kind: str  # "memory", "sqlite" or "postgres"
    limits: ServerLimits
