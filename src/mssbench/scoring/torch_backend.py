"""The heavy parts of BSSEval by torch, on a GPU."""

import numpy as np
import torch

from mssbench.scoring.backends import Segments, Solve


class TorchBackend:
    """torch in float64 on a device.

    Args:
        device: torch's name of it, such as ``cuda``.

    Raises:
        ValueError: torch does not know it, or cannot compute on it in float64.
    """

    def __init__(self, device: str) -> None:
        try:
            self.device = torch.device(device)
            torch.ones((), dtype=torch.float64, device=self.device).item()
        except (RuntimeError, AssertionError, TypeError, ImportError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise ValueError(
                f"device is {device!r}, on which torch cannot compute ({reason}); give cpu, or "
                "cuda where torch finds a GPU"
            ) from None

    def spectra(self, signals: np.ndarray, segments: Segments, size: int) -> torch.Tensor:
        """Return the conjugate spectra of segments, (P, segments, frequencies)."""
        return torch.fft.rfft(self._tensor(segments.of(signals)), n=size).conj()

    def products(
        self, spectra: torch.Tensor, signals: np.ndarray, segments: Segments, size: int
    ) -> torch.Tensor:
        """Return the sums over segments of spectra's products, (P, Q, frequencies)."""
        others = torch.fft.rfft(self._tensor(segments.of(signals)), n=size)
        # A product of matrices for each frequency: (P, segments) by (segments, Q).
        of_each = spectra.permute(2, 0, 1) @ others.permute(2, 1, 0)
        return of_each.permute(1, 2, 0)

    def lags(self, products: torch.Tensor, size: int, L: int) -> np.ndarray:
        """Return the correlations that products of spectra are of, (P, Q, L)."""
        found: np.ndarray = torch.fft.irfft(products, n=size)[..., :L].cpu().numpy()
        return found

    def factorised(self, matrix: np.ndarray) -> Solve:
        """Return what solves with a symmetric matrix."""
        factor, fault = torch.linalg.cholesky_ex(self._tensor(matrix), upper=True)
        if fault.item():
            raise np.linalg.LinAlgError("the matrix is not positive definite")

        def solve(right: np.ndarray) -> np.ndarray:
            found: np.ndarray = (
                torch.cholesky_solve(self._tensor(right), factor, upper=True).cpu().numpy()
            )
            return found

        return solve

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        """Return a float64 tensor on the device."""
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
