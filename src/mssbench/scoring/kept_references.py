"""Correlations of true sources on disk, made once for all systems that are scored on them.

A file is named by a digest of the samples, of how they are correlated and of the code that does it:
none is ever out of date. Scores are the same to the last bit, whether it is there or not.
"""

import hashlib
import logging
from pathlib import Path

import numpy as np

from mssbench.errors import UserError
from mssbench.provenance import digest, source_digest
from mssbench.scoring.backends import Backend
from mssbench.scoring.references import References

log = logging.getLogger(__name__)


def kept_file(
    folder: Path, signals: np.ndarray, window: int, hop: int, *, framewise: bool, device: str
) -> Path:
    """Return the file of some references.

    Args:
        folder: where they are kept.
        signals: sources (sources, channels, samples).
        window: length of a window (samples).
        hop: distance of two windows (samples).
        framewise: whether each window has filters of its own (version 3).
        device: where they are computed, which decides the last bits.
    """
    samples = hashlib.sha256()
    for source in signals:
        samples.update(np.ascontiguousarray(source).data)
    kind = [*signals.shape, signals.dtype.str, window, hop, framewise, device]
    code = source_digest("mssbench.scoring.references")
    return folder / f"{digest([samples.hexdigest(), kind, code], length=32)}.npz"


def found(file: Path, signals: np.ndarray, backend: Backend) -> References | None:
    """Return the references whose correlations a file has; None where it is missing or damaged."""
    if not file.is_file():
        return None
    try:
        return References.load(file, signals, backend)
    except UserError as error:
        log.warning("%s; they are made again now", error)
        file.unlink(missing_ok=True)
        return None


def keep(file: Path, references: References) -> None:
    """Write the correlations of references to a file, if there is none and the disk has room."""
    if file.is_file():
        return
    try:
        references.save(file)
    except OSError as error:
        log.warning("%s: not kept for the next system: %s", file, error.strerror)
