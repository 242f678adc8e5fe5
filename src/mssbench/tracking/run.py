"""Tracking that cannot stop the caller."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import mssbench
from mssbench.errors import Interrupted
from mssbench.masking import masked
from mssbench.tracking.connection import OFF, address
from mssbench.tracking.experiments import TRAININGS
from mssbench.tracking.failures import first_line
from mssbench.tracking.journal import Journal, journal_file, outbox
from mssbench.tracking.origin import process_tags
from mssbench.tracking.sender import Sender
from mssbench.tracking.stored import STATUS
from mssbench.tracking.system import Sampler

log = logging.getLogger(__name__)

T = TypeVar("T")


class Run:
    """A run as a stage of the pipeline sees it.

    What is logged goes to a journal file, in microseconds; a thread brings it to MLflow, and what
    MLflow does not take now is sent later. No method waits for MLflow, but the end for some
    seconds, and none raises because of it. Where the journal cannot be written, that is logged as
    a warning, and the run does nothing from then on; nor does it where tracking is off.

    As a context manager it ends the run: FINISHED, or STOPPED when the block was interrupted, or
    FAILED when it raised something else.

    Args:
        begin: opens the journal and says where MLflow is; None where tracking is off.
    """

    def __init__(self, begin: Callable[[], tuple[str, Journal]] | None = None) -> None:
        self._journal: Journal | None = None
        self._ended = self._has_failed = False
        opened = begin and guarded(begin)
        if opened:
            uri, self._journal = opened
            self._sender, self._sampler = Sender(uri, self._journal), Sampler(self._journal)
            self._sender.start()
            self._sampler.start()

    @property
    def is_tracked(self) -> bool:
        """Whether what is logged is kept for MLflow."""
        return self._journal is not None and not self._has_failed

    def log_epoch(self, step: int, metrics: Mapping[str, float | None]) -> None:
        """Log what belongs to one step of the curves.

        A continued run passes over the steps that it has. None is left out; infinity becomes NaN.

        Args:
            step: the number of the epoch.
            metrics: name -> value; a ``/`` in a name groups charts.
        """
        self._record("epoch", step=step, metrics=metrics)

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log values that the run has once; values that it has already are not repeated."""
        self._record("metrics", metrics=metrics)

    def log_artifact(self, path: Path | str, folder: str | None = None) -> None:
        """Copy a file into ``folder`` of the run's files, over one of the same name.

        The file must stay until it is sent.
        """
        self._record("artifact", path=str(Path(path).absolute()), folder=folder)

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags; they may change."""
        self._record("tags", tags=dict(tags))

    def finish(self, state: str) -> None:
        """End the run.

        Args:
            state: ``FINISHED``, ``FAILED``, or ``STOPPED`` for a run that will be continued, which
                MLflow shows as KILLED until then.
        """
        if state not in STATUS:
            raise ValueError(f"state is {state!r}; allowed are {', '.join(STATUS)}")
        self._ended = True
        self._record("finish", state=state)
        if self._journal is not None:
            self._sampler.end()
            self._sender.end()

    def _record(self, kind: str, **content: Any) -> None:
        journal = self._journal
        if journal is None or self._has_failed:
            return

        def append() -> bool:
            if "metrics" in content:
                content["metrics"] = numbers(content["metrics"])
            journal.append(kind, **content)
            return True

        self._has_failed = not guarded(append)

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


def numbers(metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    """Return the values as Python's own numbers, whatever library they come from."""
    return {name: None if value is None else float(value) for name, value in metrics.items()}


def training_key(trained: str) -> str:
    """Return the key of the run in which the weights called ``trained`` are made."""
    return f"train/{trained}"


def start_run(
    name: str,
    key: str,
    params: Mapping[str, Any],
    tags: Mapping[str, Any],
    experiment: str = TRAININGS,
    *,
    dataset: Mapping[str, str] | None = None,
) -> Run:
    """Start a run, or continue the one that has the same key.

    The tags get host, process, commit, version, SLURM job and the number of the attempt added.
    Where the code differs from its commit, the difference is stored as ``changes.diff``, with new
    files that git does not yet track.

    Args:
        name: what MLflow's pages call it.
        key: names the run for good, such as the digest of its configuration.
        params: nested maps of plain values; stored with their keys joined by dots, and whole as
            ``config.yaml``. They never change: a continued run stores only those that it lacks.
        tags: texts and numbers. With a tag ``code``, only a run of the same code is continued.
        experiment: the MLflow experiment, which ``initialise`` has made.
        dataset: ``name``, ``digest`` and ``source`` of what is read; shown as the run's input.
    """
    uri = address()
    if uri == OFF:
        return Run()

    def begin() -> tuple[str, Journal]:
        journal = Journal(journal_file(outbox(uri), key))
        journal.append(
            "begin",
            address=masked(uri),
            attempt=uuid4().hex[:12],
            experiment=experiment,
            key=key,
            name=name,
            params=params,
            tags={**tags, "mssbench.version": mssbench.__version__, **process_tags()},
            dataset=dataset,
        )
        return uri, journal

    return Run(begin)
