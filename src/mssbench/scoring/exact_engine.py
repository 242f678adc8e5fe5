"""BSSEval versions 3 and 4 as this package computes them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mssbench.scoring.backends import backend_of
from mssbench.scoring.bsseval import evaluate
from mssbench.scoring.framing import silent
from mssbench.scoring.kept_references import found, keep, kept_file
from mssbench.scoring.protocol import METRICS
from mssbench.scoring.references import References

__all__ = ["bsseval", "bsseval_of_systems", "silent"]


def bsseval(
    references: np.ndarray,
    estimates: np.ndarray,
    window: int,
    hop: int,
    framewise_filters: bool = False,
    *,
    device: str = "cpu",
    kept: Path | None = None,
) -> dict[str, np.ndarray]:
    """Return the metrics of BSSEval in each window (dB), as ``museval_engine`` does.

    Args:
        references: sources (sources, channels, samples).
        estimates: their estimates, in the same shape.
        window: length of a window (samples).
        hop: distance of two windows (samples).
        framewise_filters: filters of each window, as in version 3.
        device: where, see ``bss_eval``.
        kept: a folder that has the references' correlations, or gets them.

    Returns:
        SDR, ISR, SIR and SAR, each (sources, windows).
    """
    systems, how = [estimates], (window, hop, framewise_filters)
    return bsseval_of_systems(references, systems, *how, device=device, kept=kept)[0]


def bsseval_of_systems(
    references: np.ndarray,
    systems: Sequence[np.ndarray],
    window: int,
    hop: int,
    framewise_filters: bool = False,
    *,
    device: str = "cpu",
    kept: Path | None = None,
) -> list[dict[str, np.ndarray]]:
    """Return the metrics of each system, for all of which the references are gone through once.

    Args:
        references: sources (sources, channels, samples).
        systems: of each its estimates, in the same shape.
        window: length of a window (samples).
        hop: distance of two windows (samples).
        framewise_filters: filters of each window, as in version 3.
        device: where, see ``bss_eval``.
        kept: a folder that has the references' correlations, or gets them.

    Returns:
        Of each system SDR, ISR, SIR and SAR, each (sources, windows).
    """
    backend = backend_of(device, references.size)
    file = kept and kept_file(
        kept, references, window, hop, framewise=framewise_filters, device=device
    )
    prepared = (file and found(file, references, backend)) or References(
        references, window, hop, framewise_filters=framewise_filters, backend=backend
    )
    scores = evaluate(prepared, systems)
    if file:
        keep(file, prepared)
    return [dict(zip(METRICS, each[: len(METRICS)], strict=True)) for each in scores]
