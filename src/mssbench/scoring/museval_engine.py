"""BSSEval versions 3 and 4, as the package museval computes them."""

import numpy as np
from museval.metrics import bss_eval

from mssbench.scoring.framing import frames
from mssbench.scoring.protocol import METRICS


def bsseval(
    references: np.ndarray,
    estimates: np.ndarray,
    window: int,
    hop: int,
    framewise_filters: bool = False,
) -> dict[str, np.ndarray]:
    """Return the metrics of BSSEval in each window (dB).

    One set of distortion filters a song, the image metrics, estimates in the references' order;
    the samples behind the last whole window count for the filters alone. A window in which a
    reference or an estimate is silent has NaN for all sources (F.-R. Stöter, A. Liutkus and
    N. Ito, "The 2018 Signal Separation Evaluation Campaign", LVA/ICA 2018). A song in which one
    is silent throughout, which museval refuses, has NaN alone.

    Args:
        references: sources (sources, channels, samples).
        estimates: their estimates, in the same shape.
        window: length of a window (samples).
        hop: distance of two windows (samples).
        framewise_filters: filters of each window, as in version 3.

    Returns:
        SDR, ISR, SIR and SAR, each (sources, windows).
    """
    if silent(references).any() or silent(estimates).any():
        windows = len(frames(references.shape[-1], window, hop))
        return {metric: np.full((len(references), windows), np.nan) for metric in METRICS}
    # Of a window that an estimate has nothing right in, a ratio's logarithm is -inf.
    with np.errstate(divide="ignore"):
        *scores, _ = bss_eval(
            # Of float32 it would take all sums in float32.
            references.swapaxes(1, 2).astype(np.float64, copy=False),
            estimates.swapaxes(1, 2).astype(np.float64, copy=False),
            window=window,
            hop=hop,
            compute_permutation=False,
            framewise_filters=framewise_filters,
            bsseval_sources_version=False,
        )
    return dict(zip(METRICS, scores, strict=True))


def silent(signals: np.ndarray) -> np.ndarray:
    """Return which of the signals (sources, channels, samples) museval holds to be silent.

    It adds up the channels first: opposite ones are silent, too.
    """
    return np.asarray((signals.sum(axis=1, dtype=np.float64) == 0).all(axis=-1))
