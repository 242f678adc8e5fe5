"""What computes the heavy parts of BSSEval: transforms, products of spectra, factorisations."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import scipy.linalg

Solve = Callable[[np.ndarray], np.ndarray]
"""Gives X of A X = B for a B, (n, m)."""


class Backend(Protocol):
    """Computes in float64. Its spectra are arrays of its own, that only it looks into."""

    def spectra(self, segments: np.ndarray, size: int, *, conjugate: bool = False) -> Any:
        """Return the real FFTs of segments (signals, segments, samples), padded to ``size``."""

    def products(self, x: Any, y: Any) -> Any:
        """Return the sums over segments of spectra's products.

        Args:
            x: of P signals, (P, segments, frequencies).
            y: of Q signals, (Q, segments, frequencies).

        Returns:
            (P, Q, frequencies); they can be added up.
        """

    def lags(self, products: Any, size: int, L: int) -> np.ndarray:
        """Return the correlations (P, Q, L) at lags 0 to L - 1 that products of spectra are of."""

    def factorised(self, matrix: np.ndarray) -> Solve:
        """Return what solves with a symmetric matrix, of which the upper half counts.

        Raises:
            numpy.linalg.LinAlgError: it is not positive definite.
        """


class NumpyBackend:
    """NumPy's FFT and SciPy's LAPACK."""

    def spectra(self, segments: np.ndarray, size: int, *, conjugate: bool = False) -> np.ndarray:
        """Return the real FFTs of segments."""
        with np.errstate(invalid="ignore"):  # what is no number is refused in the end
            found: np.ndarray = np.fft.rfft(segments, n=size)
        return np.conj(found, out=found) if conjugate else found

    def products(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the sums over segments of spectra's products, (P, Q, frequencies)."""
        found = np.empty((len(x), len(y), x.shape[-1]), complex)
        product = np.empty_like(x[0])
        with np.errstate(invalid="ignore"):
            for p, q in np.ndindex(len(x), len(y)):
                np.add.reduce(np.multiply(x[p], y[q], out=product), axis=0, out=found[p, q])
        return found

    def lags(self, products: np.ndarray, size: int, L: int) -> np.ndarray:
        """Return the correlations that products of spectra are of, (P, Q, L)."""
        with np.errstate(invalid="ignore"):
            return np.fft.irfft(products, n=size)[..., :L]

    def factorised(self, matrix: np.ndarray) -> Solve:
        """Return what solves with a symmetric matrix, which is overwritten."""
        # The transpose lies as LAPACK wants it, and its lower half is all that is read.
        factor = scipy.linalg.cho_factor(matrix.T, lower=True, overwrite_a=True, check_finite=False)
        return lambda right: np.asarray(scipy.linalg.cho_solve(factor, right, check_finite=False))


NUMPY = NumpyBackend()


def backend_of(device: str) -> Backend:
    """Return the backend of a device: ``cpu`` is NumPy's, any other torch's on that device."""
    if device == "cpu":
        return NUMPY
    from mssbench.scoring.torch_backend import TorchBackend

    return TorchBackend(device)
