"""DataFrames to packed columns, and back. No Python object per row but where
the API itself has one."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Sequence, Tuple, Union

from moeplan._mirror import _enum_name, from_message, to_message
from moeplan.shapes import Point, ShapePoint

if TYPE_CHECKING:
    import pandas

POINTS_PER_CALL = 50_000  # the API's limit
SIZE_COLUMNS = ("active_params", "law_params")
POINT_COLUMNS = (*SIZE_COLUMNS, "training_tokens", "expansion_rate", "granularity")
RUN_NUMBER_COLUMNS = ("active_params", "total_params", "training_tokens",
                      "expansion_rate", "granularity", "loss", "weight")
RUN_TEXT_COLUMNS = ("group", "tag")

Points = Union["pandas.DataFrame", Sequence[Point], Sequence[ShapePoint], Point,
               ShapePoint]


def points_frame(points: Iterable[Point]) -> "pandas.DataFrame":
    """Points as a DataFrame of the columns that they give.

    Errors: ValueError without points, or where a column is given for some points
    only.
    """
    import pandas

    rows = list(points)
    if not rows:
        raise ValueError("no points")
    columns: Dict[str, List[Any]] = {}
    for name in POINT_COLUMNS:
        values = [getattr(point, name) for point in rows]
        given = sum(value is not None for value in values)
        if 0 < given < len(rows):
            raise ValueError(f"{name} is given for {given} of {len(rows)} points; "
                             "give it for all or none")
        if given:
            columns[name] = values
    return pandas.DataFrame(columns)


def fill_point_columns(frame: "pandas.DataFrame", message: Any) -> None:
    """Fills PointColumns from a DataFrame; other columns are passed over.

    Errors: ValueError where a required column is missing.
    """
    _require(frame, "training_tokens", POINT_COLUMNS)
    if not any(name in frame for name in SIZE_COLUMNS):
        _require(frame, "active_params", POINT_COLUMNS)
    for name in POINT_COLUMNS:
        if name in frame:
            getattr(message, name).extend(_numbers(frame, name))


def fill_run_columns(frame: "pandas.DataFrame", message: Any) -> None:
    """Fills RunColumns from a DataFrame; other columns are passed over.

    Errors: ValueError where a required column is missing.
    """
    known = (*RUN_NUMBER_COLUMNS, *RUN_TEXT_COLUMNS)
    for name in ("active_params", "training_tokens", "loss"):
        _require(frame, name, known)
    for name in RUN_NUMBER_COLUMNS:
        if name in frame:
            getattr(message, name).extend(_numbers(frame, name))
    for name in RUN_TEXT_COLUMNS:
        if name in frame:
            getattr(message, name).extend(frame[name].astype(str).tolist())


def _require(frame: "pandas.DataFrame", name: str, known: Sequence[str]) -> None:
    if name not in frame:
        raise ValueError(f"column {name} is missing; known columns are "
                         + ", ".join(known))


def _numbers(frame: "pandas.DataFrame", name: str) -> List[float]:
    try:
        return frame[name].to_numpy(dtype=float).tolist()
    except (TypeError, ValueError) as error:
        raise ValueError(f"column {name}: {error}") from None


def fill_shape_points(points: Iterable[ShapePoint], message: Any) -> None:
    for point in points:
        to_message(point, message.points.add())


class PredictionTable:
    """Gathers the answers of one or more Predict calls into one DataFrame."""

    def __init__(self, has_intervals: bool, has_gradients: bool) -> None:
        nan_columns: Tuple[str, ...] = ()
        if has_intervals:
            nan_columns += ("loss_lower", "loss_upper")
        if has_gradients:
            nan_columns += ("loss_gradient_log_params",
                            "loss_gradient_log_training_tokens")
        self._nan_columns = nan_columns
        self._has_intervals = has_intervals
        self._has_gradients = has_gradients
        self._columns: Dict[str, List[Any]] = {
            name: [] for name in ("loss", "extrapolation_decades", "extrapolated",
                                  *nan_columns)}
        if has_intervals:
            self._columns["interval_basis"] = []
        self._decades = self._columns["extrapolation_decades"]
        self._extrapolated = self._columns["extrapolated"]
        self._sides: Dict[int, str] = {}
        self._attrs: Dict[str, Any] = {}
        self.law_points: Dict[str, List[float]] = {name: [] for name in POINT_COLUMNS}

    def add(self, response: Any) -> None:
        """Appends the points of one answer."""
        first = len(self._columns["loss"])
        count = len(response.loss)
        self._columns["loss"].extend(response.loss)
        self._columns["extrapolation_decades"].extend([0.0] * count)
        self._columns["extrapolated"].extend([""] * count)
        for name in self._nan_columns:
            self._columns[name].extend([float("nan")] * count)
        if self._has_intervals:
            self._columns["interval_basis"].extend([""] * count)
        for detail in response.details:
            self._add_detail(first + detail.point_index, detail)
        for name, values in self.law_points.items():
            values.extend(getattr(response.law_points, name))
        self._attrs = {
            "warnings": [warning.message for warning in response.warnings],
            "provenance": dataclasses.asdict(from_message(response.provenance))}

    def _add_detail(self, row: int, detail: Any) -> None:
        farthest_decades, sides = 0.0, 1
        extrapolations = detail.extrapolations
        for item in extrapolations:
            farthest_decades = max(farthest_decades, item.distance_decades)
            # One number per combination; a side is below 4.
            sides = 64 * sides + 4 * item.variable + item.side
        if sides != 1:
            text = self._sides.get(sides)
            if text is None:
                text = self._sides[sides] = _sides_text(extrapolations)
            self._extrapolated[row] = text
            self._decades[row] = farthest_decades
        if self._has_intervals and detail.HasField("interval"):
            self._add_interval(row, detail.interval)
        if self._has_gradients and detail.HasField("gradient"):
            gradient = detail.gradient
            self._columns["loss_gradient_log_params"][row] = gradient.by_log_params
            self._columns["loss_gradient_log_training_tokens"][row] = (
                gradient.by_log_training_tokens)

    def _add_interval(self, row: int, interval: Any) -> None:
        self._columns["loss_lower"][row] = interval.lower
        self._columns["loss_upper"][row] = interval.upper
        basis = interval.DESCRIPTOR.fields_by_name["basis"].enum_type
        self._columns["interval_basis"][row] = _enum_name(basis, interval.basis)

    def frame(self, points: "pandas.DataFrame") -> "pandas.DataFrame":
        """The answers beside the points that they belong to."""
        result = points.copy()
        for name, values in self._columns.items():
            result[name] = values
        result.attrs.update(self._attrs)
        return result


def _sides_text(extrapolations: Iterable[Any]) -> str:
    """Such as "PARAMS ABOVE, TRAINING_TOKENS ABOVE"."""
    words = []
    for item in extrapolations:
        fields = item.DESCRIPTOR.fields_by_name
        words.append(_enum_name(fields["variable"].enum_type, item.variable) + " "
                     + _enum_name(fields["side"].enum_type, item.side))
    return ", ".join(words)


def plan_rows(answer: Any, axis: Tuple[str, float]) -> List[Dict[str, Any]]:
    """The rows of one point of a sweep: the best model of each expansion rate,
    in the columns of the command line's CSV; one empty row where no model fits."""
    start = {axis[0]: axis[1]}
    if answer.provenance is not None:
        start["coefficient_set"] = answer.provenance.coefficient_set.rpartition("/")[2]
    plan = answer.plan
    if plan is None:
        return [{**start, "is_best": False}]
    best = plan.optimum.shape.expansion_rate
    points = list(plan.best_by_expansion_rate)
    if all(point.shape.expansion_rate != best for point in points):
        points.append(plan.optimum)
    rows = []
    for point in points:
        row = {**start, **_point_row(point)}
        row["is_best"] = point.shape.expansion_rate == best
        if row["is_best"]:
            row.update(_plan_row(plan))
        rows.append(row)
    return rows


