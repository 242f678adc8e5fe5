"""Windows of a signal, and silence in them."""

import math

import numpy as np


def frames(samples: int, window: float, hop: float) -> list[slice]:
    """Return the windows of BSSEval version 4: one if the signal is not longer than a window.

    Samples behind the last whole window are in none.

    Args:
        samples: length of the signal.
        window: length of a window (samples); need not be whole, and may be infinite.
        hop: distance of two windows (samples), likewise.

    Raises:
        ValueError: the window is shorter than a sample, the hop is not above 0, or it is
            infinite though the signal is longer than a window.
    """
    if not (window >= 1 and hop > 0):
        raise ValueError(f"window is {window} samples and hop {hop}; give at least 1 and above 0")
    if not window < samples:
        return [slice(0, samples)]
    if hop == math.inf:
        raise ValueError(
            f"hop is infinite, and the window of {window} samples is not the whole "
            f"signal of {samples}; give a finite hop, or an infinite window"
        )
    count = math.floor((samples - window + hop) / hop)
    starts = (number * hop for number in range(count))
    return [slice(math.floor(s), math.floor(min(s + window, samples))) for s in starts]


def silent(signals: np.ndarray) -> np.ndarray:
    """Return which of the signals (sources, channels, samples) have no sample but zeros."""
    return np.asarray(~signals.any(axis=(1, 2)))


def energies_and_silence(signals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the energies of float64 signals (sources, channels, samples), and which are silent."""
    energies = np.vecdot(signals, signals).sum(axis=1)
    quiet = energies == 0
    if quiet.any():  # the squares of very small samples are zeros, too
        quiet &= silent(signals)
    return energies, quiet
