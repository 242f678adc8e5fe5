"""What a run logs, in a file first: there it stays until MLflow has it.

The outbox is a folder with one journal a run, ``<key>.jsonl``, to which each attempt of the run
appends: a line a record, as ``{"kind": "epoch", "at": <ms>, ...}`` in JSON as Python writes it
(NaN and Infinity too). While a process may write to a journal it holds a shared lock on it; so one
that nobody locks is of a job that has ended, however it ended. Where a file system's locks hold on
one host alone, each host needs an outbox of its own.
"""

import fcntl
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mssbench.errors import UserError
from mssbench.masking import masked, secrets
from mssbench.tracking.connection import database_file

log = logging.getLogger(__name__)

VARIABLE = "MSSBENCH_OUTBOX"

# As it lies beside the pipeline's store.
FOLDER = Path("tracking/outbox")

Record = dict[str, Any]


def outbox(uri: str) -> Path:
    """Return the folder of the journals for a store.

    It is what the environment's ``MSSBENCH_OUTBOX`` says, or else ``tracking/outbox`` beside an
    SQLite database, and below ``results/`` of the working directory for a server.

    Raises:
        UserError: ``uri`` is no address of a store.
    """
    if given := os.environ.get(VARIABLE, "").strip():
        return Path(given).absolute()
    file = database_file(uri)
    return (file.parent if file else Path("results").absolute()) / FOLDER


def journal_file(folder: Path, key: str) -> Path:
    """Return the journal of the run called ``key``."""
    return folder / f"{quote(key, safe='')}.jsonl"


class Journal:
    """A journal that is written to; several threads may.

    Args:
        file: is made, with its folder, where it is missing.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._secrets = secrets()
        self._one_at_a_time = threading.Lock()
        file.parent.mkdir(parents=True, exist_ok=True)
        opened = open_locked(file, fcntl.LOCK_SH, os.O_APPEND)
        assert opened is not None  # it has waited for the lock
        self._descriptor: int | None = opened

    def append(self, kind: str, **content: Any) -> None:
        """Add a record; nothing happens once the journal is closed.

        Secrets are masked.

        Raises:
            OSError: the disk is full, or gone.
        """
        record = {"kind": kind, "at": int(time.time() * 1000), **content}
        line = masked(json.dumps(record), self._secrets) + "\n"
        if kind == "begin":
            # The attempt before may have been killed in the middle of a line.
            line = "\n" + line
        left = memoryview(line.encode())
        with self._one_at_a_time:
            while left and self._descriptor is not None:
                left = left[os.write(self._descriptor, left) :]

    def close(self) -> None:
        """Give the journal free for removal."""
        with self._one_at_a_time:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None


def read(file: Path, start: int = 0) -> Iterator[tuple[Record, int]]:
    """Yield a journal's records from byte ``start`` on, each with the byte behind it.

    A last line without an end is still being written, or never will be: it is left out. So is a
    line that was cut short by the end of its writer.
    """
    with file.open("rb") as opened:
        opened.seek(start)
        for line in opened:
            if not line.endswith(b"\n"):
                return
            start += len(line)
            if not line.strip():
                continue
            try:
                record = json.loads(line)
                kind = record["kind"]
            except (ValueError, TypeError, KeyError):
                log.debug("%s: a damaged line before byte %d is passed over", file, start)
                continue
            if isinstance(kind, str):
                yield record, start


def open_locked(file: Path, operation: int, flags: int = 0) -> int | None:
    """Open a file, made where it is missing, and lock it; None where another process has it.

    Args:
        file: it may be removed by whoever has it locked exclusively.
        operation: as of ``fcntl.flock``.
        flags: further ones of ``os.open``.

    Raises:
        UserError: the file system knows no locks.
    """
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | flags, 0o644)
        try:
            fcntl.flock(descriptor, operation)
            if is_at(descriptor, file):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError as error:
            os.close(descriptor)
            raise UserError(
                f"{file.parent} is on a file system without locks ({error.strerror}); set "
                f"{VARIABLE} to a folder on another one"
            ) from None
        os.close(descriptor)


def is_at(descriptor: int, file: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False
