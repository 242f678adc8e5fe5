"""From a journal to MLflow, each record once."""

import contextlib
import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from mssbench.tracking.failures import first_line
from mssbench.tracking.journal import Record, is_at, open_locked, read
from mssbench.tracking.stored import Refused, StoredRun

log = logging.getLogger(__name__)

# Records that are points of curves go together, at most so many.
BATCH = 200
POINTS = {"epoch", "metrics", "sample"}

# With these MLflow says that what it was given is wrong. All else may go well another time.
REFUSALS = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_DOES_NOT_EXIST", "INVALID_STATE"}


class Delivery:
    """The sending of one journal, which one process at a time may do.

    How far it has come is kept in ``<journal>.sent``, the file that is locked. Should a process die
    between the two, what it had sent is sent again, and `StoredRun` passes over what it has.

    Args:
        file: the journal.
        descriptor: of the locked file.
    """

    def __init__(self, file: Path, descriptor: int) -> None:
        self._file, self._descriptor = file, descriptor
        # A file without a whole number is that of a process that died at once.
        told = os.pread(descriptor, 32, 0).strip()
        self._sent = int(told) if told.isdigit() else 0
        if self._sent > file.stat().st_size:
            self._sent = 0
            os.ftruncate(descriptor, 0)
        self._begin: Record | None = None
        self._run: StoredRun | None = None
        self._has_warned = False
        for record, end in read(file):
            if end > self._sent:
                break
            self._note(record)

    @classmethod
    def claim(cls, file: Path) -> Self | None:
        """Return the delivery of a journal; None where there is none, or another process has it.

        Raises:
            UserError: the file system knows no locks.
        """
        if not file.exists():
            return None
        place = file.with_suffix(".sent")
        descriptor = open_locked(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if descriptor is None:
            return None
        try:
            return cls(file, descriptor)
        except FileNotFoundError:  # it was removed in between
            place.unlink()
            os.close(descriptor)
            return None

    @property
    def begin(self) -> Record | None:
        """The first record, or that of the attempt that is being sent; None in an empty journal."""
        return self._begin or next((r for r, _ in read(self._file) if r["kind"] == "begin"), None)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to send."""
        return next(read(self._file, self._sent), None) is None

    def send(self, client: Any, goes_on: Callable[[], bool] = lambda: True) -> None:
        """Send what is left, as long as ``goes_on`` says so between two requests.

        Raises:
            Exception: MLflow's, when it is away; nothing is lost.
        """
        for batch, end in batches(read(self._file, self._sent)):
            if not goes_on():
                return
            self._send(client, batch)
            # As long as the number before, or longer: no mixture of two can be read.
            os.pwrite(self._descriptor, str(end).encode(), 0)
            self._sent = end

    def close(self) -> None:
        """Release the journal; it is removed when all is sent and no process may write to it."""
        with contextlib.suppress(FileNotFoundError):
            writers = os.open(self._file, os.O_RDWR)
            # Where it fails, a process may still write.
            with contextlib.suppress(OSError):
                fcntl.flock(writers, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if is_at(writers, self._file) and self.is_done:
                    # In this order: a journal without a place is sent again, to no effect.
                    self._file.with_suffix(".sent").unlink(missing_ok=True)
                    self._file.unlink()
            os.close(writers)
        os.close(self._descriptor)

    def _send(self, client: Any, batch: list[Record]) -> None:
        try:
            for record in batch:
                self._apply(client, record)
            if self._run is not None:
                self._run.flush()
        except Exception as error:
            # It no longer knows what the store has.
            self._run = None
            if not is_refusal(error):
                raise
            if len(batch) == 1:
                self._warn(batch[0], error)
                return
        else:
            return
        for record in batch:
            self._send(client, [record])

    def _apply(self, client: Any, record: Record) -> None:
        self._note(record)
        if record["kind"] == "begin":
            self._run = StoredRun.begin(client, record)
            return
        if self._run is None:
            self._run = self._resume(client)
        self._run.apply(record)

    def _note(self, record: Record) -> None:
        if record["kind"] == "begin":
            self._begin, self._run = record, None

    def _resume(self, client: Any) -> StoredRun:
        begin = self._begin
        if begin is None:
            raise Refused("it is not known of which run")
        code = begin["tags"].get("code")
        run = StoredRun.find(client, begin["experiment"], begin["key"], code)
        if run is None:
            raise Refused("the run has been deleted")
        return run

    def _warn(self, record: Record, error: Exception) -> None:
        level = logging.DEBUG if self._has_warned else logging.WARNING
        self._has_warned = True
        name = (self._begin or {}).get("name", self._file.stem)
        log.log(
            level, "MLflow refuses a record (%s) of %s: %s", record["kind"], name, first_line(error)
        )


def batches(records: Iterator[tuple[Record, int]]) -> Iterator[tuple[list[Record], int]]:
    """Yield consecutive records in groups that are sent at once, with the byte behind each."""
    batch: list[Record] = []
    end = 0
    for record, behind in records:
        apart = record["kind"] not in POINTS
        if batch and (apart or len(batch) == BATCH):
            yield batch, end
            batch = []
        batch, end = [*batch, record], behind
        if apart:
            yield batch, end
            batch = []
    if batch:
        yield batch, end


def is_refusal(error: Exception) -> bool:
    """Whether sending again what caused ``error`` can never help."""
    if isinstance(error, Refused | FileNotFoundError | KeyError | TypeError):
        return True
    return getattr(error, "error_code", None) in REFUSALS
