"""The heavy parts of BSSEval compiled by numba: a spectrum is used before it leaves the cache."""

from typing import Any

import numpy as np

from mssbench.scoring.backends import NumpyBackend, Segments
from mssbench.scoring.compiled_fft import HALF, SIZE, compiled, forward, index, inverse


class CompiledBackend(NumpyBackend):
    """Transforms of ``SIZE`` samples by compiled code, all else as NumPy's backend does.

    A spectrum is (2 HALF,) as in ``compiled_fft``.
    """

    def spectra(self, signals: np.ndarray, segments: Segments, size: int) -> np.ndarray:
        """Return the spectra of segments, (P, segments, 2 HALF)."""
        if size != SIZE:
            return super().spectra(signals, segments, size)
        found = np.empty((len(signals), segments.number, 2 * HALF))
        _spectra(signals, segments.step, segments.length, found)
        return found

    def products(
        self, spectra: np.ndarray, signals: np.ndarray, segments: Segments, size: int
    ) -> np.ndarray:
        """Return the sums over segments of spectra's products, (P, Q, 2 HALF)."""
        if size != SIZE:
            return super().products(spectra, signals, segments, size)
        found = np.zeros((len(spectra), len(signals), 2 * HALF))
        _products(spectra, signals, segments.step, segments.length, found)
        return found

    def lags(self, products: np.ndarray, size: int, L: int) -> np.ndarray:
        """Return the correlations that products of spectra are of, (P, Q, L)."""
        if size != SIZE:
            return super().lags(products, size, L)
        found = np.empty((*products.shape[:2], L + L % 2))
        _lags(products, found)
        return found[..., :L]


@compiled
def _spectra(signals: Any, step: int, length: int, found: Any) -> None:
    work = np.empty(2 * HALF)
    for p in range(found.shape[0]):
        for s in range(found.shape[1]):
            forward(signals[p, s * step : s * step + length], found[p, s], work)


@compiled
def _products(spectra: Any, signals: Any, step: int, length: int, found: Any) -> None:
    spectrum, work = np.empty(2 * HALF), np.empty(2 * HALF)
    for q in range(found.shape[1]):
        for s in range(spectra.shape[1]):
            forward(signals[q, s * step : s * step + length], spectrum, work)
            for p in range(found.shape[0]):
                _add_product(spectra[p, s], spectrum, found[p, q])


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
def _lags(products: Any, found: Any) -> None:
    work = np.empty((2, 2 * HALF))
    for p in range(found.shape[0]):
        for q in range(found.shape[1]):
            inverse(products[p, q], found[p, q], work)