def _point_row(point: Any) -> Dict[str, Any]:
    shape = point.shape
    return {
        "expansion_rate": shape.expansion_rate,
        "granularity": shape.granularity,
        "is_best": False,
        "active_params": shape.active_params,
        "total_params": shape.total_params,
        "training_tokens": point.training_tokens,
        "tokens_per_param": point.tokens_per_param,
        "loss": point.loss,
        "train_flops": point.flops.train_flops,
        "serving_flops": point.flops.serving_flops,
        "serving_bytes": point.memory.serving_bytes if point.memory else None,
        "d_model": shape.d_model,
        "block_count": shape.block_count,
        "extrapolation_decades": point.extrapolation_decades}


def _plan_row(plan: Any) -> Dict[str, Any]:
    row = {}
    if plan.saving is not None:
        row = {"dense_flops_for_same_loss": plan.saving.dense_flops_for_same_loss,
               "dense_to_plan_flops_ratio": plan.saving.dense_to_plan_flops_ratio,
               "saving_at_plan_flops": plan.saving.saving_at_plan_flops,
               "saving_at_dense_flops": plan.saving.saving_at_dense_flops}
    if plan.dense_baseline is not None:
        row["dense_loss"] = plan.dense_baseline.point.loss
    return row


SWEEP_COLUMNS = (
    "coefficient_set", "expansion_rate", "granularity", "is_best", "active_params",
    "total_params", "training_tokens", "tokens_per_param", "loss", "train_flops",
    "serving_flops", "serving_bytes", "d_model", "block_count",
    "extrapolation_decades", "dense_flops_for_same_loss",
    "dense_to_plan_flops_ratio", "saving_at_plan_flops", "saving_at_dense_flops",
    "dense_loss")


def law_frame(shapes: Sequence[ShapePoint],
              law_points: Dict[str, List[float]]) -> "pandas.DataFrame":
    """The law's variables that shapes were converted to, beside their labels."""
    import pandas

    columns: Dict[str, Any] = {"label": [point.shape.label for point in shapes]}
    columns.update({name: values for name, values in law_points.items() if values})
    return pandas.DataFrame(columns)
