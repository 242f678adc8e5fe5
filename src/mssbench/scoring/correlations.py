"""Correlations of many signals at the lags of a filter, by short real FFTs."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import scipy.fft

from mssbench.scoring.backends import NUMPY, Backend, Segments
from mssbench.scoring.threads import in_order


class Cut(Protocol):
    """Gives a part of some signals."""

    def __call__(
        self,
        start: int,
        stop: int,
        out: np.ndarray | None = None,
        delayed: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the samples from ``start`` to before ``stop``, float64 of (signals, samples).

        Args:
            start: the first sample.
            stop: the end.
            out: gets them where it is given.
            delayed: what the signals that are delayed have there, float64 of (P, samples), for
                those that are computed from them.
        """


class Signals:
    """A group of signals, and how many they are."""

    def __init__(self, cut: Cut) -> None:
        self.cut, self.count = cut, len(cut(0, 0))

    def padded(
        self, start: int, stop: int, inside: slice, delayed: np.ndarray | None = None
    ) -> np.ndarray:
        """Return samples ``start`` to ``stop``, zero outside a part, (signals, samples).

        Args:
            start: the first sample.
            stop: the end.
            inside: the part.
            delayed: what the delayed signals have there.
        """
        first = min(max(start, inside.start), stop)
        last = max(min(stop, inside.stop), first)
        padded = np.empty((self.count, stop - start))
        padded[:, : first - start] = 0
        padded[:, last - start :] = 0
        part = slice(first - start, last - start)
        self.cut(first, last, padded[:, part], None if delayed is None else delayed[:, part])
        return padded


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
    return _correlations([Signals(x), Signals(y)], L, x_span or y_span, y_span, backend=NUMPY)


def window_correlations(
    x: Cut,
    y: Cut | Sequence[Cut],
    L: int,
    windows: Sequence[slice],
    *,
    energies: np.ndarray | None = None,
    threads: int = 1,
    backend: Backend = NUMPY,
) -> np.ndarray:
    """Return the correlations of each window's own samples, (windows, P, Q, L).

    Args:
        x: P signals, which are delayed.
        y: Q signals, or several groups of them with Q in all.
        L: number of lags.
        windows: of both.
        energies: gets those of y in each window, (windows, Q).
        threads: how many work at once.
        backend: what computes.
    """
    of_x, *of_y = groups = [Signals(cut) for cut in (x, *_groups(y))]
    found = np.empty((len(windows), of_x.count, sum(group.count for group in of_y), L))

    def one(number: int) -> None:
        of_window = None if energies is None else energies[number]
        both = (windows[number], windows[number])
        found[number] = _correlations(groups, L, *both, backend=backend, energies=of_window)

    in_order(one, range(len(windows)), threads)
    return found


def song_correlations(
    x: Cut,
    y: Cut | Sequence[Cut],
    windows: Sequence[slice],
    parts: np.ndarray,
    samples: int,
    *,
    threads: int = 1,
    backend: Backend = NUMPY,
) -> np.ndarray:
    """Return the correlations of whole signals, (P, Q, L).

    Where each window begins at the end of the one before, they are the windows' own, those of the
    rest and those across the borders, so that the signals need not be gone through again.

    Args:
        x: signals that are delayed.
        y: signals, or groups of them.
        windows: of both.
        parts: the windows' correlations, (windows, P, Q, L).
        samples: length of the signals.
        threads: how many work at once.
        backend: what computes.
    """
    groups, L = [Signals(cut) for cut in (x, *_groups(y))], parts.shape[-1]
    ends = [0, *(window.stop for window in windows)]
    total = np.zeros(parts.shape[1:])
    if [window.start for window in windows] == ends[:-1]:
        total += parts.sum(axis=0)
    else:
        ends = [0]
    # What no window has, in stretches that threads can share.
    stretch = 64 * L * SEGMENTS
    rest = [slice(n, min(n + stretch, samples)) for n in range(ends[-1], samples, stretch)]
    borders = [*ends[1:], *([samples] if ends[-1] < samples else [])]
    pairs = list(pairwise(borders)) if L > 1 else []
    some = [pairs[first : first + SEGMENTS] for first in range(0, len(pairs), SEGMENTS)]

    def of_rest(part: slice) -> np.ndarray:
        return _correlations(groups, L, part, slice(part.start, samples), backend=backend)

    def of_borders(these: Sequence[tuple[int, int]]) -> np.ndarray:
        return _across(groups, L, these, backend)

    for found in in_order(of_rest, rest, threads) + in_order(of_borders, some, threads):
        total += found
    return total


def _groups(y: Cut | Sequence[Cut]) -> Sequence[Cut]:
    return y if isinstance(y, Sequence) else [y]


def _correlations(
    groups: Sequence[Signals],
    L: int,
    x_span: slice,
    y_span: slice,
    *,
    backend: Backend,
    energies: np.ndarray | None = None,
) -> np.ndarray:
    """Return the correlations of a part of the first group with a part of the others, (P, Q, L).

    ``energies`` gets those of the others, (Q,), in the part of the first.
    """
    x, *ys = groups
    if energies is not None:
        energies[:] = 0
    start, stop = x_span.start, x_span.stop
    # FFTs of 5 L samples cost least, 2560 of 512 taps. Of each, L - 1 are those of the next.
    size = scipy.fft.next_fast_len(min(max(5 * L, 1280), stop - start + L - 1), real=True)
    B = size - L + 1
    total: list[Any] = [0.0] * len(ys)
    for first in range(start, stop, SEGMENTS * B):
        segments = min(SEGMENTS, -(-(stop - first) // B))
        last = first + segments * B
        delayed = x.padded(first, last + L - 1, y_span)
        blocks = delayed if x_span == y_span else x.padded(first, last, x_span)
        spectra = backend.spectra(blocks, Segments(segments, B, B), size)
        offset = 0
        for number, y in enumerate(ys):
            around = y.padded(first, last + L - 1, y_span, delayed)
            if energies is not None:
                new = around[:, : last - first]
                energies[offset : offset + y.count] += np.vecdot(new, new)
                offset += y.count
            overlapping = Segments(segments, B, size)
            total[number] += backend.products(spectra, around, overlapping, size)
    # A segment of y begins where its block of x does, and goes on for L - 1 samples more.
    return np.concatenate([backend.lags(of_group, size, L) for of_group in total], axis=1)


def _across(
    groups: Sequence[Signals], L: int, borders: Sequence[tuple[int, int]], backend: Backend
) -> np.ndarray:
    """Return the correlations of what is before borders with the windows after, (P, Q, L).

    Args:
        groups: signals that are delayed, and groups of others.
        L: number of lags.
        borders: first sample and end of each window.
        backend: what computes.
    """
    size = scipy.fft.next_fast_len(2 * (L - 1), real=True)
    x, *ys = groups
    each, tail = len(borders), L - 1
    before = np.zeros((x.count, each, tail))
    for number, (border, _) in enumerate(borders):
        cut = x.cut(max(0, border - tail), border)
        before[:, number, tail - cut.shape[1] :] = cut
    spectra = backend.spectra(before.reshape(x.count, -1), Segments(each, tail, tail), size)
    found = []
    for y in ys:
        after = np.zeros((y.count, each, size))
        for number, (border, end) in enumerate(borders):
            cut = y.cut(border, min(border + tail, end))
            after[:, number, tail : tail + cut.shape[1]] = cut
        rows = after.reshape(y.count, -1)
        products = backend.products(spectra, rows, Segments(each, size, size), size)
        found.append(backend.lags(products, size, L))
    return np.concatenate(found, axis=1)
