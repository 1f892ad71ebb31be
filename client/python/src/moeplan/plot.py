"""Figures of what a server answered. Each function draws a DataFrame or a report
of MoePlanner into matplotlib Axes and returns them; none calls show().

Errors: ImportError without matplotlib (pip install moeplan[plot]); ValueError
where the table has nothing to draw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Sequence, Tuple

from moeplan._html import count_text, flops_text
from moeplan.questions import GIB

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from moeplan.fits import FitReport

_FIGURE_INCHES = (7.0, 4.4)
_GREY = "0.35"
_TITLE_POINTS = 11


def isoflop_profiles(profiles: "pandas.DataFrame", *,
                     ax: Optional["Axes"] = None) -> "Axes":
    """Loss against active parameters at fixed compute, one curve per budget,
    and the optimum of each: MoePlanner.isoflop_profiles."""
    _require_rows(profiles)
    ax = _axes(ax)
    groups = list(profiles.groupby("train_flops"))
    colours = _colours(len(groups))
    for colour, (budget, rows) in zip(colours, groups):
        ax.plot(rows["active_params"], rows["loss"], color=colour,
                label=flops_text(budget))
    optima = profiles[profiles["is_optimum"]].sort_values("train_flops")
    ax.plot(optima["active_params"], optima["loss"], linestyle="--", marker="o",
            color="black", markersize=5, linewidth=1, label="optimum")
    # The ends of the profiles would squeeze what matters, the minima.
    spread = optima["loss"].max() - optima["loss"].min()
    ax.set_ylim(optima["loss"].min() - 0.1 * (spread + 0.1),
                optima["loss"].max() + 0.6 * (spread + 0.1))
    _log_axis(ax, "x", "active parameters")
    ax.set_ylabel("predicted loss (nats per token)")
    _title(ax, "Loss along model sizes at fixed compute (C = 6 N D)", optima)
    _legend_beside(ax, "training FLOPs")
    return ax


def loss_against_memory(sweep: "pandas.DataFrame", *,
                        ax: Optional["Axes"] = None) -> "Axes":
    """Least loss against the memory limit, one curve per number of experts, and
    the best of all: MoePlanner.sweep(memory_bytes=...). With granularity 1 the
    expansion rate is the number of experts."""
    rows = sweep.dropna(subset=["loss"])
    _require_rows(rows)
    ax = _axes(ax)
    best = rows[rows["is_best"]]
    ax.plot(best["memory_limit_bytes"] / GIB, best["loss"], color="0.8", linewidth=7,
            solid_capstyle="round", label="best", zorder=1)
    groups = list(rows.groupby("expansion_rate"))
    for colour, (rate, group) in zip(_colours(len(groups)), groups):
        ax.plot(group["memory_limit_bytes"] / GIB, group["loss"], color=colour,
                label="1 (dense)" if rate == 1 else f"{rate:g}", zorder=2)
    _log_axis(ax, "x", "memory limit for weights and KV cache (GiB)", base=2)
    ax.set_ylabel("predicted loss (nats per token)")
    budget = rows["train_flops"].max()
    _title(ax, f"Least loss under a memory limit, {flops_text(budget)} training FLOPs",
           best)
    _legend_beside(ax, "experts (E)")
    return ax


def optimal_granularity(sweep: "pandas.DataFrame", *,
                        ax: Optional["Axes"] = None) -> "Axes":
    """The best granularity against the compute budget:
    MoePlanner.sweep(train_flops=...) with a set of the fine-grained family."""
    best = _best_over_compute(sweep)
    ax = _axes(ax)
    for name, rows in best.groupby("coefficient_set"):
        ax.step(rows["compute_budget_flops"], rows["granularity"], where="mid",
                marker="o", markersize=4, label=name)
    _log_axis(ax, "x", "training compute (FLOPs)", words=False)
    _log_axis(ax, "y", "best granularity G (FFN width / expert width)", base=2)
    _title(ax, "Best granularity as the budget grows", best)
    ax.legend(title="coefficient set", loc="upper left")
    return ax


def saving_over_dense(sweep: "pandas.DataFrame", *, as_ratio: bool = True,
                      ax: Optional["Axes"] = None) -> "Axes":
    """What the best MoE saves against the best dense model of the same loss,
    over the compute budget: MoePlanner.sweep(train_flops=...). Sweeps of several
    sets or expansion rates in one table get a curve each.

    as_ratio: FLOPs of the dense model over the plan's (figure 1b of
        2402.07871); else the share of the dense model's FLOPs that is saved, the
        dense FLOPs given (figure 2b of 2502.05172).
    """
    column = "dense_to_plan_flops_ratio" if as_ratio else "saving_at_dense_flops"
    best = _best_over_compute(sweep).dropna(subset=[column])
    _require_rows(best)
    ax = _axes(ax)
    groups = list(best.groupby(["coefficient_set", "expansion_rate"]))
    for colour, ((name, rate), rows) in zip(_colours(len(groups)), groups):
        ax.plot(rows["compute_budget_flops"],
                rows[column] if as_ratio else 100 * rows[column],
                color=colour, marker="o", markersize=4, label=f"{name}, E = {rate:g}")
    label = "training compute of the MoE (FLOPs)" if as_ratio else (
        "training compute of the dense model (FLOPs)")
    _log_axis(ax, "x", label, words=False)
    ax.set_ylabel("dense FLOPs / MoE FLOPs at equal loss" if as_ratio
                  else "FLOPs saved at equal loss (%)")
    ax.set_ylim(bottom=0)
    _title(ax, "Compute saved over the best dense model", best)
    _legend_beside(ax, "coefficient set", is_reversed=True)
    return ax


def fit_residuals(report: "FitReport", runs: "pandas.DataFrame", *,
                  ax: Optional["Axes"] = None) -> "Axes":
    """Fitted over measured loss, run by run, with the runs held out apart and
    the spread of the runs fitted. `runs` is the table of the fit.

    Errors: ValueError after a refusal, or where the fit had
    include_fitted_losses=False or other runs.
    """
    import numpy

    if report.fitted is None:
        raise ValueError("the fit was refused: there are no residuals")
    fitted = numpy.asarray(report.fitted.fitted_losses)
    measured = runs["loss"].to_numpy(dtype=float)
    if len(fitted) != len(measured):
        raise ValueError(f"the report has {len(fitted)} fitted losses for "
                         f"{len(measured)} runs")
    ax = _axes(ax)
    residual_percent = 100 * numpy.log(fitted / measured)
    is_held_out = numpy.zeros(len(measured), dtype=bool)
    is_held_out[list(report.fitted.held_out_runs)] = True
    rmse_percent = 100 * report.fitted.train_error.log_loss_rmse
    ax.axhspan(-rmse_percent, rmse_percent, color="0.9", zorder=0,
               label=f"RMSE of the runs fitted, {rmse_percent:.2g} %")
    ax.axhline(0, color=_GREY, linewidth=1)
    for name, mask, marker, colour in [("fitted", ~is_held_out, "o", "tab:blue"),
                                       ("held out", is_held_out, "D", "tab:orange")]:
        if mask.any():
            ax.scatter(measured[mask], residual_percent[mask], s=24, marker=marker,
                       color=colour, edgecolor="white", linewidth=0.5,
                       label=f"{name} ({mask.sum()} runs)")
    ax.set_xlabel("measured loss (nats per token)")
    ax.set_ylabel("ln(fitted / measured loss), %")
    _title(ax, f"Residuals of the fit of the law “{report.family}”", None)
    ax.grid(True, color="0.92", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.legend(loc="best")
    return ax


def _axes(ax: Optional["Axes"]) -> "Axes":
    if ax is not None:
        return ax
    import matplotlib.pyplot as pyplot

    return pyplot.subplots(figsize=_FIGURE_INCHES, layout="constrained")[1]


def _require_rows(frame: "pandas.DataFrame") -> None:
    if frame.empty:
        raise ValueError("nothing to draw: the table holds no model")


def _best_over_compute(sweep: "pandas.DataFrame") -> "pandas.DataFrame":
    if "compute_budget_flops" not in sweep:
        raise ValueError("needs a sweep over compute: planner.sweep(train_flops=[...])")
    best = sweep[sweep["is_best"]]
    _require_rows(best)
    return best


def _colours(count: int) -> Sequence[Tuple[float, ...]]:
    from matplotlib import colormaps

    # The end of the map is too light to see on white.
    return [colormaps["viridis"](0.9 * i / max(count - 1, 1)) for i in range(count)]


def _log_axis(ax: "Axes", axis: str, label: str, base: int = 10,
              words: bool = True) -> None:
    """A logarithmic axis; with `words`, its ticks read 7B and not 7 x 10^9."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    target: Any = getattr(ax, f"{axis}axis")
    getattr(ax, f"set_{axis}scale")("log", base=base)
    getattr(ax, f"set_{axis}label")(label)
    if words:
        target.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
        target.set_minor_formatter(NullFormatter())
    ax.grid(True, color="0.92", linewidth=0.8)
    ax.set_axisbelow(True)


def _tick(value: float) -> str:
    if value < 10_000:
        return f"{value:g}"
    text = count_text(value)
    return f"{float(text[:-1]):g}{text[-1]}"


def _title(ax: "Axes", text: str, rows: Optional["pandas.DataFrame"]) -> None:
    """The title, and below how far what is drawn lies outside the law's runs."""
    farthest = 0.0 if rows is None else float(rows["extrapolation_decades"].max())
    if farthest > 0:
        text += (f"\n(extrapolated: optima up to {farthest:.1f} decades outside "
                 "the law's runs)")
    ax.set_title(text, fontsize=_TITLE_POINTS, loc="left")


def _legend_beside(ax: "Axes", title: str, is_reversed: bool = False) -> None:
    handles, labels = ax.get_legend_handles_labels()
    step = -1 if is_reversed else 1  # in the order in which curves lie
    ax.legend(handles[::step], labels[::step], title=title, loc="upper left",
              bbox_to_anchor=(1.01, 1.0), borderaxespad=0.0, frameon=False)
