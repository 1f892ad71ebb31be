"""Curves over many questions, as DataFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Mapping, Union

from moeplan._tables import SWEEP_COLUMNS, plan_rows
from moeplan.questions import MemoryLimit

if TYPE_CHECKING:
    import pandas


def sweep(planner: Any, train_flops: Union[float, Iterable[float], None],
          memory_bytes: Union[Iterable[float], None],
          question: Mapping[str, Any]) -> "pandas.DataFrame":
    """See MoePlanner.sweep."""
    import pandas

    questions: List[Any]
    budgets = train_flops if isinstance(train_flops, Iterable) else None
    if memory_bytes is not None:
        if budgets is not None:
            raise ValueError("a sweep has one axis: give memory_bytes as a list and "
                             "train_flops as one number, or train_flops alone")
        if "memory_limit" in question:
            raise ValueError("memory_limit and memory_bytes exclude each other")
        axis = "memory_limit_bytes"
        questions = [
            (limit, dict(question, train_flops=train_flops,
                         memory_limit=MemoryLimit(bytes=round(limit))))
            for limit in map(float, memory_bytes)]
    elif budgets is not None:
        axis = "compute_budget_flops"
        questions = [(budget, dict(question, train_flops=budget))
                     for budget in map(float, budgets)]
    else:
        raise ValueError("a sweep needs an axis: train_flops or memory_bytes as a list")
    rows: List[Dict[str, Any]] = []
    for value, keywords in questions:
        rows += plan_rows(planner.optimal_config(**keywords), (axis, value))
    return pandas.DataFrame(rows, columns=[axis, *SWEEP_COLUMNS])


def isoflop_profiles(planner: Any, train_flops: Iterable[float], point_count: int,
                     size_span: float,
                     question: Mapping[str, Any]) -> "pandas.DataFrame":
    """See MoePlanner.isoflop_profiles."""
    import numpy
    import pandas

    frames = []
    for budget in map(float, train_flops):
        optimum = planner.optimal_config(budget, **question).optimum
        if optimum.flops.train_routing_flops > 0:
            raise ValueError("the FLOPs of this set include routing, which does not "
                             "follow from the number of parameters alone")
        size = optimum.shape.active_params
        # The middle one is the optimum's own size, to the last bit.
        half = max(point_count // 2, 1)
        sizes = size * size_span ** (numpy.arange(-half, half + 1) / half)
        points = pandas.DataFrame({"active_params": sizes})
        points["training_tokens"] = budget / (6 * sizes)
        points["expansion_rate"] = optimum.shape.expansion_rate
        points["granularity"] = optimum.shape.granularity
        frame = planner.predict(
            points, coefficient_set=question.get("coefficient_set", ""),
            timeout=question.get("timeout"))
        frame = frame.drop(columns="extrapolated")
        frame.insert(0, "train_flops", budget)
        frame["is_optimum"] = sizes == size
        frames.append(frame)
    return pandas.concat(frames, ignore_index=True)
