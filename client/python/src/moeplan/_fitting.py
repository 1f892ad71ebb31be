"""A running fit: its stream of progress, the bar, and the end."""

from __future__ import annotations

from typing import Any, Callable, Optional

from moeplan._mirror import from_message
from moeplan.errors import Internal
from moeplan.fits import FitProgress, FitResult

METHOD = "/moeplan.v1.PlannerService/FitFromRuns"


class ProgressBar:
    """Starts and bootstrap draws of all families, as one tqdm bar."""

    def __init__(self, is_shown: bool) -> None:
        self._is_shown = is_shown
        self._bar: Any = None

    def update(self, progress: FitProgress) -> None:
        if not self._is_shown:
            return
        per_family = progress.start_count + progress.bootstrap_draw_count
        if self._bar is None:
            from tqdm.auto import tqdm

            self._bar = tqdm(total=per_family * progress.family_count, unit="fit")
        self._bar.set_description(progress.family, refresh=False)
        if progress.best_objective is not None:
            self._bar.set_postfix_str(f"best {progress.best_objective:.6g}",
                                      refresh=False)
        done = (per_family * progress.family_index + progress.starts_done
                + progress.bootstrap_draws_done)
        self._bar.update(max(done - self._bar.n, 0))

    def finish(self) -> None:
        """Progress is reported 20 times a second at most: the last part may be
        missing though it is done."""
        if self._bar is not None:
            self._bar.update(self._bar.total - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


def run_fit(connection: Any, request: Any, timeout_seconds: float, progress: bool,
            on_progress: Optional[Callable[[FitProgress], None]]) -> FitResult:
    """Runs a fit to its end. Any exception on the way cancels it."""
    from moeplan.v1 import fit_from_runs_pb2

    result: Optional[FitResult] = None
    bar = ProgressBar(progress)
    events = connection.stream(METHOD, request, fit_from_runs_pb2.FitFromRunsResponse,
                               timeout_seconds)
    try:
        for event in events:
            if event.HasField("result"):
                result = from_message(event.result)
            elif event.HasField("progress"):
                step: FitProgress = from_message(event.progress)
                bar.update(step)
                if on_progress is not None:
                    on_progress(step)
        if result is None:
            raise Internal("the stream ended without a result")
        bar.finish()
        return result
    finally:
        events.close()
        bar.close()
