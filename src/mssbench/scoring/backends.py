"""What computes the heavy parts of BSSEval: transforms, products of spectra, factorisations."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
import scipy.linalg

Solve = Callable[[np.ndarray], np.ndarray]
"""Gives X of A X = B for a B, (n, m)."""


class Segments(NamedTuple):
    """Parts of signals, one every ``step`` samples."""

    number: int
    step: int
    length: int

    def of(self, signals: np.ndarray) -> np.ndarray:
        """Return a view of the segments, (signals, number, length), of (signals, samples)."""
        row, sample = signals.strides
        shape, strides = (len(signals), self.number, self.length), (row, self.step * sample, sample)
        return np.ndarray(shape, signals.dtype, signals, strides=strides)


class Backend(Protocol):
    """Computes in float64. Its spectra are arrays of its own, that only it looks into."""

    def spectra(self, signals: np.ndarray, segments: Segments, size: int) -> Any:
        """Return the spectra of P delayed signals' segments, padded with zeros to ``size``.

        Args:
            signals: (P, samples), contiguous.
            segments: of them.
            size: of the transforms.
        """

    def products(self, spectra: Any, signals: np.ndarray, segments: Segments, size: int) -> Any:
        """Return the sums over segments of the delayed signals' conjugate spectra times others.

        Args:
            spectra: of P delayed signals.
            signals: the others, (Q, samples), contiguous.
            segments: of these, as many.
            size: of the transforms.

        Returns:
            Of (P, Q); they can be added up.
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

    def spectra(self, signals: np.ndarray, segments: Segments, size: int) -> np.ndarray:
        """Return the conjugate spectra of segments, (P, segments, frequencies)."""
        found = self._transformed(signals, segments, size)
        return np.conj(found, out=found)

    def products(
        self, spectra: np.ndarray, signals: np.ndarray, segments: Segments, size: int
    ) -> np.ndarray:
        """Return the sums over segments of spectra's products, (P, Q, frequencies)."""
        others = self._transformed(signals, segments, size)
        found = np.empty((len(spectra), len(others), spectra.shape[-1]), complex)
        product = np.empty_like(spectra[0])
        with np.errstate(invalid="ignore"):
            for p, q in np.ndindex(*found.shape[:2]):
                np.add.reduce(np.multiply(spectra[p], others[q], out=product), 0, out=found[p, q])
        return found

    @staticmethod
    def _transformed(signals: np.ndarray, segments: Segments, size: int) -> np.ndarray:
        with np.errstate(invalid="ignore"):  # what is no number is refused in the end
            return np.fft.rfft(segments.of(signals), n=size)

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


# From so many samples of all references' channels on, compiled code is worth the second that
# loading it takes: a minute of two mono sources at 22.05 kHz.
WORTH_COMPILING = 2_500_000


def backend_of(device: str, samples: int) -> Backend:
    """Return what computes the scores of a song: it hangs on the references alone.

    Args:
        device: any but ``cpu`` is torch's.
        samples: of all references' channels; of few of them NumPy's backend, else compiled code.
    """
    if device != "cpu":
        from mssbench.scoring.torch_backend import TorchBackend

        return TorchBackend(device)
    if samples < WORTH_COMPILING:
        return NUMPY
    from mssbench.scoring.compiled_backend import CompiledBackend

    return CompiledBackend()
