"""Peaks of a histogram over places of the panorama."""

import numpy as np


def highest_peaks(histogram: np.ndarray, count: int, distance: int) -> list[tuple[int, ...]]:
    """Return the places of the highest peaks, the highest first; fewer where there are no more.

    Args:
        histogram: of any number of dimensions, not negative.
        count: of peaks.
        distance: two peaks lie more than this apart (bins) in at least one dimension.
    """
    left = histogram.astype(np.float64)
    found: list[tuple[int, ...]] = []
    while len(found) < count and left.max(initial=0) > 0:
        peak = tuple(int(n) for n in np.unravel_index(np.argmax(left), left.shape))
        found.append(peak)
        left[tuple(slice(max(0, n - distance), n + distance + 1) for n in peak)] = 0
    return found
