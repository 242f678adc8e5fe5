"""Resampling of signals that are read piece by piece."""

import math
from collections.abc import Callable

import numpy as np

from mssbench.data.resample import ROLLOFF, ZERO_CROSSINGS, sinc

Read = Callable[[int, int], np.ndarray]
"""From ``start`` and ``stop`` (samples) to that part of a signal, (channels, samples)."""


class Resampled:
    """A signal at another rate, computed where it is read.

    Each piece equals that part of the whole signal resampled at once, so no seam is heard.

    Args:
        read: gives a part of the signal.
        samples: its length.
        source: its sample rate (Hz).
        rate: the other rate (Hz), lower or higher.

    Attributes:
        samples: length at the other rate, rounded up.
    """

    def __init__(self, read: Read, samples: int, source: int, rate: int) -> None:
        self._read, self._source_samples = read, samples
        common = math.gcd(source, rate)
        self._from, self._to = source // common, rate // common
        self.samples = -(-samples * self._to // self._from)
        # How far the filter reaches to each side, in samples of the source.
        crossings = ZERO_CROSSINGS / ROLLOFF
        self._reach = math.ceil(crossings * self._from / min(self._from, self._to)) + 1

    def read(self, start: int, stop: int) -> np.ndarray:
        """Return samples ``start`` to ``stop - 1`` at the other rate, (channels, samples)."""
        if self._from == self._to:
            return self._read(start, stop)
        # A piece begins where a sample of both rates does, or its phases would be others.
        first = max(0, start * self._from // self._to - self._reach) // self._from * self._from
        last = -(-stop * self._from // self._to) + self._reach
        audio = self._read(first, min(last, self._source_samples))
        audio = np.pad(audio, ((0, 0), (0, max(0, last - self._source_samples))))
        offset = first // self._from * self._to
        resampled = sinc(audio, self._from, self._to)
        return resampled[:, start - offset : stop - offset]
