"""Scores of estimates that are arrays in memory."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from mssbench.scoring.accompaniment import (
    ACCOMPANIMENT,
    accompaniment_of,
    has_accompaniment,
    sources_of,
)
from mssbench.scoring.problems import problems
from mssbench.scoring.protocol import Protocol
from mssbench.scoring.song import SongScores, references_of, score_song


def score(
    references: Mapping[str, np.ndarray],
    estimates: Mapping[str, np.ndarray],
    rate: int,
    *,
    window: float = 1.0,
    hop: float | None = None,
    grid: Literal["float", "pcm16"] = "float",
    engine: Literal["bss_eval", "museval"] = "bss_eval",
    name: str = "song",
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
        window: length of a window (s).
        hop: distance of two windows (s); by default the window.
        grid: ``pcm16`` rounds the references to the values of 16-bit audio, which makes SIR and
            SAR of resampled audio well-defined; ``float`` takes them as they are.
        engine: ``bss_eval`` is this package's, ``museval`` the package of that name.
        name: what the result calls the song.

    Returns:
        Target -> metric -> values (dB) of windows and of the whole song; NaN where a reference or
        an estimate is silent. `mssbench.scoring.table.score_table` makes a pandas table of them.

    Raises:
        ValueError: the arrays are not alike, a sample is no number, an estimate has no reference,
            there is too little to score, or window, hop or rate are not above 0.
    """
    hop = window if hop is None else hop
    if not (window > 0 and hop > 0 and rate > 0):
        raise ValueError(f"window is {window} s, hop {hop} s, rate {rate} Hz; give numbers above 0")
    true = {stem: signal(f"reference of {stem}", array) for stem, array in references.items()}
    sources = sources_of(true)
    if ACCOMPANIMENT in estimates and ACCOMPANIMENT not in true and has_accompaniment(true):
        check_alike(true)
        true[ACCOMPANIMENT] = accompaniment_of(true)
    made = {
        target: signal(f"estimate of {target}", array)
        for target, array in estimates.items()
        if target != "mixture"
    }
    unknown = [target for target in made if target not in true]
    if unknown:
        raise ValueError(f"no reference of {', '.join(unknown)}; there are {', '.join(true)}")
    posed = problems(sources, made)
    if not posed:
        raise ValueError(
            f"estimates of {', '.join(made) or 'nothing'}; scores need vocals and accompaniment, "
            f"or two or more of {', '.join(sources)}"
        )
    check_alike({f"estimate of {target}": array for target, array in made.items()} | true)
    wanted = list(dict.fromkeys(source for problem in posed for source in problem.sources))
    rounded = references_of([true[w] for w in wanted], wanted, wanted, grid)
    protocol = Protocol(window, hop, grid, engine)
    return score_song(name, posed, rounded, made, rate=rate, protocol=protocol)


def signal(what: str, array: np.ndarray) -> np.ndarray:
    """Return an array as (channels, samples): float32 as it is, others as float64.

    Raises:
        ValueError: it is of another dimension, is empty or has a sample that is no number.
    """
    audio = np.asarray(array)
    if audio.dtype != np.float32:
        audio = audio.astype(np.float64, copy=False)
    if audio.ndim not in (1, 2) or not audio.size:
        raise ValueError(f"{what}: shape {audio.shape}; it must be (channels, samples)")
    if not np.isfinite(audio).all():
        raise ValueError(f"{what}: {np.count_nonzero(~np.isfinite(audio))} samples are no numbers")
    return np.atleast_2d(audio)


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
