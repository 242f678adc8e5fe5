"""Correlations of many signals at the lags of a filter, by short real FFTs."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import scipy.fft

Cut = Callable[[int, int], np.ndarray]
"""Gives the samples from a first one to before another one, float64 of (signals, samples)."""

# Segments whose spectra are held at once: few enough to stay in a processor's cache.
SEGMENTS = 32


def correlate(x: Cut, y: Cut, L: int, y_span: slice, x_span: slice | None = None) -> np.ndarray:
    """Return the correlations of parts of signals at the lags 0 to L - 1.

    At lag k it is the sum of x[n - k] y[n] over all n of y's part for which n - k is in x's part.

    Args:
        x: P signals, which are delayed.
        y: Q signals.
        L: number of lags.
        y_span: the part of y.
        x_span: the part of x (default: the same).

    Returns:
        float64 of (P, Q, L).
    """
    x_span = x_span or y_span
    start, stop = y_span.start, y_span.stop
    size = scipy.fft.next_fast_len(min(max(4 * L, 1024), stop - start + L - 1), real=True)
    B = size - L + 1  # new samples a segment
    total: np.ndarray | None = None
    for first in range(start, stop, SEGMENTS * B):
        last = min(first + SEGMENTS * B, stop)
        count = -(-(last - first) // B)
        before = _padded(x, first - L + 1, first + count * B, x_span)
        segments = np.lib.stride_tricks.sliding_window_view(before, size, axis=1)[:, ::B]
        delayed = scipy.fft.rfft(segments)
        new = _padded(y, first, first + count * B, slice(start, last)).reshape(-1, count, B)
        spectra = scipy.fft.rfft(new, n=size)
        np.conj(spectra, out=spectra)
        if total is None:
            total = np.zeros((len(delayed), len(spectra), delayed.shape[-1]), complex)
        product = np.empty_like(delayed[0])
        for p, q in np.ndindex(*total.shape[:2]):
            total[p, q] += np.multiply(delayed[p], spectra[q], out=product).sum(axis=0)
    assert total is not None, "the part of y has samples"
    # Segments of x begin L - 1 samples before those of y, so lag k stands at L - 1 - k.
    return scipy.fft.irfft(total, n=size)[..., L - 1 :: -1]


def _padded(signals: Cut, start: int, stop: int, inside: slice) -> np.ndarray:
    """Return samples ``start`` to ``stop`` of signals that are zero outside a part."""
    first = min(max(start, inside.start), stop)
    last = max(min(stop, inside.stop), first)
    cut = signals(first, last)
    padded = np.zeros((len(cut), stop - start))
    padded[:, first - start : last - start] = cut
    return padded


def window_correlations(x: Cut, y: Cut, L: int, windows: Sequence[slice]) -> np.ndarray:
    """Return the correlations of each window's own samples, (windows, P, Q, L)."""
    P, Q = len(x(0, 0)), len(y(0, 0))
    found = np.empty((len(windows), P, Q, L))
    for number, window in enumerate(windows):
        found[number] = correlate(x, y, L, window)
    return found


def song_correlations(
    x: Cut, y: Cut, windows: Sequence[slice], parts: np.ndarray, samples: int
) -> np.ndarray:
    """Return the correlations of whole signals, (P, Q, L).

    Where each window begins at the end of the one before, they are the windows' own, those of the
    rest and those across the borders, so that the signals need not be gone through again.

    Args:
        x: signals that are delayed.
        y: signals.
        windows: of both.
        parts: the windows' correlations, (windows, P, Q, L).
        samples: length of the signals.
    """
    L = parts.shape[-1]
    ends = [0, *(window.stop for window in windows)]
    if [window.start for window in windows] != ends[:-1]:
        return correlate(x, y, L, slice(0, samples))
    total: np.ndarray = parts.sum(axis=0)
    if ends[-1] < samples:
        total += correlate(x, y, L, slice(ends[-1], samples))
        ends.append(samples)
    for border, end in pairwise(ends[1:] if L > 1 else []):
        after = slice(border, min(border + L - 1, end))
        total += correlate(x, y, L, after, slice(max(0, border - L + 1), border))
    return total
