"""Least-squares filters from delayed references to other signals."""

import numpy as np

from mssbench.scoring.backends import NUMPY, Backend, Solve

EPS = float(np.finfo(float).eps)

# Share of the mean of the diagonal that makes a singular matrix definite.
RIDGE = 1e-14


class Projection:
    """Solves for the filters that bring references closest to other signals.

    The Gram matrix of all delayed references gets ``EPS`` on its diagonal, as in museval, and is
    factorised once, by Cholesky. Where that fails, as with equal channels, whose matrix is singular
    to working precision, a ridge is added, and a step of refinement takes its effect away from all
    but the directions that the matrix lacks, in which the filters stay small.

    Args:
        correlations: of the references with each other at lags 0 to L - 1, (P, P, L).
        backend: what computes.
    """

    def __init__(self, correlations: np.ndarray, backend: Backend = NUMPY) -> None:
        self._correlations = correlations
        self._ridge = 0.0
        while True:
            try:
                self._solve = self._factorised(backend)
            except np.linalg.LinAlgError:
                mean = float(np.abs(np.einsum("ppl->pl", correlations)[:, 0]).mean())
                self._ridge = max(100 * self._ridge, RIDGE * mean)
            else:
                break

    def _factorised(self, backend: Backend) -> Solve:
        matrix = gram(self._correlations, half=True)
        matrix[np.diag_indices_from(matrix)] += EPS + self._ridge
        return backend.factorised(matrix)

    def filters(self, correlations: np.ndarray) -> np.ndarray:
        """Return the filters to Q signals.

        Args:
            correlations: of the delayed references with the signals, (P, Q, L).

        Returns:
            (P, Q, L).
        """
        P, Q, L = correlations.shape
        right = correlations.swapaxes(1, 2).reshape(P * L, Q)
        found = self._solve(right)
        if self._ridge:
            missed = right - gram(self._correlations) @ found - EPS * found
            found += self._solve(missed)
        return found.reshape(P, L, Q).swapaxes(1, 2)


def gram(correlations: np.ndarray, *, half: bool = False) -> np.ndarray:
    """Return the inner products of all delayed signals, (P L, P L).

    Args:
        correlations: of the signals at lags 0 to L - 1, (P, P, L).
        half: leave what is below the diagonal's blocks undefined.
    """
    P, _, L = correlations.shape
    blocks = np.empty((P, L, P, L))
    for p, q in np.ndindex(P, P):
        if half and p > q:
            continue
        # Row k of a block has the lags k, ..., 0, ..., k - L + 1.
        lags = np.concatenate([correlations[p, q, ::-1], correlations[q, p, 1:]])
        blocks[p, :, q] = np.lib.stride_tricks.sliding_window_view(lags, L)[::-1]
    return blocks.reshape(P * L, P * L)
