"""The heavy parts of BSSEval compiled by numba: a spectrum is used before it leaves the cache."""

import numpy as np

from mssbench.scoring.backends import NumpyBackend, Segments
from mssbench.scoring.compiled_fft import HALF, SIZE, add_products, write_lags, write_spectra


class CompiledBackend(NumpyBackend):
    """Transforms of ``SIZE`` samples by compiled code, all else as NumPy's backend does.

    A spectrum is (2 HALF,) as in ``compiled_fft``.
    """

    def spectra(self, signals: np.ndarray, segments: Segments, size: int) -> np.ndarray:
        """Return the spectra of segments, (P, segments, 2 HALF)."""
        if size != SIZE:
            return super().spectra(signals, segments, size)
        found = np.empty((len(signals), segments.number, 2 * HALF))
        write_spectra(signals, segments.step, segments.length, found)
        return found

    def products(
        self, spectra: np.ndarray, signals: np.ndarray, segments: Segments, size: int
    ) -> np.ndarray:
        """Return the sums over segments of spectra's products, (P, Q, 2 HALF)."""
        if size != SIZE:
            return super().products(spectra, signals, segments, size)
        found = np.zeros((len(spectra), len(signals), 2 * HALF))
        add_products(spectra, signals, segments.step, segments.length, found)
        return found

    def lags(self, products: np.ndarray, size: int, L: int) -> np.ndarray:
        """Return the correlations that products of spectra are of, (P, Q, L)."""
        if size != SIZE:
            return super().lags(products, size, L)
        found = np.empty((*products.shape[:2], L + L % 2))
        write_lags(products, found)
        return found[..., :L]
