"""The four ratios of one system's estimates, from filters and correlations."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mssbench.scoring.correlations import Cut
from mssbench.scoring.energies import filtered_energies, filtered_energy
from mssbench.scoring.projection import EPS
from mssbench.scoring.references import Projections, References

# An energy this far below what cancels in it is computed again, from filtered signals: above,
# rounding changes it by less than 1e-7 dB.
CANCELLED = 1e-8


@dataclass(frozen=True)
class Estimates:
    """The estimates of one system, each represented by its remainder; P is J C.

    A remainder is the estimate minus its own source where that has less energy, and the estimate
    itself where it has not. To compute with it saves the digits that a good estimate has in common
    with its source.

    Attributes:
        shifts: 1 where the source is taken off, 0 where not, (J,).
        cut: gives the samples of the remainders, (P, samples).
        energies: of the remainders in each window, (W, J).
        errors: energy of estimate k minus source j in each window, (W, J, J) of [w, j, k].
        scored: whether nothing is silent in a window, (W,).
        correlations: of the delayed references with the remainders in each window, (W, P, P, L).
    """

    shifts: np.ndarray
    cut: Cut
    energies: np.ndarray
    errors: np.ndarray
    scored: np.ndarray
    correlations: np.ndarray


@dataclass(frozen=True)
class Pair:
    """A source, an estimate that may be of it, and filters from all references to it.

    Filters are (P, C, L). Those to an estimate are those to its remainder, and a unit impulse for
    the source that was taken off.

    Attributes:
        source: its number, j.
        estimate: its number, k.
        whole: from all references to the estimate.
        target: from source j to the estimate; zero for others.
        spatial: the same minus source j.
        interference: ``whole`` minus ``target``.
        remainder: from all references to the estimate's remainder.
    """

    source: int
    estimate: int
    whole: np.ndarray
    target: np.ndarray
    spatial: np.ndarray
    interference: np.ndarray
    remainder: np.ndarray


def pairs_of(
    projections: Projections,
    correlations: np.ndarray,
    shifts: np.ndarray,
    wanted: Sequence[tuple[int, int]],
) -> list[list[Pair]]:
    """Solve for the filters of pairs (j, k) of a source and an estimate, for all systems at once.

    Args:
        projections: factorisations of the references' correlations.
        correlations: of the delayed references with the remainders of all systems,
            (P, systems P, L).
        shifts: of all systems as in ``Estimates``, (systems, J).
        wanted: the pairs.

    Returns:
        Of each system its pairs.
    """
    P, Q, L = correlations.shape
    systems, J = shifts.shape
    C = P // J
    blocks = [slice(q, q + C) for q in range(0, Q, C)]
    units = np.zeros((P, P, L))
    units[np.arange(P), np.arange(P), 0] = 1
    impulses = np.tile(units, (1, systems, 1)) * np.repeat(shifts, C)[:, None]
    # What EPS on the diagonal takes from an estimate's filters comes off the impulse's, too.
    remainders = projections.all.filters(correlations - EPS * impulses)
    found: list[list[Pair]] = [[] for _ in range(systems)]
    for j, k in wanted:
        mine, others = blocks[j], [blocks[number * J + k] for number in range(systems)]
        right = np.stack([correlations[mine, other] for other in others], axis=1)
        impulse = np.stack([impulses[mine, other] for other in others], axis=1)
        if j != k:
            right += shifts[:, k, None, None] * projections.correlations[mine, None, blocks[k]]
        else:
            right -= EPS * impulse
        targets = projections.own[j].filters(right.reshape(C, systems * C, L))
        for number, other in enumerate(others):
            remainder, whole = remainders[:, other], remainders[:, other] + impulses[:, other]
            own = np.zeros((P, C, L))
            own[mine] = targets[:, number * C : (number + 1) * C]
            shift = shifts[number, k] if j == k else 0.0
            pair = Pair(
                source=j,
                estimate=k,
                whole=whole,
                target=own + shift * units[:, mine],
                spatial=own - (1 - shift) * units[:, mine],
                interference=(remainder if j == k else whole) - own,
                remainder=remainder,
            )
            found[number].append(pair)
    return found


def ratios(
    references: References, estimates: Estimates, pairs: Sequence[Pair], windows: slice
) -> np.ndarray:
    """Return SDR, ISR, SIR and SAR (dB) of each pair; of windows that are not scored, anything.

    Args:
        references: of the song.
        estimates: of one system.
        pairs: sources, estimates and the filters that hold in these windows.
        windows: which W windows.

    Returns:
        (pairs, 4, W).
    """
    energies = _energies(references, estimates, pairs, windows)
    found = []
    for pair, (spatial, target, interference, whole, artefacts) in zip(
        pairs, energies, strict=True
    ):
        true = references.energies[windows, pair.source]
        error = estimates.errors[windows, pair.source, pair.estimate]
        over = [(true, error), (true, spatial), (target, interference), (whole, artefacts)]
        found.append([decibels(*two) for two in over])
    return np.array(found)


def _energies(
    references: References, estimates: Estimates, pairs: Sequence[Pair], windows: slice
) -> np.ndarray:
    """Return the energies of what each pair's filters give and, last, of the artefacts.

    Returns:
        (pairs, 5, W).
    """
    filters = np.stack(
        [f for p in pairs for f in (p.spatial, p.target, p.interference, p.whole, p.remainder)]
    )
    C = filters.shape[2]
    energies, sizes = filtered_energies(filters, references.correlations[0][windows])
    for column, pair in zip(range(4, len(filters), 5), pairs, strict=True):
        # Artefacts: |z - f|^2 = |z|^2 - 2 <z, f> + |f|^2 of a remainder z and its projection f.
        energy = estimates.energies[windows, pair.estimate]
        own = slice(pair.estimate * C, (pair.estimate + 1) * C)
        correlations = estimates.correlations[windows, :, own]
        common = np.einsum("wpcl,pcl->w", correlations, pair.remainder)
        energies[:, column] += energy - 2 * common
        sizes[:, column] = (np.sqrt(sizes[:, column]) + np.sqrt(energy)) ** 2
    parts = references.windows[windows]
    cancelled = (energies <= CANCELLED * sizes) & estimates.scored[windows, None]
    for row, column in np.argwhere(cancelled):
        start, stop = parts[row].start, parts[row].stop
        target, (pair_number, what) = None, divmod(int(column), 5)
        if what == 4:
            k = pairs[pair_number].estimate
            target = estimates.cut(start, stop)[k * C : (k + 1) * C]
        cut = references.cut(start, stop)
        energies[row, column] = filtered_energy(filters[column], cut, target)
    return energies.T.reshape(len(pairs), 5, -1)


def decibels(power: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return a ratio of energies in dB: infinity over nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(noise == 0, np.inf, 10 * np.log10(power / noise))
