"""The level of a song's mixture, by which some systems divide what they hear."""

from collections.abc import Callable

import numpy as np

BLOCK = 1 << 20


def deviation(read: Callable[[int, int], np.ndarray], samples: int) -> float:
    """Return the standard deviation of a mixture's mean over its channels; 1 if that is constant.

    Demucs (Défossez et al., 2019), multi-band masking (Papantonakis et al., EUSIPCO 2022) and
    Meta-TasNet (Samuel et al., ICASSP 2020) are given songs that are divided by it. The first two
    subtract the mean as well, which in music is next to nothing.

    Args:
        read: gives a part of the mixture, (channels, samples).
        samples: length of the mixture.
    """
    total = squares = 0.0
    for start in range(0, samples, BLOCK):
        mono = read(start, min(start + BLOCK, samples)).mean(axis=0, dtype=np.float64)
        total += float(mono.sum())
        squares += float(mono @ mono)
    variance = squares / samples - (total / samples) ** 2
    return float(np.sqrt(variance)) if variance > np.finfo(np.float32).eps ** 2 else 1.0
