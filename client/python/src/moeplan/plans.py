"""The answers of planning: plans, why there is none, and the verdict on a
candidate. Losses are in the set's unit: nats per token for published sets."""

from __future__ import annotations

import dataclasses
from typing import Optional, Tuple, Union

from moeplan._mirror import mirrors
from moeplan.errors import NoModelFits
from moeplan.evidence import (Assumption, Extrapolation, LossInterval, Provenance,
                              Warning)
from moeplan.hardware import ParallelLayout
from moeplan.shapes import ModelShape


@mirrors("PlanShape")
@dataclasses.dataclass(frozen=True)
class PlanShape:
    """The size of a model in the law's variables and convention."""

    law_params: float  # the N of the law
    active_params: float
    total_params: float
    expansion_rate: float  # 1 is dense
    granularity: float
    routed_experts: float  # per layer, E * G
    d_model: float  # elements, not rounded; 0 for a candidate point
    block_count: float
    router_params: float
    model_shape: Optional[ModelShape]


@mirrors("FlopBreakdown")
@dataclasses.dataclass(frozen=True)
class FlopBreakdown:
    """FLOPs by the set's rule."""

    total_flops: float  # what the budget pays: training and serving
    train_flops: float  # routing included
    train_routing_flops: float
    serving_flops: float
    train_attention_flops: Optional[float]
    train_expert_flops: Optional[float]
    train_embedding_flops: Optional[float]


@mirrors("MemoryBreakdown")
@dataclasses.dataclass(frozen=True)
class MemoryBreakdown:
    """Memory of the served model."""

    weight_elements: float
    kv_cache_elements: float
    weight_bytes: int
    kv_cache_bytes: int
    serving_bytes: int  # of both
    train_device_bytes: Optional[int]


@mirrors("PlanPoint")
@dataclasses.dataclass(frozen=True)
class PlanPoint:
    """One model with its training, its loss and what it costs."""

    shape: PlanShape
    training_tokens: float
    tokens_per_param: float  # per active parameter
    loss: float
    flops: FlopBreakdown
    memory: Optional[MemoryBreakdown]
    extrapolations: Tuple[Extrapolation, ...]  # empty inside the fitted box
    device_hours: Optional[float]  # training and serving
    price: Optional[float]
    layout: Optional[ParallelLayout]
    device_hours_lower: Optional[float]  # 90 % interval of device_hours
    device_hours_upper: Optional[float]
    serving_device_hours: Optional[float]  # part of device_hours
    decode_sequences: Optional[int]  # that a device decodes at once
    seconds_per_output_token: Optional[float]  # of one sequence then

    @property
    def extrapolation_decades(self) -> float:
        """Largest distance from the fitted box; 0 inside."""
        return max((e.distance_decades for e in self.extrapolations), default=0.0)


@mirrors("BindingConstraint")
@dataclasses.dataclass(frozen=True)
class BindingConstraint:
    """A limit that holds a plan back."""

    constraint: str  # COMPUTE_BUDGET, MEMORY_LIMIT, ...
    # d loss / d ln(limit); doubling the limit changes the loss by 0.69 of it
    loss_per_ln_limit: Optional[float]


@mirrors("FlatRegion")
@dataclasses.dataclass(frozen=True)
class FlatRegion:
    """The sizes that no law can tell from the optimum, at its E, G and FLOPs."""

    loss_tolerance: float
    active_params_low: float
    active_params_high: float
    low_is_limit: bool
    high_is_limit: bool


@mirrors("DenseBaseline")
@dataclasses.dataclass(frozen=True)
class DenseBaseline:
    """The best dense model for the optimum's FLOPs under the same limits."""

    coefficient_set: str
    point: PlanPoint
    loss_gap: float  # its loss minus the optimum's


@mirrors("ComputeSaving")
@dataclasses.dataclass(frozen=True)
class ComputeSaving:
    """What being sparse saves, against dense models without limits."""

    dense_coefficient_set: str
    dense_flops_for_same_loss: Optional[float]
    dense_to_plan_flops_ratio: Optional[float]
    saving_at_plan_flops: Optional[float]  # 1 - train_flops / dense FLOPs
    saving_at_dense_flops: Optional[float]  # as in figure 2b of 2502.05172


@mirrors("TrainingAdvice")
@dataclasses.dataclass(frozen=True)
class TrainingAdvice:
    """Advice on the training run by a law that is none of loss."""

    peak_learning_rate: Optional[float]
    batch_tokens: Optional[float]  # tokens per step
    basis: str
    extrapolations: Tuple[Extrapolation, ...]


