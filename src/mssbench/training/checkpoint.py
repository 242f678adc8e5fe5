"""Checkpoints: two are kept, each carries a digest of its content and whose run it is.

A file is called ``checkpoint-<number>-<first digits of its SHA-256>.pt``. So damage is found
before anything is unpacked, and the one before is still there. ``-bad`` before the ending marks the
state of a run whose last step was left out since it was not finite: of two, one at least is none
of these. Beside them lies the history of the epochs so far.
"""

import hashlib
import io
import logging
import re
from pathlib import Path
from typing import Any

import torch

from mssbench.atomic import atomic_path
from mssbench.errors import UserError

KEPT = 2
NAME = re.compile(r"checkpoint-(\d+)-([0-9a-f]{16})(-bad)?\.pt")
HISTORY = "history.csv"
# Under which a run has the digest of its code.
CODE = "code"
# What a killed process leaves half written.
PARTIAL = (".checkpoint-*.partial.pt", ".history.*.partial.csv")

log = logging.getLogger(__name__)


def save(folder: Path, run: dict[str, Any], state: dict[str, Any], *, bad: bool = False) -> Path:
    """Write a checkpoint atomically and remove all others but one, the newest that is not bad.

    Args:
        folder: of this run's checkpoints alone.
        run: what decides the run's course: its configuration and its code.
        state: tensors, numbers, texts, lists and maps of them.
        bad: whether the last step was left out since it was not finite.
    """
    buffer = io.BytesIO()
    torch.save({"run": run, "state": state}, buffer)
    content = buffer.getbuffer()
    older = _newest_first(folder)
    number = 1 + (_number(older[0]) if older else 0)
    path = folder / f"checkpoint-{number:06d}-{_digest(content)}{'-bad' if bad else ''}.pt"
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    for old in sorted(older, key=_is_bad)[KEPT - 1 :]:
        old.unlink(missing_ok=True)
    return path


def load(folder: Path, run: dict[str, Any], *, accept_code: bool = False) -> dict[str, Any] | None:
    """Return the newest state that is whole, on the CPU, or None if there is none.

    Damaged checkpoints, and what a killed process left half written, are removed.

    Args:
        folder: of this run's checkpoints alone.
        run: what decides the run's course, as given to `save`.
        accept_code: whether its code may be another, which is warned of.

    Raises:
        UserError: the checkpoint belongs to another run; the differing keys are named.
    """
    _remove_partial(folder)
    found = _newest_whole(folder)
    if found is None:
        return None
    path, content = found
    saved = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if saved["run"] != run:
        _check_run(path, saved["run"], run, accept_code)
    return saved["state"]


def _check_run(path: Path, there: dict[str, Any], here: dict[str, Any], accept_code: bool) -> None:
    """Refuse a checkpoint of another run, unless only its code differs and that is accepted."""
    found = differences(there, here)
    only_code = {**there, CODE: None} == {**here, CODE: None}
    if not (only_code and accept_code):
        way_out = (
            "; give --accept-code (accept_code: true in config.yaml) to go on with the code that "
            "is here"
            if only_code
            else ""
        )
        raise UserError(
            f"{path} belongs to another run: {found}; restore what it was, or remove "
            f"{path.parent} to start anew{way_out}"
        )
    log.warning(
        "%s was saved by other code, which is accepted: %s; the end may be another than that of "
        "a run by either alone",
        *(path, found),
    )


def clear(folder: Path) -> None:
    """Remove all checkpoints with their history, and the folder if nothing else is in it."""
    for path in [*_newest_first(folder), folder / HISTORY]:
        path.unlink(missing_ok=True)
    _remove_partial(folder)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def differences(there: dict[str, Any], here: dict[str, Any]) -> str:
    """Say which keys of two nested maps differ, and how."""
    ours, theirs = flatten(here), flatten(there)
    absent = "absent"
    return ", ".join(
        f"{key} is {theirs.get(key, absent)!r} there and {ours.get(key, absent)!r} here"
        for key in sorted(ours.keys() | theirs.keys())
        if ours.get(key, absent) != theirs.get(key, absent)
    )


def flatten(value: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the leaves of nested maps by their dotted keys."""
    leaves: dict[str, Any] = {}
    for name, part in value.items():
        nested = isinstance(part, dict) and part
        leaves |= flatten(part, f"{prefix}{name}.") if nested else {f"{prefix}{name}": part}
    return leaves


def _newest_whole(folder: Path) -> tuple[Path, bytes] | None:
    """Return the newest checkpoint that is whole, with its content; remove those that are not."""
    while files := _newest_first(folder):
        path = files[0]
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            # SLURM gives an attempt whose time is over some seconds to end, while the next may
            # already begin here: it has saved anew and removed this one.
            continue
        if _digest(content) == NAME.fullmatch(path.name)[2]:  # type: ignore[index]
            return path, content
        log.warning("%s is damaged; looking for the checkpoint before it", path)
        path.unlink(missing_ok=True)
    return None


def _remove_partial(folder: Path) -> None:
    for pattern in PARTIAL:
        for partial in folder.glob(pattern):
            partial.unlink(missing_ok=True)


def _digest(content: bytes | memoryview) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _number(path: Path) -> int:
    found = NAME.fullmatch(path.name)
    return int(found[1]) if found else 0


def _is_bad(path: Path) -> bool:
    return path.stem.endswith("-bad")


def _newest_first(folder: Path) -> list[Path]:
    files = [path for path in folder.glob("checkpoint-*.pt") if NAME.fullmatch(path.name)]
    return sorted(files, key=_number, reverse=True)
