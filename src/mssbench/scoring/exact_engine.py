"""BSSEval version 4 as this package computes it."""

import numpy as np

from mssbench.scoring.bss_eval import evaluate
from mssbench.scoring.framing import silent
from mssbench.scoring.protocol import METRICS
from mssbench.scoring.references import References

__all__ = ["bsseval", "silent"]


def bsseval(
    references: np.ndarray, estimates: np.ndarray, window: int, hop: int
) -> dict[str, np.ndarray]:
    """Return the metrics of BSSEval v4 in each window (dB), as ``museval_engine`` does.

    Args:
        references: sources (sources, channels, samples).
        estimates: their estimates, in the same shape.
        window: length of a window (samples).
        hop: distance of two windows (samples).

    Returns:
        SDR, ISR, SIR and SAR, each (sources, windows).
    """
    (scores,) = evaluate(References(references, window, hop), [estimates])
    return dict(zip(METRICS, scores[: len(METRICS)], strict=True))
