"""MoePlanner, the client."""

from __future__ import annotations

from typing import (TYPE_CHECKING, Any, Callable, Iterable, List, Mapping, Optional,
                    Sequence, Tuple, Union)

from moeplan import _curves, _tables
from moeplan._connection import Connection, TlsArgument
from moeplan._fitting import run_fit
from moeplan._mirror import from_message, to_message
from moeplan._requests import (FitQuestion, family_convention, fit_request,
                               new_request_id, optimal_config_request, set_name,
                               unary_method)
from moeplan.evidence import ParamConvention, ServerInfo
from moeplan.fits import CoefficientSet, FitProgress, FitReport, FitResult
from moeplan.hardware import HardwareBudget, TrainingSetup
from moeplan.plans import Evaluation, PlanningAnswer
from moeplan.questions import (Candidate, FitLossFunction, HoldOutRule, MemoryLimit,
                               SearchSpace, ServingDemand, ServingMemory)
from moeplan.shapes import ShapePoint

if TYPE_CHECKING:
    import pandas

QUERY_TIMEOUT_SECONDS = 30.0
FIT_TIMEOUT_SECONDS = 600.0
RETRIES = 4


class MoePlanner:
    """A moeplan server.

    address: "host:port" or a gRPC name; by default MOEPLAN_SERVER, else
        127.0.0.1:7600.
    token: sent as "authorization: Bearer"; by default MOEPLAN_TOKEN. Refused
        over plain text unless the address is this machine's or
        allow_plaintext_token is set.
    tls: True, the path of root certificates, or a Tls; by default MOEPLAN_TLS,
        MOEPLAN_TLS_ROOT_CERTIFICATES, MOEPLAN_TLS_CLIENT_CERTIFICATE and
        MOEPLAN_TLS_CLIENT_KEY.
    timeout: seconds from a call to its end, all tries and waits together; by
        default 30, for a fit 600.
    retries: tries after the first one where the server cannot be reached. An
        overloaded server is asked again when it says, until the timeout. 0 turns
        both off. Writes carry request ids: a repeated one takes effect once.

    Every method raises a subclass of MoePlanError where the call fails, and
    ValueError or TypeError for arguments that make no request. Thread-safe. The
    channel is made by the first call; close() or `with` ends it. Not to be used
    in a child process after a fork.
    """

    def __init__(self, address: Optional[str] = None, *, token: Optional[str] = None,
                 tls: TlsArgument = None, timeout: Optional[float] = None,
                 retries: int = RETRIES, allow_plaintext_token: bool = False) -> None:
        self._connection = Connection(address, token, tls, retries,
                                      allow_plaintext_token)
        self._query_timeout = timeout or QUERY_TIMEOUT_SECONDS
        self._fit_timeout = timeout or FIT_TIMEOUT_SECONDS

    @property
    def address(self) -> str:
        """Where the calls go."""
        return self._connection.address

    def __enter__(self) -> "MoePlanner":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection; calls that run in other threads are cancelled."""
        self._connection.close()

    def __repr__(self) -> str:
        return f"MoePlanner({self.address!r})"

    def send(self, request: Any, timeout: Optional[float] = None) -> Any:
        """The answer to a request message of moeplan.v1, both as protobuf
        messages: for fields that the other methods do not wrap. Deadline,
        retries and errors are theirs.

        Errors: TypeError for a message that no unary call takes.
        """
        method, response_type = unary_method(request)
        return self._connection.call(method, request, response_type,
                                     timeout or self._query_timeout)

    def info(self, *, timeout: Optional[float] = None) -> ServerInfo:
        """The server's version, default sets, law families and limits."""
        from moeplan.v1 import planner_pb2

        return from_message(self.send(planner_pb2.GetServerInfoRequest(), timeout))

    def predict(self, points: _tables.Points, *, coefficient_set: str = "",
                intervals: bool = False, gradients: bool = False,
                strict: bool = False,
                timeout: Optional[float] = None) -> "pandas.DataFrame":
        """The loss at points: a DataFrame of the same order and index, with the
        points' columns and

        - loss: the set's loss unit (nats per token for published sets);
        - extrapolation_decades: largest distance from the fitted box; 0 inside;
        - extrapolated: what lies outside, such as "PARAMS ABOVE";
        - with intervals: loss_lower, loss_upper (90 %) and interval_basis; NaN
          where the set has none;
        - with gradients: loss_gradient_log_params and
          loss_gradient_log_training_tokens, d loss / d ln of each.

        attrs["provenance"] and attrs["warnings"] say what it was computed from
        and what to beware of.

        points: a DataFrame with active_params or law_params (parameters),
            training_tokens, and expansion_rate and granularity where the set
            has them free; or Points; or ShapePoints (real models, converted by
            the server; the columns are then the law's). Parameters in [1,
            1e18], tokens in [1, 1e20], E and G in [1, 1e6].
        coefficient_set: id or name; by default the server's own.
        strict: refuse points outside the fitted box.

        Errors: InvalidArgument, NotFound, FailedPrecondition (the set fixes
        another E, or lacks a variable), OutOfRange (strict).
        Cost: one call per 50,000 points, each with its own timeout.
        """
        from moeplan.v1 import predict_pb2

        frame, shapes = _points(points)
        count = len(frame) if shapes is None else len(shapes)
        table = _tables.PredictionTable(intervals, gradients)
        # No points make one call too: its refusal is the server's.
        for start in range(0, max(count, 1), _tables.POINTS_PER_CALL):
            chunk = slice(start, start + _tables.POINTS_PER_CALL)
            request = predict_pb2.PredictRequest(
                coefficient_set=set_name(coefficient_set), strict=strict,
                include_intervals=intervals, include_gradients=gradients)
            if shapes is None:
                _tables.fill_point_columns(frame.iloc[chunk], request.point_columns)
            else:
                _tables.fill_shape_points(shapes[chunk], request.shape_points)
            table.add(self.send(request, timeout))
        if shapes is not None:
            return table.frame(_tables.law_frame(shapes, table.law_points))
        known = [name for name in _tables.POINT_COLUMNS if name in frame]
        return table.frame(frame[known])

    def optimal_config(
            self, train_flops: Optional[float] = None, *,
            hardware: Optional[HardwareBudget] = None,
            training_setup: Optional[TrainingSetup] = None,
            objective: str = "LEAST_LOSS", target_loss: Optional[float] = None,
            memory_limit: Optional[MemoryLimit] = None,
            serving_memory: Optional[ServingMemory] = None,
            serving_demand: Optional[ServingDemand] = None,
            available_training_tokens: Optional[float] = None,
            search_space: Optional[SearchSpace] = None,
            candidate: Optional[Candidate] = None,
            loss_tolerance: Optional[float] = None,
            alternative_count: Optional[int] = None, include_cells: bool = False,
            pareto_point_count: Optional[int] = None,
            max_extrapolation_decades: Optional[float] = None,
            learning_rate_by_non_embedding_params: bool = False,
            strict: bool = False, coefficient_set: str = "",
            dense_coefficient_set: str = "",
            timeout: Optional[float] = None) -> PlanningAnswer:
        """The best model under limits as `plan`, or why there is none as
        `infeasible`, with what each limit would have to be; and the verdict on
        a candidate as `evaluation`.

        train_flops: compute budget in FLOPs, [1, 1e40]; a limit, not an
            equality; may be left out with a candidate (its own FLOPs count).
        hardware: device time on measured machines instead; hardware_outcomes
            has each, best first, and assumptions what was not measured.
            training_setup says how the run lies over its devices.
        objective: LEAST_LOSS; or LEAST_COMPUTE or LEAST_SERVING_MEMORY, which
            reach target_loss.
        memory_limit: of the served model; serving_memory says how it is counted.
        available_training_tokens: unique tokens, each seen once.
        search_space: by default E in 1..32 or G in 1..256, powers of two.
        loss_tolerance: losses closer than this count as equal; default 1e-3.
        pareto_point_count: most points of loss against serving memory.

        Errors: InvalidArgument, NotFound, FailedPrecondition, OutOfRange
        (strict), Unimplemented (the message names the field).
        Cost: milliseconds; with hardware some 100 ms an option.
        """
        from moeplan.v1 import optimal_config_pb2

        request = optimal_config_request(
            optimal_config_pb2, train_flops=train_flops, hardware=hardware,
            available_training_tokens=available_training_tokens,
            coefficient_set=coefficient_set,
            dense_coefficient_set=dense_coefficient_set,
            fields=dict(
                objective=objective, target_loss=target_loss,
                memory_limit=memory_limit, serving_memory=serving_memory,
                serving_demand=serving_demand, search_space=search_space,
                training_setup=training_setup,
                candidate=candidate, loss_tolerance=loss_tolerance,
                alternative_count=alternative_count, include_cells=include_cells,
                pareto_point_count=pareto_point_count,
                max_extrapolation_decades=max_extrapolation_decades,
                learning_rate_by_non_embedding_params=(
                    learning_rate_by_non_embedding_params),
                strict=strict))
        return from_message(self.send(request, timeout))

    def evaluate(self, candidate: Candidate, **question: Any) -> Evaluation:
        """The verdict on a model that somebody means to train, against the best
        use of its own FLOPs, or with hardware of its own device-hours;
        `question` are arguments of optimal_config."""
        answer = self.optimal_config(candidate=candidate, **question)
        assert answer.evaluation is not None  # a candidate was given
        return answer.evaluation

    def sweep(self, *, train_flops: Union[float, Iterable[float], None] = None,
              memory_bytes: Optional[Iterable[float]] = None,
              **question: Any) -> "pandas.DataFrame":
        """Optima along compute budgets or memory limits: a DataFrame with one
        row per value and expansion rate, in the columns of the command line's
        CSV. is_best marks the best expansion rate, whose row also holds the
        dense figures. A value that admits no model has one row, mostly NaN.

        train_flops: budgets, column compute_budget_flops; or, with memory_bytes,
            the one budget.
        memory_bytes: limits, column memory_limit_bytes.
        question: further arguments of optimal_config.

        Errors: ValueError without exactly one axis; those of optimal_config.
        Cost: one call per value, milliseconds each.
        """
        return _curves.sweep(self, train_flops, memory_bytes, question)

    def isoflop_profiles(self, train_flops: Iterable[float], *,
                         point_count: int = 61, size_span: float = 30.0,
                         **question: Any) -> "pandas.DataFrame":
        """Loss along model sizes at fixed compute: a DataFrame with
        train_flops, expansion_rate, granularity, active_params,
        training_tokens, loss, extrapolation_decades and is_optimum (the row of
        the optimum of its budget).

        Tokens follow from C = 6 N D. Sizes go from the optimum's over size_span
        to the optimum's times size_span, at the optimum's E and G, which
        search_space may fix. question: coefficient_set, search_space, timeout.

        Errors: ValueError for a set whose FLOPs include routing; those of
        optimal_config and predict.
        Cost: two calls per budget.
        """
        return _curves.isoflop_profiles(self, train_flops, point_count, size_span,
                                        question)

    def fit(self, runs: "pandas.DataFrame", family: str = "joint",
            **options: Any) -> FitReport:
        """The report of a fit of one law family; see fit_families."""
        return self.fit_families(runs, [family], **options).reports[0]

    def fit_families(
            self, runs: "pandas.DataFrame", families: Sequence[str], *,
            convention: Optional[ParamConvention] = None,
            convention_of: Optional[str] = None,
            hold_out: Optional[HoldOutRule] = None,
            loss_function: Optional[FitLossFunction] = None,
            fixed_coefficients: Optional[Mapping[str, float]] = None,
            initial_coefficients: Optional[Mapping[str, float]] = None,
            start_count: Optional[int] = None,
            bootstrap_draw_count: Optional[int] = None,
            bootstrap_by_group: Optional[bool] = None,
            interval_level: Optional[float] = None, seed: int = 0,
            coefficient_set_id: str = "", display_name: str = "",
            run_source: str = "", include_fitted_losses: bool = True,
            request_id: Optional[str] = None, progress: bool = True,
            on_progress: Optional[Callable[[FitProgress], None]] = None,
            timeout: Optional[float] = None) -> FitResult:
        """Fits law families to training runs, and reports on each: coefficients
        with intervals, errors over runs fitted and held out, what the runs could
        not determine, and which runs would.

        runs: one row per run, at most 50,000: active_params, training_tokens,
            loss (the convention's unit); where known total_params,
            expansion_rate, granularity, weight, group, tag. Other columns are
            passed over.
        convention: who counted how; by default that of the first family's
            paper, or that of the set convention_of.
        hold_out: runs to keep out and test on.
        start_count: starts of the search, default 32. bootstrap_draw_count:
            refits for intervals, default none (intervals then rest on the
            Jacobian).
        seed: the same seed and request give the same bits.
        coefficient_set_id: id under which to store the fitted set.
        progress: draw a bar (tqdm). on_progress: called with each FitProgress;
            leaving it by an exception, or ctrl-c, cancels the fit.

        Minimises the weighted Huber loss of residuals of ln loss from many
        starts. A fit that the runs cannot carry is no error: see
        FitReport.refusal and FitReport.reductions.
        Errors: InvalidArgument, AlreadyExists, FailedPrecondition, Aborted.
        Cost: seconds to minutes, on the server.
        """
        from moeplan.v1 import fit_from_runs_pb2

        question = FitQuestion(
            dict(hold_out=hold_out, loss_function=loss_function,
                 start_count=start_count, seed=seed,
                 bootstrap_draw_count=bootstrap_draw_count,
                 bootstrap_by_group=bootstrap_by_group,
                 interval_level=interval_level, display_name=display_name,
                 coefficient_set_id=coefficient_set_id, run_source=run_source,
                 include_fitted_losses=include_fitted_losses,
                 request_id=request_id or new_request_id()),
            fixed_coefficients, initial_coefficients)
        request = fit_request(
            fit_from_runs_pb2, runs, families,
            self._convention(families[0], convention, convention_of), question)
        return run_fit(self._connection, request, timeout or self._fit_timeout,
                       progress, on_progress)

    def _convention(self, family: str, convention: Optional[ParamConvention],
                    convention_of: Optional[str]) -> Any:
        from moeplan.v1 import coefficient_set_pb2, law_pb2, planner_pb2

        if convention is not None:
            return to_message(convention, law_pb2.ParamConvention())
        if convention_of is not None:
            return self.send(coefficient_set_pb2.GetCoefficientSetRequest(
                name=set_name(convention_of))).coefficient_set.convention
        return family_convention(self.send(planner_pb2.GetServerInfoRequest()), family)

    def coefficient_sets(self, *, family: str = "", published_only: bool = False,
                         timeout: Optional[float] = None) -> List[CoefficientSet]:
        """All sets by rising id, without draws; `family` and `published_only`
        narrow them. Errors: InvalidArgument for an unknown family."""
        from moeplan.v1 import coefficient_set_pb2

        request = coefficient_set_pb2.ListCoefficientSetsRequest(
            family=family, published_only=published_only)
        sets: List[CoefficientSet] = []
        while True:
            page = self.send(request, timeout)
            sets += [from_message(item) for item in page.coefficient_sets]
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return sets

    def get_coefficient_set(self, name: str, *, include_draws: bool = False,
                            timeout: Optional[float] = None) -> CoefficientSet:
        """One set, by id or name. Errors: NotFound, DataLoss."""
        from moeplan.v1 import coefficient_set_pb2

        request = coefficient_set_pb2.GetCoefficientSetRequest(
            name=set_name(name), include_draws=include_draws)
        return from_message(self.send(request, timeout).coefficient_set)

    def create_coefficient_set(self, coefficient_set_id: str,
                               coefficient_set: CoefficientSet, *,
                               request_id: Optional[str] = None,
                               timeout: Optional[float] = None) -> CoefficientSet:
        """Stores a set of your own, and returns it as stored. Once answered it
        is durable. Errors: InvalidArgument, AlreadyExists, ResourceExhausted."""
        from moeplan.v1 import coefficient_set_pb2

        request = coefficient_set_pb2.CreateCoefficientSetRequest(
            coefficient_set_id=coefficient_set_id,
            request_id=request_id or new_request_id())
        to_message(coefficient_set, request.coefficient_set)
        return from_message(self.send(request, timeout).coefficient_set)

    def delete_coefficient_set(self, name: str, *, request_id: Optional[str] = None,
                               timeout: Optional[float] = None) -> None:
        """Deletes a set of your own, by id or name. Errors: NotFound,
        FailedPrecondition (published, or a default of the server)."""
        from moeplan.v1 import coefficient_set_pb2

        self.send(coefficient_set_pb2.DeleteCoefficientSetRequest(
            name=set_name(name), request_id=request_id or new_request_id()), timeout)


def _points(points: Any) -> Tuple[Any, Optional[List[ShapePoint]]]:
    """A DataFrame of points, or shapes; one of the two is None."""
    if hasattr(points, "columns"):
        return points, None
    items = list(points) if isinstance(points, (list, tuple)) else [points]
    if items and all(isinstance(item, ShapePoint) for item in items):
        return None, items
    return _tables.points_frame(items), None
