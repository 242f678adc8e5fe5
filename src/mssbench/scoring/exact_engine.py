"""BSSEval versions 3 and 4 as this package computes them."""

import numpy as np

from mssbench.scoring.backends import backend_of
from mssbench.scoring.bss_eval import evaluate
from mssbench.scoring.framing import silent
from mssbench.scoring.protocol import METRICS
from mssbench.scoring.references import References

__all__ = ["bsseval", "silent"]


def bsseval(
    references: np.ndarray,
    estimates: np.ndarray,
    window: int,
    hop: int,
    framewise_filters: bool = False,
    *,
    device: str = "cpu",
) -> dict[str, np.ndarray]:
    """Return the metrics of BSSEval in each window (dB), as ``museval_engine`` does.

    Args:
        references: sources (sources, channels, samples).
        estimates: their estimates, in the same shape.
        window: length of a window (samples).
        hop: distance of two windows (samples).
        framewise_filters: filters of each window, as in version 3.
        device: where, see ``bss_eval``.

    Returns:
        SDR, ISR, SIR and SAR, each (sources, windows).
    """
    backend = backend_of(device)
    prepared = References(
        references, window, hop, framewise_filters=framewise_filters, backend=backend
    )
    (scores,) = evaluate(prepared, [estimates])
    return dict(zip(METRICS, scores[: len(METRICS)], strict=True))
