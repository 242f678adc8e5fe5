"""Real FFTs of ``SIZE`` samples, compiled by numba for this processor.

A transform is one of half as many complex numbers, by Stockham's algorithm, and a last step that
takes the even samples' and the odd samples' spectra apart. Stockham's needs no order of bits to be
reversed, and its inner loops run along memory, so that a processor takes several numbers at once.

Complex arrays are two halves: the real parts, then the imaginary ones. A spectrum has ``HALF``
numbers: the one at half the sampling rate, real as that at 0 Hz is, lies in the latter's imaginary
part.

All that is compiled stands in this file: numba makes code anew that it has kept when the function's
own file changes, but not when that of another does which it calls.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

SIZE = 2560
"""Samples: 512 taps cost least with it."""
HALF = SIZE // 2

C1, C2 = float(np.cos(2 * np.pi / 5)), float(np.cos(4 * np.pi / 5))
S1, S2 = float(np.sin(2 * np.pi / 5)), float(np.sin(4 * np.pi / 5))

# An index of this type is not looked at for being negative, and loops over it become vectors.
index = np.uintp


def compiled(function: Callable[..., Any], *, inline: bool = False) -> Callable[..., Any]:
    """Return the function compiled when it is first called, and kept for later processes.

    Args:
        function: of arrays and numbers.
        inline: compile it into those that call it, with the constants they give.
    """
    # Products may be added without being rounded first; no other rule of float64 is given up.
    how = {"nogil": True, "fastmath": {"contract"}, "error_model": "numpy"}
    try:
        made: Callable[..., Any] = njit(cache=True, forceinline=inline, **how)(function)
    except RuntimeError:  # no folder where it could be kept can be written to
        made = njit(forceinline=inline, **how)(function)
    return made


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function into those that call it."""
    return compiled(function, inline=True)