@mirrors("OptimalityCertificate")
@dataclasses.dataclass(frozen=True)
class OptimalityCertificate:
    """Proof that a realisable plan is the best in its search space."""

    loss_lower_bound: float
    device_hours_lower_bound: Optional[float]
    examined_shape_count: int
    pruned_shape_count: int


@mirrors("Plan")
@dataclasses.dataclass(frozen=True)
class Plan:
    """The best model and what surrounds it."""

    optimum: PlanPoint
    loss_interval: Optional[LossInterval]
    binding_constraints: Tuple[BindingConstraint, ...]
    budget_left_flops: Optional[float]
    flat_region: Optional[FlatRegion]
    dense_baseline: Optional[DenseBaseline]
    saving: Optional[ComputeSaving]
    advice: Tuple[TrainingAdvice, ...]
    best_by_expansion_rate: Tuple[PlanPoint, ...]
    best_by_cell: Tuple[PlanPoint, ...]
    alternatives: Tuple[PlanPoint, ...]  # best first
    certificate: Optional[OptimalityCertificate]

    def _repr_html_(self) -> str:
        from moeplan._html import plan_html

        return plan_html(self)


@mirrors("NotFixableAlone")
@dataclasses.dataclass(frozen=True)
class NotFixableAlone:
    """No value of the limit alone would do."""

    reason: str


@mirrors("Relaxation")
@dataclasses.dataclass(frozen=True)
class Relaxation:
    """What it would take to fit a model by changing one limit alone; values
    are in the unit in which the request gave the limit."""

    constraint: str
    smallest_value: Optional[float]  # that would do: budget, memory, tokens
    largest_value: Optional[float]  # that would do: served tokens, d_model
    not_fixable_alone: Optional[NotFixableAlone]
    unattained_limit: bool


@mirrors("Infeasible")
@dataclasses.dataclass(frozen=True)
class Infeasible:
    """No model fits the limits; no numbers stand in for one."""

    relaxations: Tuple[Relaxation, ...]
    message: str


@mirrors("HardwareOutcome")
@dataclasses.dataclass(frozen=True)
class HardwareOutcome:
    """The outcome for one hardware option."""

    option_index: int
    calibration: str
    plan: Optional[Plan]
    infeasible: Optional[Infeasible]
    evaluation: Optional[Evaluation]  # of a candidate


@mirrors("ParetoPoint")
@dataclasses.dataclass(frozen=True)
class ParetoPoint:
    """One point of the curve of loss against serving memory."""

    memory_bytes: int
    point: PlanPoint


@mirrors("Evaluation")
@dataclasses.dataclass(frozen=True)
class Evaluation:
    """A candidate against the optimum for its own FLOPs, or on hardware for its
    own device-hours."""

    verdict: str  # NEAR_OPTIMAL, SUBOPTIMAL, or UNKNOWN (a scheduler admits)
    reason: str
    candidate: PlanPoint
    loss_interval: Optional[LossInterval]
    optimum: Optional[PlanPoint]
    loss_gap: Optional[float]  # candidate's loss minus optimum's
    compute_to_same_loss_ratio: Optional[float]  # of FLOPs or device-hours
    wasted_flops: Optional[float]
    wasted_device_hours: Optional[float]
    violated_constraints: Tuple[str, ...]
    caveats: Tuple[str, ...]
    affordable_training_tokens: Optional[float]  # that the device time buys


@mirrors("OptimalConfigResponse")
@dataclasses.dataclass(frozen=True)
class PlanningAnswer:
    """The best model, or why there is none, and the verdict on a candidate."""

    plan: Optional[Plan]
    infeasible: Optional[Infeasible]
    evaluation: Optional[Evaluation]
    hardware_outcomes: Tuple[HardwareOutcome, ...]
    pareto_points: Tuple[ParetoPoint, ...]
    warnings: Tuple[Warning, ...]
    provenance: Optional[Provenance]
    assumptions: Tuple[Assumption, ...]  # not measured; with hardware

    @property
    def outcome(self) -> Union[Plan, Infeasible, None]:
        """The plan, or why there is none; None where only a candidate that no
        model can be compared with was asked about."""
        return self.plan if self.plan is not None else self.infeasible

    @property
    def optimum(self) -> PlanPoint:
        """The best model. Errors: NoModelFits where there is none."""
        if self.plan is None:
            raise NoModelFits(self.infeasible)
        return self.plan.optimum

    def _repr_html_(self) -> str:
        from moeplan._html import answer_html

        return answer_html(self)
