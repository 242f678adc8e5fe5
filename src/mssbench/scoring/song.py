"""The scores of one song."""

from dataclasses import dataclass

import numpy as np

from mssbench.data.songs import STEMS
from mssbench.scoring.museval_engine import bsseval, frames, silent
from mssbench.scoring.protocol import TARGETS, Protocol
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


def references_of(stems: np.ndarray, grid: str) -> np.ndarray:
    """Return vocals and accompaniment, which is the mixture minus the vocals.

    Args:
        stems: (5, channels, samples) in the order of ``STEMS``.
        grid: ``pcm16`` rounds to the values of 16-bit audio, without clipping; ``float`` does not.

    Returns:
        float64 (targets, channels, samples), in the order of ``TARGETS``.
    """
    mixture, vocals = (
        stems[STEMS.index(stem)].astype(np.float64) for stem in ("mixture", "vocals")
    )
    references = np.stack((vocals, mixture - vocals))
    return np.round(references * PCM16) / PCM16 if grid == "pcm16" else references


def score_song(
    name: str, references: np.ndarray, estimates: np.ndarray, rate: int, protocol: Protocol
) -> SongScores:
    """Score the estimates of one song.

    SI-SDR is computed in museval's windows and is NaN in those in which museval's metrics are.

    Args:
        name: the song.
        references: (targets, channels, samples), in the order of ``TARGETS``.
        estimates: in the same shape.
        rate: sample rate (Hz).
        protocol: how to score.
    """
    window, hop = protocol.samples(rate)
    scores = bsseval(references, estimates, window, hop)
    nothing = [
        f"{kind} of {target}"
        for kind, signals in (("reference", references), ("estimate", estimates))
        for target, is_silent in zip(TARGETS, silent(signals), strict=True)
        if is_silent
    ]
    parts = frames(references.shape[-1], window, hop)
    windows, song = {}, {}
    for number, target in enumerate(TARGETS):
        reference, estimate = references[number], estimates[number]
        windows[target] = {metric: values[number] for metric, values in scores.items()}
        ratios = np.array([si_sdr(reference[:, part], estimate[:, part]) for part in parts])
        ratios[np.isnan(windows[target]["SDR"])] = np.nan
        windows[target]["SI-SDR"] = ratios
        song[target] = {"song SI-SDR": np.nan if nothing else si_sdr(reference, estimate)}
    return SongScores(name, window / rate, hop / rate, windows, song, tuple(nothing))