def _turns(r: int, n: int) -> np.ndarray:
    """Return the twiddle factors of a step of radix r in transforms of n, (r - 1, 2, n / r)."""
    angles = -2 * np.pi * np.outer(np.arange(1, r), np.arange(n // r)) / n
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _apart() -> np.ndarray:
    """Return the factors that even and odd samples' spectra come apart by, (2, HALF)."""
    angles = -np.pi * np.arange(HALF) / HALF
    return np.stack([np.cos(angles), np.sin(angles)])


FIRST, SECOND, THIRD, FOURTH = (_turns(4, HALF // ended) for ended in (1, 4, 16, 64))
APART = _apart()


@inlined
def _radix_4(x: Any, y: Any, turns: Any, m: int, s: int) -> None:
    """Take a step of s interleaved transforms of 4 m, from x to y."""
    for p in range(m):
        c1, d1 = turns[0, 0, p], turns[0, 1, p]
        c2, d2 = turns[1, 0, p], turns[1, 1, p]
        c3, d3 = turns[2, 0, p], turns[2, 1, p]
        for q in range(s):
            a, A = index(p * s + q), index(4 * p * s + q)
            b, c, d = a + index(m * s), a + index(2 * m * s), a + index(3 * m * s)
            B, C, D = A + index(s), A + index(2 * s), A + index(3 * s)
            i = index(HALF)
            sr, si, tr, ti = x[a] + x[c], x[a + i] + x[c + i], x[a] - x[c], x[a + i] - x[c + i]
            ur, ui, vr, vi = x[b] + x[d], x[b + i] + x[d + i], x[b + i] - x[d + i], x[d] - x[b]
            y[A], y[A + i] = sr + ur, si + ui
            er, ei, fr, fi, gr, gi = tr + vr, ti + vi, sr - ur, si - ui, tr - vr, ti - vi
            y[B], y[B + i] = er * c1 - ei * d1, er * d1 + ei * c1
            y[C], y[C + i] = fr * c2 - fi * d2, fr * d2 + fi * c2
            y[D], y[D + i] = gr * c3 - gi * d3, gr * d3 + gi * c3


@inlined
def _last_radix_5(x: Any, y: Any, s: int) -> None:
    """Take the last step of s interleaved transforms, which has no twiddle factors, from x to y."""
    for q in range(s):
        a, i = index(q), index(HALF)
        b, c, d, e = a + index(s), a + index(2 * s), a + index(3 * s), a + index(4 * s)
        ar, br, cr, dr, er = x[a], x[b] + x[e], x[c] + x[d], x[b] - x[e], x[c] - x[d]
        ai, bi, ci = x[a + i], x[b + i] + x[e + i], x[c + i] + x[d + i]
        di, ei = x[b + i] - x[e + i], x[c + i] - x[d + i]
        gr, gi = ar + C1 * br + C2 * cr, ai + C1 * bi + C2 * ci
        hr, hi = ar + C2 * br + C1 * cr, ai + C2 * bi + C1 * ci
        kr, ki = S1 * dr + S2 * er, S1 * di + S2 * ei
        lr, li = S2 * dr - S1 * er, S2 * di - S1 * ei
        y[a], y[a + i] = ar + br + cr, ai + bi + ci
        y[b], y[b + i] = gr + ki, gi - kr
        y[c], y[c + i] = hr + li, hi - lr
        y[d], y[d + i] = hr - li, hi + lr
        y[e], y[e + i] = gr - ki, gi + kr


@inlined
def _complex(x: Any, y: Any) -> None:
    """Transform HALF complex numbers, from x to y; x is overwritten."""
    _radix_4(x, y, FIRST, HALF // 4, 1)
    _radix_4(y, x, SECOND, HALF // 16, 4)
    _radix_4(x, y, THIRD, HALF // 64, 16)
    _radix_4(y, x, FOURTH, HALF // 256, 64)
    _last_radix_5(x, y, 256)


@compiled
def forward(samples: Any, spectrum: Any, work: Any) -> None:
    """Write the spectrum of samples, zeros behind them, into ``spectrum``.

    Args:
        samples: at most SIZE.
        spectrum: gets it, (2 HALF,).
        work: is overwritten, (2 HALF,).
    """
    pairs, i = len(samples) // 2, index(HALF)
    for n in range(pairs):
        k = index(n)
        spectrum[k], spectrum[k + i] = samples[k + k], samples[k + k + index(1)]
    for n in range(pairs, HALF):
        spectrum[index(n)] = spectrum[index(n) + i] = 0.0
    if len(samples) % 2:
        spectrum[pairs] = samples[len(samples) - 1]
    _complex(spectrum, work)
    spectrum[0], spectrum[HALF] = work[0] + work[HALF], work[0] - work[HALF]
    for n in range(1, HALF):
        k, back = index(n), index(HALF - n)
        a, b, c, d = work[k], work[k + i], work[back], work[back + i]
        even_r, even_i, odd_r, odd_i = a + c, b - d, b + d, c - a
        wr, wi = APART[0, k], APART[1, k]
        spectrum[k] = 0.5 * (even_r + wr * odd_r - wi * odd_i)
        spectrum[k + i] = 0.5 * (even_i + wr * odd_i + wi * odd_r)


@compiled
def inverse(spectrum: Any, samples: Any, work: Any) -> None:
    """Write the first samples of what has a spectrum into ``samples``, an even number of them.

    Args:
        spectrum: (2 HALF,).
        samples: gets as many as it has.
        work: is overwritten, (2, 2 HALF).
    """
    x, y, i = work[0], work[1], index(HALF)
    # The inverse is the forward transform with real and imaginary parts exchanged on both sides.
    x[0], x[HALF] = 0.5 * (spectrum[0] - spectrum[HALF]), 0.5 * (spectrum[0] + spectrum[HALF])
    for n in range(1, HALF):
        k, back = index(n), index(HALF - n)
        a, b, c, d = spectrum[k], spectrum[k + i], spectrum[back], spectrum[back + i]
        even_r, even_i, r, im = a + c, b - d, a - c, b + d
        wr, wi = APART[0, k], APART[1, k]
        x[k] = 0.5 * (even_i + wr * r + wi * im)
        x[k + i] = 0.5 * (even_r - wr * im + wi * r)
    _complex(x, y)
    for n in range(len(samples) // 2):
        k = index(n)
        samples[k + k], samples[k + k + index(1)] = y[k + i] / HALF, y[k] / HALF


@compiled
def _add_product(x: Any, y: Any, total: Any) -> None:
    """Add the conjugate of x times y."""
    # The first numbers are two real ones each.
    total[0] += x[0] * y[0]
    total[HALF] += x[HALF] * y[HALF]
    for n in range(1, HALF):
        k, i = index(n), index(n) + index(HALF)
        total[k] += x[k] * y[k] + x[i] * y[i]
        total[i] += x[k] * y[i] - x[i] * y[k]


@compiled
def write_spectra(signals: Any, step: int, length: int, found: Any) -> None:
    """Write the spectra of segments, one every ``step`` samples, into (P, segments, 2 HALF)."""
    work = np.empty(2 * HALF)
    for p in range(found.shape[0]):
        for s in range(found.shape[1]):
            forward(signals[p, s * step : s * step + length], found[p, s], work)


@compiled
def add_products(spectra: Any, signals: Any, step: int, length: int, found: Any) -> None:
    """Add the sums over segments of conjugate spectra times those of signals to (P, Q, 2 HALF)."""
    spectrum, work = np.empty(2 * HALF), np.empty(2 * HALF)
    for q in range(found.shape[1]):
        for s in range(spectra.shape[1]):
            forward(signals[q, s * step : s * step + length], spectrum, work)
            for p in range(found.shape[0]):
                _add_product(spectra[p, s], spectrum, found[p, q])


@compiled
def write_lags(products: Any, found: Any) -> None:
    """Write the first samples of what has the spectra (P, Q, 2 HALF) into (P, Q, samples)."""
    work = np.empty((2, 2 * HALF))
    for p in range(found.shape[0]):
        for q in range(found.shape[1]):
            inverse(products[p, q], found[p, q], work)
