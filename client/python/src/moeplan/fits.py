"""Coefficient sets and the reports of fits."""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Optional, Tuple

from moeplan._mirror import mirrors
from moeplan.evidence import (FixedVariable, ParamConvention, VariableRange,
                              Warning)

if TYPE_CHECKING:
    import pandas


@mirrors("Coefficient")
@dataclasses.dataclass(frozen=True)
class Coefficient:
    """One coefficient; what is unknown is None."""

    name: str
    value: float
    standard_error: Optional[float] = None
    lower: Optional[float] = None
    upper: Optional[float] = None


@mirrors("DomainBox")
@dataclasses.dataclass(frozen=True)
class DomainBox:
    """A box of variables within which runs were fitted."""

    ranges: Tuple[VariableRange, ...]
    expansion_rate: Optional[float] = None  # None: for every expansion rate


@mirrors("ResidualError")
@dataclasses.dataclass(frozen=True)
class ResidualError:
    """Errors of a fit over its runs."""

    train_rmse: float
    held_out_rmse: Optional[float] = None
    of_log_loss: bool = False  # else of the loss, in its unit
    source: str = ""


@mirrors("CoefficientDraw")
@dataclasses.dataclass(frozen=True)
class CoefficientDraw:
    """One bootstrap draw of all coefficients, in the family's order."""

    values: Tuple[float, ...]


@mirrors("CoefficientSet")
@dataclasses.dataclass(frozen=True)
class CoefficientSet:
    """The numbers of one law, where they come from and how far they reach.

    Immutable: a change is a new id, and equal checksums give equal answers.
    name, published, checksum and create_time are the server's to fill.
    """

    family: str
    convention: ParamConvention
    coefficients: Tuple[Coefficient, ...]
    source: str
    display_name: str = ""
    fixed_variables: Tuple[FixedVariable, ...] = ()
    domain: Tuple[DomainBox, ...] = ()
    residual_error: Optional[ResidualError] = None
    draws: Tuple[CoefficientDraw, ...] = ()
    caveats: Tuple[str, ...] = ()
    name: str = ""
    published: bool = False
    checksum: str = ""
    create_time: Optional[datetime.datetime] = None

    @property
    def id(self) -> str:
        """The name without "coefficientSets/"."""
        return self.name.rpartition("/")[2]


@mirrors("FittedCoefficient")
@dataclasses.dataclass(frozen=True)
class FittedCoefficient:
    """How one coefficient ended."""

    name: str
    value: float
    state: str  # FITTED, AT_LOWEST, AT_HIGHEST, FIXED or REDUCED
    interval_basis: str  # UNSPECIFIED where there is no interval
    lower: Optional[float]
    upper: Optional[float]
    standard_error: Optional[float]


@mirrors("FitError")
@dataclasses.dataclass(frozen=True)
class FitError:
    """Errors of the fitted law over some runs, fitted minus measured."""

    group: str  # empty for all runs together
    run_count: int
    loss_rmse: float
    log_loss_rmse: float
    loss_max_error: float
    loss_bias: float


@mirrors("FitOutlier")
@dataclasses.dataclass(frozen=True)
class FitOutlier:
    """A run that the law misses."""

    run_index: int  # row of the run table, from 0
    tag: str
    loss: float
    fitted_loss: float
    robust_score: float
    held_out: bool


