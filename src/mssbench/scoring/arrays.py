"""Scores of estimates that are arrays in memory."""

import logging
from collections.abc import Mapping, Sequence
from typing import Unpack

import numpy as np

from mssbench.data.own_songs import MIXTURE
from mssbench.scoring.accompaniment import (
    ACCOMPANIMENT,
    accompaniment_of,
    has_accompaniment,
    sources_of,
)
from mssbench.scoring.array_options import SONG, How, protocol_of
from mssbench.scoring.problems import Problem, problems
from mssbench.scoring.song import SongScores, references_of, score_song_of_systems

log = logging.getLogger(__name__)


def score(
    references: Mapping[str, np.ndarray],
    estimates: Mapping[str, np.ndarray],
    rate: int,
    **how: Unpack[How],
) -> SongScores:
    """Score the estimates of one song as museval does: BSSEval version 4, and SI-SDR beside it.

    What is estimated is scored together: the sources are one problem of BSSEval, vocals and
    accompaniment another (see `mssbench.scoring.problems.problems`). The accompaniment's reference
    is the sum of all sources but the vocals, if ``references`` has none
    (`mssbench.scoring.accompaniment`).

    Args:
        references: stem -> (channels, samples) or (samples,), float, full scale +-1.0; sources
            of any names, and perhaps ``mixture``.
        estimates: target -> its estimate, in the same shape; ``mixture`` is passed over.
        rate: sample rate (Hz).
        **how: how to score, see ``How``.

    Returns:
        Target -> metric -> values of windows and of the whole song, in the unit of the measure
        (dB, or %); NaN where a reference or an estimate is silent.
        `mssbench.scoring.table.score_table` makes a pandas table of them.

    Raises:
        ValueError: the arrays are not alike, a sample is no number, channels and samples are
            swapped, an estimate has no reference, there is too little to score, or an option is
            none that is allowed.
    """
    return score_systems(references, {"": estimates}, rate, **how)[""]


def score_systems(
    references: Mapping[str, np.ndarray],
    systems: Mapping[str, Mapping[str, np.ndarray]],
    rate: int,
    **how: Unpack[How],
) -> dict[str, SongScores]:
    """Score the estimates of one song by several systems, going through its references once.

    The values are those of ``score`` for each system alone, up to rounding (below 1e-9 dB), in a
    part of the time.

    Args:
        references: as for ``score``.
        systems: system -> its estimates as for ``score``, all of the same targets.
        rate: sample rate (Hz).
        **how: how to score, see ``How``.

    Returns:
        System -> its scores as of ``score``.

    Raises:
        ValueError: the systems estimate different targets, or as for ``score``.
    """
    if not rate > 0:
        raise ValueError(f"rate is {rate} Hz; give a number above 0")
    protocol = protocol_of(how)
    true = {stem: signal(f"reference of {stem}", array) for stem, array in references.items()}
    sources = sources_of(true)
    made = {system: estimates_of(system, given) for system, given in systems.items()}
    targets = targets_of(made)
    if ACCOMPANIMENT in targets and ACCOMPANIMENT not in true and has_accompaniment(true):
        check_alike(true)
        true[ACCOMPANIMENT] = accompaniment_of(true)
    posed = posed_of(sources, list(true), targets)
    given = {
        f"{prefix(system)}estimate of {target}": array
        for system, estimates in made.items()
        for target, array in estimates.items()
    }
    mixed = how.get("mixture")
    mixture = None if mixed is None else signal("mixture", mixed)
    check_alike(given | true | ({} if mixture is None else {"mixture": mixture}))
    if mixture is None:
        whole = [MIXTURE] if MIXTURE in true else sources
        mixture = np.stack([true[stem] for stem in whole]).sum(axis=0, dtype=np.float64)
    wanted = list(dict.fromkeys(source for problem in posed for source in problem.sources))
    rounded = references_of([true[w] for w in wanted], wanted, wanted, protocol.references)
    channels = len(next(iter(true.values())))
    if unlike := protocol.unlike(rate, channels):
        log.warning("%s: %s", how.get("name", SONG), unlike)
    scores = score_song_of_systems(
        how.get("name", SONG),
        posed,
        rounded,
        list(made.values()),
        rate=rate,
        protocol=protocol,
        mixture=mixture,
    )
    return dict(zip(made, scores, strict=True))


def prefix(system: str) -> str:
    """Return how a message names a system; nothing for one without a name."""
    return f"{system}: " if system else ""


def estimates_of(system: str, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return a system's estimates but that of the mixture, see ``signal``."""
    return {
        target: signal(f"{prefix(system)}estimate of {target}", array)
        for target, array in given.items()
        if target != MIXTURE
    }


def targets_of(systems: Mapping[str, Mapping[str, np.ndarray]]) -> list[str]:
    """Return the targets that every system has estimates of.

    Raises:
        ValueError: there is no system, or they estimate different targets.
    """
    if not systems:
        raise ValueError("there are no systems to score; give one or more")
    first = next(iter(systems))
    for system, estimates in systems.items():
        if set(estimates) != set(systems[first]):
            raise ValueError(
                f"{first} has estimates of {', '.join(systems[first])}, {system} of "
                f"{', '.join(estimates)}; systems that are scored together need the same targets"
            )
    return list(systems[first])


def posed_of(
    sources: Sequence[str], known: Sequence[str], made: Sequence[str]
) -> tuple[Problem, ...]:
    """Return what is scored together.

    Raises:
        ValueError: an estimate has no reference, or there is too little to score.
    """
    unknown = [target for target in made if target not in known]
    if unknown:
        raise ValueError(f"no reference of {', '.join(unknown)}; there are {', '.join(known)}")
    posed = problems(sources, made)
    if not posed:
        raise ValueError(
            f"estimates of {', '.join(made) or 'nothing'}; scores need vocals and accompaniment, "
            f"or two or more of {', '.join(sources)}"
        )
    return posed


def signal(what: str, array: np.ndarray) -> np.ndarray:
    """Return an array as (channels, samples): float32 as it is, others as float64.

    Raises:
        ValueError: it is of another dimension, is empty, has more channels than samples or a
            sample that is no number.
    """
    audio = np.asarray(array)
    if audio.dtype != np.float32:
        audio = audio.astype(np.float64, copy=False)
    if audio.ndim not in (1, 2) or not audio.size:
        raise ValueError(f"{what}: shape {audio.shape}; it must be (channels, samples)")
    audio = np.atleast_2d(audio)
    channels, samples = audio.shape
    if channels > samples:
        raise ValueError(
            f"{what}: shape {audio.shape} would be {channels} channels of {samples} samples; it "
            f"must be (channels, samples): give its transpose, of shape {audio.T.shape}"
        )
    if not np.isfinite(audio).all():
        raise ValueError(f"{what}: {np.count_nonzero(~np.isfinite(audio))} samples are no numbers")
    return audio


def check_alike(signals: Mapping[str, np.ndarray]) -> None:
    """Refuse arrays of different shapes.

    Raises:
        ValueError: naming two of them and both shapes.
    """
    first = next(iter(signals))
    for name, array in signals.items():
        if array.shape != signals[first].shape:
            raise ValueError(
                f"{first} has the shape {signals[first].shape}, {name} {array.shape}; channels and "
                "samples must be the same"
            )
