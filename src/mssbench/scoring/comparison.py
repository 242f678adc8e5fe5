"""What is seen of a system's estimates without any filter."""

import itertools

import numpy as np

from mssbench.scoring.framing import silent
from mssbench.scoring.references import References
from mssbench.scoring.threads import in_order

# One window of so many tells whether to take the sources off.
SOME = 4


class Comparison:
    """Silence of a system's estimates, their errors, and their remainders.

    A remainder is the estimate minus its own source where that has less energy in some of the
    song's windows, and the estimate itself where it has not. Which it is decides how many digits
    are lost and no more: the sums behind it have the resolution of the signals' own type.

    Args:
        references: of the song.
        estimates: (J, C, N).

    Attributes:
        silent: whether an estimate has none but zeros in a window, (W, J).
        shifts: 1 for the estimates whose source is taken off, else 0, (J,).
    """

    def __init__(self, references: References, estimates: np.ndarray) -> None:
        self._references, self._truth, self._estimates = references, references.signals, estimates
        W, J = len(references.windows), len(estimates)
        self.silent, some = np.zeros((W, J), bool), range(0, W, SOME)
        common = np.empty((len(some), J))
        kind = np.result_type(self._truth.dtype, estimates.dtype, np.float32)

        def look(number: int) -> None:
            part = references.windows[number]
            signals, sources = estimates[:, :, part], self._truth[:, :, part]
            if number in some:
                products = np.vecdot(signals, sources, dtype=kind)
                common[number // SOME] = products.sum(axis=1)
            if not signals[:, :, 0].any(axis=1).all():
                self.silent[number] = silent(signals)

        in_order(look, range(W), references.threads)
        # |y - s|^2 = |y|^2 - 2 <y, s> + |s|^2 < |y|^2
        energies = references.energies[::SOME].sum(axis=0)
        self.shifts = np.where(2 * common.sum(axis=0) > energies, 1.0, 0.0)

    def cut(
        self,
        start: int,
        stop: int,
        out: np.ndarray | None = None,
        delayed: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return samples of the remainders, (J C, n); ``delayed`` are the references' own."""
        J, C, _ = self._estimates.shape
        rest = np.empty((J * C, stop - start)) if out is None else out
        truth = self._references.cut(start, stop) if delayed is None else delayed
        rest.reshape(J, C, stop - start)[...] = self._estimates[:, :, start:stop]
        if self.shifts.all():
            rest -= truth
        else:
            for number in np.flatnonzero(self.shifts):
                own = slice(number * C, (number + 1) * C)
                rest[own] -= truth[own]
        return rest

    def errors(self, energies: np.ndarray, all_pairs: bool) -> np.ndarray:
        """Return the energies of estimate k minus source j in each window, (W, J, J) of [w, j, k].

        Args:
            energies: of the remainders in each window, (W, J).
            all_pairs: compare each estimate with every source, not with its own alone.
        """
        W, J = energies.shape
        found = np.full((W, J, J), np.nan)
        found[:, range(J), range(J)] = energies
        pairs = [(j, j) for j in range(J) if not self.shifts[j]]
        pairs += itertools.permutations(range(J), 2) if all_pairs else []

        def compare(number: int) -> None:
            part = self._references.windows[number]
            for j, k in pairs:
                error = self._estimates[k, :, part].astype(np.float64) - self._truth[j, :, part]
                found[number, j, k] = np.einsum("cn,cn->", error, error)

        in_order(compare, range(W) if pairs else (), self._references.threads)
        return found
