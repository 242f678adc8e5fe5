"""What is seen of a system's estimates without any filter."""

import itertools

import numpy as np

from mssbench.scoring.framing import silent
from mssbench.scoring.references import References
from mssbench.scoring.threads import in_order


class Comparison:
    """Silence of a system's estimates, their errors, and their remainders.

    A remainder is the estimate minus its own source where that has less energy in the song's
    windows, and the estimate itself where it has not. Which it is decides how many digits are
    lost and no more: the sums behind it have the resolution of the signals' own type.

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
        self.silent, common = np.zeros((W, J), bool), np.empty((W, J))
        kind = np.result_type(self._truth.dtype, estimates.dtype, np.float32)

        def look(number: int) -> None:
            part = references.windows[number]
            signals, sources = estimates[:, :, part], self._truth[:, :, part]
            common[number] = np.einsum("jcn,jcn->j", signals, sources, dtype=kind)
            if (common[number] == 0).any():
                self.silent[number] = silent(signals)

        in_order(look, range(W), references.threads)
        # |y - s|^2 = |y|^2 - 2 <y, s> + |s|^2 < |y|^2
        self.shifts = np.where(2 * common.sum(axis=0) > references.energies.sum(axis=0), 1.0, 0.0)

    def cut(self, start: int, stop: int) -> np.ndarray:
        """Return samples of the remainders, (J C, n)."""
        part = self._estimates[:, :, start:stop].astype(np.float64)
        if self.shifts.all():
            part -= self._truth[:, :, start:stop]
        else:
            taken = np.flatnonzero(self.shifts)
            part[taken] -= self._truth[taken, :, start:stop]
        return part.reshape(part.shape[0] * part.shape[1], part.shape[2])

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
