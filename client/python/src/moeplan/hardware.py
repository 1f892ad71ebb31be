"""Device time as a budget, and how a model is trained on devices."""

from __future__ import annotations

import dataclasses
from typing import Optional, Tuple

from moeplan._mirror import mirrors


@mirrors("CalibrationSelector")
@dataclasses.dataclass(frozen=True)
class CalibrationSelector:
    """The newest calibration of a product and number format."""

    product: str  # such as "NVIDIA H200"
    dtype: str  # such as "bf16"


@mirrors("HardwareOption")
@dataclasses.dataclass(frozen=True)
class HardwareOption:
    """One machine that could be used; calibration or selector is given."""

    calibration: Optional[str] = None  # calibrations/{id}
    selector: Optional[CalibrationSelector] = None
    device_count: int = 1  # used at once
    price_per_hour: Optional[float] = None  # of one device
    label: str = ""


@mirrors("HardwareBudget")
@dataclasses.dataclass(frozen=True)
class HardwareBudget:
    """The same wall time on one of several machines."""

    options: Tuple[HardwareOption, ...]
    wall_duration: float  # seconds, from the first to the last step
    goodput: Optional[float] = None  # share that ends in kept steps; None is 1


@mirrors("ParallelLayout")
@dataclasses.dataclass(frozen=True)
class ParallelLayout:
    """A split of a model over devices; the product of all but expert_parallel
    and the micro-batch is the number of devices."""

    data_parallel: int = 1
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    expert_parallel: int = 1  # divides data_parallel * tensor_parallel
    micro_batch_sequences: int = 0  # 0 means 1
    stages_per_device: int = 0  # 0 means 1; above 1 is interleaved


@mirrors("ParallelLayoutSearch")
@dataclasses.dataclass(frozen=True)
class ParallelLayoutSearch:
    """Bounds of a search for the best layout; 0 is no bound."""

    max_tensor_parallel: int = 0  # 0 means devices per node
    max_pipeline_parallel: int = 0
    max_expert_parallel: int = 0


@mirrors("Interconnect")
@dataclasses.dataclass(frozen=True)
class Interconnect:
    """The network between devices, as its user states it. Rates are one way, of
    one device."""

    devices_per_node: int
    intra_node_bytes_per_second: float
    inter_node_bytes_per_second: float
    latency_seconds: float = 0.0  # of an empty message
    overlap_share: float = 0.0  # hidden behind computation
    expert_imbalance: float = 0.0  # fullest device over the mean; 0 means 1
    dispatch_bytes_per_element: float = 0.0  # 0 means 2; 1 is fp8
    one_copy_per_device: bool = False  # else one to each expert
    source: Optional[str] = None  # USER or SPEC; None means USER


@mirrors("TrainingSetup")
@dataclasses.dataclass(frozen=True)
class TrainingSetup:
    """How a model is trained. Without an interconnect devices exchange data in
    no time, and without a layout each holds the whole model; answers say so."""

    sequence_tokens: int = 0  # 0 means 2,048
    global_batch_tokens: int = 0  # 0: one micro-batch of each replica
    optimizer: str = "ADAMW"
    recomputation: str = "SELECTIVE"  # or NONE
    fixed_layout: Optional[ParallelLayout] = None
    layout_search: Optional[ParallelLayoutSearch] = None
    device_memory_bytes: int = 0
    interconnect: Optional[Interconnect] = None
