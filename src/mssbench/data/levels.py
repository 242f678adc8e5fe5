"""Levels of audio: its peak, where it clips, and what is left of a mixture without its sources."""

import math
from collections.abc import Iterable

import numpy as np

FULL_SCALE = 1 - 2**-15
"""The largest positive sample of a 16-bit file."""

CLIPPED_RUN = 3
"""Audio is clipped where so many samples of a channel in a row have one value, at full scale or
beyond. Music may touch full scale, but does not stay there. Lossy coding hides such runs."""


def peak_level(audio: np.ndarray) -> float:
    """Return the largest absolute sample in dBFS (0 dBFS: 1.0), -inf for zeros."""
    return 20 * _log10(max(float(audio.max()), -float(audio.min())))


def clipped_runs(audio: np.ndarray) -> list[tuple[int, int]]:
    """Find the clipped parts of ``audio`` (channels, samples).

    Returns:
        First sample and length (samples) of each run of at least ``CLIPPED_RUN`` equal samples
        at full scale or beyond, sorted; the channels are looked at one by one.
    """
    runs = []
    for channel in audio:
        at = np.flatnonzero(np.abs(channel) >= FULL_SCALE)
        goes_on = (np.diff(at) == 1) & (np.diff(channel[at]) == 0)
        starts = np.flatnonzero(np.concatenate([[True], ~goes_on]))[: at.size]
        lengths = np.diff(np.append(starts, at.size))
        runs += [
            (int(at[start]), int(length))
            for start, length in zip(starts, lengths, strict=True)
            if length >= CLIPPED_RUN
        ]
    return sorted(runs)


def sum_difference(mixture: np.ndarray, sources: Iterable[np.ndarray]) -> tuple[float, list[float]]:
    """Compare a mixture with the sum of its sources.

    Args:
        mixture: (channels, samples).
        sources: each of (channels, samples), or of (1, samples) for the same in each channel.

    Returns:
        The largest absolute sample of the difference (dBFS) and, for each channel, the energy of
        the difference in dB of the mixture's energy; -inf where there is no difference, inf where
        the mixture is zero and the sum is not.
    """
    difference = mixture.copy()
    for source in sources:
        difference -= source
    relative = [
        10 * (_log10(left) - _log10(whole)) if left else -math.inf
        for left, whole in zip(_energies(difference), _energies(mixture), strict=True)
    ]
    return peak_level(difference), relative


def _energies(audio: np.ndarray) -> list[float]:
    energies: list[float] = np.einsum("cs,cs->c", audio, audio, dtype=np.float64).tolist()
    return energies


def _log10(value: float) -> float:
    return math.log10(value) if value > 0 else -math.inf
