"""Tables for notebooks. Text for people: few digits, GiB, k M B T."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, Any, Iterable, List, Optional, Sequence

if TYPE_CHECKING:
    from moeplan.fits import FitReport
    from moeplan.plans import Infeasible, Plan, PlanningAnswer, PlanPoint

_SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def count_text(value: float) -> str:
    """Three significant digits with k, M, B or T: 3.72B."""
    for scale, suffix in _SUFFIXES:
        if value >= scale:
            digits = max(0, 2 - int(math.log10(value / scale)))
            return f"{value / scale:.{digits}f}{suffix}"
    return f"{value:.3g}"


def flops_text(flops: Any) -> str:
    """1e22, as people write it."""
    return f"{flops:.3g}".replace("e+", "e")


def gib_text(size_bytes: float) -> str:
    return f"{size_bytes / 2**30:.3g} GiB"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in header)
    lines = [f"<tr>{cells}</tr>"]
    for row in rows:
        cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in row)
        lines.append(f"<tr>{cells}</tr>")
    return "<table>" + "".join(lines) + "</table>"


def _paragraph(text: str) -> str:
    return f"<p>{html.escape(text)}</p>"


def _list(items: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(item)}</li>" for item in items) + "</ul>"


def _words(name: str) -> str:
    return name.lower().replace("_", " ")


def _point_cells(name: str, point: "PlanPoint") -> List[str]:
    shape = point.shape
    memory = gib_text(point.memory.serving_bytes) if point.memory else "-"
    return [name, f"{shape.expansion_rate:g}", f"{shape.granularity:g}",
            count_text(shape.active_params), count_text(shape.total_params),
            count_text(point.training_tokens), flops_text(point.flops.train_flops),
            memory, f"{point.loss:.3f}",
            f"{point.extrapolation_decades:.1f}" if point.extrapolations else "inside"]


_POINT_HEADER = ("", "E", "G", "active", "total", "tokens", "train FLOPs", "memory",
                 "loss", "decades outside the data")


def plan_html(plan: "Plan") -> str:
    rows = [_point_cells("best", plan.optimum)]
    rows += [_point_cells("best of its E", point)
             for point in plan.best_by_expansion_rate
             if point.shape.expansion_rate != plan.optimum.shape.expansion_rate]
    if plan.dense_baseline is not None:
        rows.append(_point_cells("dense, same FLOPs", plan.dense_baseline.point))
    notes = []
    for constraint in plan.binding_constraints:
        note = "held by " + _words(constraint.constraint)
        if constraint.loss_per_ln_limit is not None:
            change = constraint.loss_per_ln_limit * math.log(2)
            note += f" (twice as much: loss about {change:+.3f})"
        notes.append(note)
    if plan.optimum.device_hours is not None:
        note = f"{plan.optimum.device_hours:.3g} device-hours"
        if plan.optimum.serving_device_hours is not None:
            note += f", {plan.optimum.serving_device_hours:.3g} of them serving"
        notes.append(note)
    ratio: Optional[float] = None
    if plan.saving is not None:
        ratio = plan.saving.dense_to_plan_flops_ratio
    if ratio is not None:
        notes.append(f"a dense model needs {ratio:.2f} times the FLOPs for this loss")
    return _table(_POINT_HEADER, rows) + _list(notes)


def infeasible_html(infeasible: "Infeasible") -> str:
    rows = []
    for item in infeasible.relaxations:
        if item.not_fixable_alone is not None:
            remedy = "not fixable alone: " + item.not_fixable_alone.reason
        elif item.smallest_value is not None:
            remedy = f"at least {item.smallest_value:.4g}"
        else:
            remedy = f"at most {item.largest_value:.4g}"
        rows.append([_words(item.constraint), remedy])
    return (_paragraph(infeasible.message)
            + _table(("limit", "would have to be"), rows))


def answer_html(answer: "PlanningAnswer") -> str:
    parts = []
    if answer.plan is not None:
        parts.append(plan_html(answer.plan))
    if answer.infeasible is not None:
        parts.append(infeasible_html(answer.infeasible))
    if answer.evaluation is not None:
        parts.append(_paragraph(
            f"{_words(answer.evaluation.verdict)}: {answer.evaluation.reason}"))
    if answer.assumptions:
        parts.append(_list(f"assumed: {item}" for item in answer.assumptions))
    if answer.warnings:
        parts.append(_list(warning.message for warning in answer.warnings))
    return "".join(parts)


def _error_cells(name: str, error: Any) -> List[str]:
    return [name, str(error.run_count), f"{error.loss_rmse:.4f}",
            f"{error.log_loss_rmse:.4f}", f"{error.loss_max_error:.4f}"]


def report_html(report: "FitReport") -> str:
    parts = []
    if report.fitted is not None:
        fitted = report.fitted
        parts.append(_table(
            ("coefficient", "value", "lower", "upper", "state"),
            [[c.name, f"{c.value:.5g}",
              "-" if c.lower is None else f"{c.lower:.4g}",
              "-" if c.upper is None else f"{c.upper:.4g}", _words(c.state)]
             for c in fitted.coefficients]))
        errors = [_error_cells("fitted", fitted.train_error)]
        if fitted.held_out_error is not None:
            errors.append(_error_cells("held out", fitted.held_out_error))
        parts.append(_table(("runs", "count", "RMSE", "RMSE of ln loss",
                             "largest error"), errors))
        parts.append(_paragraph(f"{fitted.starts_at_best} of {fitted.start_count} "
                                "starts ended at the best objective."))
    if report.refusal is not None:
        parts.append(_paragraph(
            f"{report.refusal.message}. Needed: {report.refusal.needed_runs}"))
    parts.append(_list(
        f"{', '.join(item.coefficients)}: {item.reason}. Needed: {item.needed_runs}"
        for item in report.reductions))
    parts.append(_list(warning.message for warning in report.warnings))
    return "".join(parts)
