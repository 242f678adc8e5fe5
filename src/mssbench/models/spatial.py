"""Separation by place in the stereo panorama, and names for what it finds.

A spatial method finds objects without names. They are named in one of two ways: by their place,
which works for any song, or by the true sources, as evaluations in the literature do.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment

from mssbench.errors import UserError
from mssbench.models.base import Domain, Untrained
from mssbench.models.targets import ACCOMPANIMENT, PAIR, VOCALS, members

Labels = Literal["centre", "truth"]

TINY = 1e-12
"""Added to energies: bounds the SDR of silence and of a perfect estimate."""


class Spatial(Untrained):
    """A method that finds objects in a stereo mixture.

    Args:
        targets: what to estimate; with ``centre`` among vocals and accompaniment.
        labels: how objects are named. ``centre``: the object nearest to the middle of the
            panorama is the vocals, the sum of the others the accompaniment. ``truth``: each
            object goes to the target that it fits best, which the true sources must tell: an
            oracle's assignment, for evaluation alone (``needs_sources`` is then True). A target
            that none is left for gets a copy of the one that is most like it: museval gives no
            window a score in which an estimate is silent.

    Raises:
        ValueError: ``centre`` cannot name one of the targets.
    """

    channels = 2
    domain: Domain = "spectrogram"

    def __init__(self, targets: tuple[str, ...], labels: Labels) -> None:
        unnamed = set(targets).difference(PAIR)
        if labels == "centre" and unnamed:
            raise ValueError(
                f"targets has {', '.join(sorted(unnamed))}; with labels: centre it may have "
                f"{' and '.join(PAIR)} only, the others need labels: truth"
            )
        self.targets = targets
        self.labels = labels
        self.needs_sources = labels == "truth"

    @abstractmethod
    def objects(self, mixture: np.ndarray) -> np.ndarray:
        """Return what was found in a mixture (2, samples): (objects, 2, samples), float32."""

    def separate(
        self, mixture: np.ndarray, sources: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Return the estimates, each (2, samples); silence where nothing was found.

        Raises:
            UserError: the mixture is not stereo, or a target is no source of the song.
        """
        if len(mixture) != 2:
            raise UserError(
                f"{type(self).__name__}: the mixture has {len(mixture)} channels; a spatial "
                "method needs 2: give a stereo recording, or choose a stereo rendition"
            )
        # A copy: torch does not like memory that cannot be written to, as a mapped file's.
        found = self.objects(np.array(mixture, dtype=np.float32))
        names = [VOCALS, ACCOMPANIMENT]
        if self.labels == "centre":
            owners = [{ACCOMPANIMENT} for _ in found]
            if len(found):
                owners[most_central(found)] = {VOCALS}
        else:
            truth = parts(sources, self.targets)
            names = list(truth)
            owners = all_owners(found, truth)
        return {target: _sum(found, owners, members(target, names)) for target in self.targets}


def _sum(found: np.ndarray, owners: list[set[str]], wanted: list[str]) -> np.ndarray:
    """Return the sum of the objects that one of the wanted owns."""
    total = np.zeros(found.shape[1:], np.float32)
    for item, names in zip(found, owners, strict=True):
        if not names.isdisjoint(wanted):
            total += item
    return total


def most_central(objects: np.ndarray) -> int:
    """Return the index of the object nearest to the middle of the panorama.

    Nearest is the smallest share of energy in the difference of the channels: it grows with the
    angle to the middle, and an object that is spread wide is not taken for a central one. Silent
    objects come last.

    Args:
        objects: (objects, 2, samples).
    """
    shares = []
    for left, right in objects:
        side, energy = energy_of(left - right), energy_of(left) + energy_of(right)
        shares.append(side / energy if energy > 0 else np.inf)
    return int(np.argmin(shares))


def parts(sources: Mapping[str, np.ndarray], targets: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return what objects may belong to: the sources that the targets name, and all the others.

    An accompaniment among the targets names the vocals too, which it is without.
    """
    wanted = {VOCALS} if ACCOMPANIMENT in targets else set()
    named = {name: np.asarray(s) for name, s in sources.items() if name in wanted.union(targets)}
    rest = [source for name, source in sources.items() if name not in named]
    return named | ({"rest": np.sum(rest, axis=0)} if rest else {})


def best_owners(objects: np.ndarray, truth: Mapping[str, np.ndarray]) -> list[str]:
    """Return for each object the part that it belongs to.

    Objects and parts are first paired so that the mean SDR over the pairs is as great as it can
    be. Objects that are left over then join the part whose SDR they raise most, or lower least.

    Args:
        objects: (objects, 2, samples).
        truth: part -> waveform (2, samples).
    """
    flat = objects.reshape(len(objects), -1)
    names, waves = list(truth), np.stack([wave.ravel() for wave in truth.values()])
    energies = np.array([energy_of(wave) for wave in waves]) + TINY
    matches, products = inner(flat, waves), inner(flat, flat)
    own = np.diag(products)

    def sdr(errors: np.ndarray) -> np.ndarray:
        return 10 * np.log10(energies / (np.maximum(errors, 0) + TINY))

    owners = {
        int(j): int(k)
        for j, k in zip(
            *linear_sum_assignment(-sdr(energies - 2 * matches + own[:, None])), strict=True
        )
    }
    for j in range(len(objects)):
        if j not in owners:
            given = np.zeros((len(objects), len(names)))
            given[list(owners), list(owners.values())] = 1
            errors = energies - np.sum(given * (2 * matches - products @ given), axis=0)
            more = errors - 2 * (matches[j] - products[j] @ given) + own[j]
            owners[j] = int(np.argmax(sdr(more) - sdr(errors)))
    return [names[owners[j]] for j in range(len(objects))]


def all_owners(objects: np.ndarray, truth: Mapping[str, np.ndarray]) -> list[set[str]]:
    """Return for each object the parts that it is given to: those of `best_owners`, and more.

    A part that sounds and has none there gets the object that it correlates with most, too.

    Args:
        objects: (objects, 2, samples).
        truth: part -> waveform (2, samples).
    """
    if not len(objects):
        return []
    owners = [{owner} for owner in best_owners(objects, truth)]
    left_out = [name for name in truth.keys() - set().union(*owners) if truth[name].any()]
    if left_out:
        flat = objects.reshape(len(objects), -1)
        lengths = np.sqrt([energy_of(item) + TINY for item in flat])
        products = inner(flat, np.stack([truth[name].ravel() for name in left_out]))
        for name, best in zip(left_out, (products / lengths[:, None]).argmax(axis=0), strict=True):
            owners[int(best)].add(name)
    return owners


def inner(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the inner products of the rows of ``a`` and ``b``, float64."""
    # Pieces keep float32 sums short and memory small.
    piece = 1 << 16
    return sum(
        (
            np.asarray(a[:, n : n + piece], np.float64)
            @ np.asarray(b[:, n : n + piece].T, np.float64)
            for n in range(0, a.shape[1], piece)
        ),
        start=np.zeros((len(a), len(b))),
    )


def energy_of(wave: np.ndarray) -> float:
    """Return the sum of squares of a waveform."""
    return float(inner(wave.reshape(1, -1), wave.reshape(1, -1))[0, 0])
