"""The accompaniment: what a song holds beside its vocals."""

from collections.abc import Collection, Mapping

import numpy as np

from mssbench.data.own_songs import MIXTURE
from mssbench.scoring.problems import PAIR

VOCALS, ACCOMPANIMENT = PAIR


def sources_of(stems: Collection[str]) -> tuple[str, ...]:
    """Return the stems that make up the mixture, in their order.

    The accompaniment is one of them only where there is nothing else beside vocals.
    """
    sources = tuple(stem for stem in stems if stem != MIXTURE)
    if set(sources) <= set(PAIR):
        return sources
    return tuple(stem for stem in sources if stem != ACCOMPANIMENT)


def has_accompaniment(stems: Collection[str]) -> bool:
    """Return whether ``accompaniment_of`` is defined, and a target: there must be vocals, too."""
    return VOCALS in stems and len(stems) > 1


def accompaniment_of(signals: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the true accompaniment, float64.

    It is a stem of its own where there is one, else the sum of all sources but the vocals, as in
    MUSDB18 (musdb's target ``accompaniment``), else the mixture minus the vocals.

    Args:
        signals: stem -> array, all of one shape; see ``has_accompaniment``.
    """
    if ACCOMPANIMENT in signals:
        return np.asarray(signals[ACCOMPANIMENT], dtype=np.float64)
    rest = [stem for stem in sources_of(signals) if stem != VOCALS]
    if not rest:
        return signals[MIXTURE].astype(np.float64) - signals[VOCALS]
    total = signals[rest[0]].astype(np.float64)
    for stem in rest[1:]:
        total += signals[stem]
    return total
