"""Overlapping segments of a signal, joined by cross-fades."""

import numpy as np


class OverlapAdd:
    """Joins segments that begin ``hop`` samples apart, one after the other.

    Each segment fades in and out linearly over the samples that it shares with its neighbours.
    The sum is divided by the sum of the weights, so that weights add up to one at any overlap
    and at both ends of the signal. Sums are float64: equal segments give their own values back.

    Args:
        length: of a segment (samples).
        hop: distance of two segments (samples), from 1 to ``length``.
    """

    def __init__(self, length: int, hop: int) -> None:
        edge_distance = np.minimum(np.arange(1, length + 1), np.arange(length, 0, -1))
        self.hop = hop
        self._fade = np.minimum(1.0, edge_distance / (length - hop + 1))
        self._weight = np.zeros(length)
        self._sum = np.zeros(length)

    def add(self, segment: np.ndarray) -> np.ndarray:
        """Add the next segment (..., length) and return the ``hop`` samples it finishes."""
        self._sum = self._sum + self._fade * segment
        self._weight += self._fade
        finished = self._sum[..., : self.hop] / self._weight[: self.hop]
        self._sum, self._weight = self._advanced(self._sum), self._advanced(self._weight)
        return finished

    def rest(self) -> np.ndarray:
        """Return the ``length - hop`` samples that follow the last segment's finished ones."""
        left = self._weight.size - self.hop
        return self._sum[..., :left] / self._weight[:left]

    def _advanced(self, buffer: np.ndarray) -> np.ndarray:
        fresh = np.zeros((*buffer.shape[:-1], self.hop))
        return np.concatenate((buffer[..., self.hop :], fresh), axis=-1)
