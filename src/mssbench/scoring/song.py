"""The scores of one song."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mssbench.scoring.framing import frames
from mssbench.scoring.problems import Problem
from mssbench.scoring.protocol import Protocol
from mssbench.scoring.si_sdr import si_sdr

PCM16 = 2**15


@dataclass(frozen=True)
class SongScores:
    """The scores of one song.

    Attributes:
        name: the song.
        window: length of a window (s).
        hop: distance of two windows (s).
        windows: target -> metric -> one score a window (dB); SDR, ISR, SIR, SAR and SI-SDR.
        song: target -> metric -> the whole song's score (dB).
        silent: what is silent throughout, as in ``"estimate of vocals"``; then all scores are NaN.
    """

    name: str
    window: float
    hop: float
    windows: dict[str, dict[str, np.ndarray]]
    song: dict[str, dict[str, float]]
    silent: tuple[str, ...]


def references_of(
    stems: np.ndarray, names: Sequence[str], wanted: Sequence[str], grid: str
) -> dict[str, np.ndarray]:
    """Return true sources; the accompaniment is the mixture minus the vocals.

    Args:
        stems: (stems, channels, samples).
        names: of the stems, ``mixture`` among them.
        wanted: which sources.
        grid: ``pcm16`` rounds to the values of 16-bit audio, without clipping; ``float`` does not.

    Returns:
        Source -> float64 (channels, samples).
    """
    of = dict(zip(names, stems, strict=True))
    references = {}
    for name in wanted:
        if name == "accompaniment" and name not in of:
            wave = of["mixture"].astype(np.float64) - of["vocals"]
        else:
            wave = of[name].astype(np.float64)
        references[name] = np.round(wave * PCM16) / PCM16 if grid == "pcm16" else wave
    return references


def score_song(
    name: str,
    posed: Sequence[Problem],
    references: Mapping[str, np.ndarray],
    estimates: Mapping[str, np.ndarray],
    *,
    rate: int,
    protocol: Protocol,
) -> SongScores:
    """Score the estimates of one song.

    SI-SDR is computed in BSSEval's windows and is NaN in those in which BSSEval's metrics are. What
    is silent is the engine's to say.

    Args:
        name: the song.
        posed: which of its estimates are scored together.
        references: source -> (channels, samples).
        estimates: source -> its estimate, in the same shape.
        rate: sample rate (Hz).
        protocol: how to score.
    """
    if protocol.engine == "museval":
        from mssbench.scoring.museval_engine import bsseval, silent
    else:
        from mssbench.scoring.exact_engine import bsseval, silent
    window, hop = protocol.samples(rate)
    windows: dict[str, dict[str, np.ndarray]] = {}
    song: dict[str, dict[str, float]] = {}
    nothing: dict[str, None] = {}
    for problem in posed:
        truth = np.stack([references[source] for source in problem.sources])
        estimated = np.stack([estimates[source] for source in problem.sources])
        scores = bsseval(truth, estimated, window, hop)
        quiet = {
            f"{kind} of {source}": None
            for kind, signals in (("reference", truth), ("estimate", estimated))
            for source, is_silent in zip(problem.sources, silent(signals), strict=True)
            if is_silent
        }
        nothing |= quiet
        for number, source in enumerate(problem.sources):
            if source in problem.reported:
                of_source = {metric: values[number] for metric, values in scores.items()}
                ratios = si_sdr_of(truth[number], estimated[number], window, hop)
                ratios[np.isnan(of_source["SDR"])] = np.nan
                windows[source] = of_source | {"SI-SDR": ratios}
                whole = np.nan if quiet else si_sdr(truth[number], estimated[number])
                song[source] = {"song SI-SDR": whole}
    return SongScores(name, window / rate, hop / rate, windows, song, tuple(nothing))


def si_sdr_of(reference: np.ndarray, estimate: np.ndarray, window: int, hop: int) -> np.ndarray:
    """Return the SI-SDR (dB) in each of museval's windows of two (channels, samples) signals."""
    parts = frames(reference.shape[-1], window, hop)
    return np.array([si_sdr(reference[:, part], estimate[:, part]) for part in parts])