@mirrors("FittedLaw")
@dataclasses.dataclass(frozen=True)
class FittedLaw:
    """A fitted law and how far to trust it."""

    # None where the best fit is no legal law
    coefficient_set: Optional[CoefficientSet]
    coefficients: Tuple[FittedCoefficient, ...]
    correlation: Tuple[float, ...]  # row by row
    correlation_coefficients: Tuple[str, ...]
    interval_level: float
    objective: float
    start_count: int
    starts_at_best: int
    converged: bool
    condition_number: float
    train_error: FitError
    held_out_error: Optional[FitError]
    train_error_by_group: Tuple[FitError, ...]
    held_out_error_by_group: Tuple[FitError, ...]
    duplicate_log_loss_rmse: Optional[float]
    held_out_runs: Tuple[int, ...]  # rows, from 0
    outliers: Tuple[FitOutlier, ...]  # worst first
    bootstrap_draw_count: int
    starts_converged: int
    fitted_losses: Tuple[float, ...]  # of every run, in the table's order

    @property
    def share_of_starts_at_best(self) -> float:
        """Starts that ended at the best objective, over all; 1 is a fit
        without rival minima."""
        return self.starts_at_best / self.start_count


@mirrors("FitReduction")
@dataclasses.dataclass(frozen=True)
class FitReduction:
    """A part of the law that the runs cannot determine."""

    coefficients: Tuple[str, ...]
    reason: str
    needed_runs: str
    fixed_variable: Optional[FixedVariable]


@mirrors("FitRefusal")
@dataclasses.dataclass(frozen=True)
class FitRefusal:
    """The runs cannot carry the law, whatever the solver does."""

    reason: str  # TOO_FEW_RUNS, NOT_IDENTIFIABLE, ...
    message: str
    needed_runs: str
    coefficients: Tuple[str, ...]


@mirrors("SuggestedRun")
@dataclasses.dataclass(frozen=True)
class SuggestedRun:
    """A run that would help."""

    active_params: float
    training_tokens: float
    expansion_rate: float
    granularity: float
    train_flops: float  # 6 * active_params * training_tokens, a guide
    reason: str
    coefficients: Tuple[str, ...]


@mirrors("FitReport")
@dataclasses.dataclass(frozen=True)
class FitReport:
    """The outcome of a fit: the law, or why the runs cannot carry it."""

    family: str
    fitted: Optional[FittedLaw]
    refusal: Optional[FitRefusal]
    reductions: Tuple[FitReduction, ...]
    suggested_runs: Tuple[SuggestedRun, ...]  # most useful first
    warnings: Tuple[Warning, ...]

    def coefficients_frame(self) -> "pandas.DataFrame":
        """The coefficients as a DataFrame by name: value, lower, upper,
        standard_error, state, interval_basis; no rows after a refusal."""
        import pandas

        fields = [field.name for field in dataclasses.fields(FittedCoefficient)]
        rows = self.fitted.coefficients if self.fitted is not None else ()
        return pandas.DataFrame([dataclasses.asdict(row) for row in rows],
                                columns=fields).set_index("name")

    def errors_frame(self) -> "pandas.DataFrame":
        """The errors as a DataFrame: train and held out, all and by group; no
        rows after a refusal."""
        import pandas

        fields = [field.name for field in dataclasses.fields(FitError)]
        rows = []
        if self.fitted is not None:
            held_out = self.fitted.held_out_error
            for runs, errors in [
                    ("train", (self.fitted.train_error,
                               *self.fitted.train_error_by_group)),
                    ("held out", (*([held_out] if held_out else []),
                                  *self.fitted.held_out_error_by_group))]:
                rows += [{"runs": runs, **dataclasses.asdict(error)}
                         for error in errors]
        frame = pandas.DataFrame(rows, columns=["runs", *fields])
        return frame.set_index(["runs", "group"])

    def _repr_html_(self) -> str:
        from moeplan._html import report_html

        return report_html(self)


@mirrors("FitProgress")
@dataclasses.dataclass(frozen=True)
class FitProgress:
    """How far a fit is."""

    family: str
    family_index: int
    family_count: int
    starts_done: int
    start_count: int
    best_objective: Optional[float]
    bootstrap_draws_done: int
    bootstrap_draw_count: int


@mirrors("FitResult")
@dataclasses.dataclass(frozen=True)
class FitResult:
    """The end of a fit of several families."""

    reports: Tuple[FitReport, ...]  # in the order of the request
    run_table_hash: str
    server_version: str
