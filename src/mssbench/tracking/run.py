"""Tracking that cannot stop the caller."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from mssbench.errors import Interrupted
from mssbench.tracking.connection import OFF, address, connect, first_line
from mssbench.tracking.stored import STATUS, StoredRun

log = logging.getLogger(__name__)

EXPERIMENT = "mssbench"

T = TypeVar("T")


class Run:
    """A run as a stage of the pipeline sees it.

    No method raises because of MLflow. The first failure is logged as a warning, and the run does
    nothing from then on; nor does it where tracking is off.

    As a context manager it ends the run: FINISHED, or STOPPED when the block was interrupted, or
    FAILED when it raised something else.

    Args:
        begin: returns the stored run; None where tracking is off.
    """

    def __init__(self, begin: Callable[[], StoredRun] | None = None) -> None:
        self._stored: StoredRun | None = None
        self._ended = False
        if begin is not None:
            self._stored = guarded(begin)

    @property
    def is_tracked(self) -> bool:
        """Whether what is logged reaches MLflow."""
        return self._stored is not None

    def log_epoch(self, step: int, metrics: Mapping[str, float | None]) -> None:
        """Log what belongs to one step of the curves.

        A continued run passes over the steps that it has. None is left out; infinity becomes NaN.

        Args:
            step: the number of the epoch.
            metrics: name -> value; a ``/`` in a name groups charts.
        """
        self._attempt(lambda stored: stored.log_epoch(step, metrics))

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log values that the run has once; values that it has already are not repeated."""
        self._attempt(lambda stored: stored.log_metrics(metrics))

    def log_artifact(self, path: Path | str, folder: str | None = None) -> None:
        """Copy a file into ``folder`` of the run's files, over one of the same name."""
        self._attempt(lambda stored: stored.log_artifact(Path(path), folder))

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags; they may change."""
        self._attempt(lambda stored: stored.set_tags(tags))

    def finish(self, state: str) -> None:
        """End the run.

        Args:
            state: ``FINISHED``, ``FAILED``, or ``STOPPED`` for a run that will be continued, which
                MLflow shows as KILLED until then.
        """
        if state not in STATUS:
            raise ValueError(f"state is {state!r}; allowed are {', '.join(STATUS)}")
        self._ended = True
        self._attempt(lambda stored: stored.finish(state))

    def _attempt(self, action: Callable[[StoredRun], None]) -> None:
        stored = self._stored
        if stored is None:
            return

        def act() -> StoredRun:
            action(stored)
            return stored

        self._stored = guarded(act)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ended:
            return
        if kind is None:
            self.finish("FINISHED")
        else:
            stopped = issubclass(kind, Interrupted | KeyboardInterrupt)
            self.finish("STOPPED" if stopped else "FAILED")


def guarded(action: Callable[[], T]) -> T | None:
    """Return what ``action`` returns; warn and return None when it fails."""
    try:
        return action()
    except Interrupted:
        raise
    except Exception as error:  # whatever it is, the work itself is not concerned
        log.warning("Tracking stops here, the work goes on: %s", first_line(error))
        return None


def training_key(trained: str) -> str:
    """Return the key of the run in which the weights called ``trained`` are made."""
    return f"train/{trained}"


def start_run(
    name: str,
    key: str,
    params: Mapping[str, Any],
    tags: Mapping[str, Any],
    experiment: str = EXPERIMENT,
) -> Run:
    """Start a run, or continue the one that has the same key.

    The tags get host, process, commit, version, SLURM job and the number of the attempt added.

    Args:
        name: what MLflow's pages call it.
        key: names the run for good, such as the digest of its configuration.
        params: nested maps; stored with their keys joined by dots. They never change: a continued
            run stores only those that it lacks.
        tags: texts and numbers. With a tag ``code``, only a run of the same code is continued.
        experiment: the MLflow experiment, which ``initialise`` has made.
    """
    uri = address()
    if uri == OFF:
        return Run()
    return Run(
        lambda: StoredRun.begin(connect(uri), experiment, key, name=name, params=params, tags=tags)
    )
