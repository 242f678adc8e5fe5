"""The scores of one song."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mssbench.scoring.measures import MEASURES, hops
from mssbench.scoring.problems import Problem
from mssbench.scoring.protocol import Protocol
from mssbench.scoring.signals import Signals
from mssbench.scoring.tracks import Tracks, gathered, together

PCM16 = 2**15


@dataclass(frozen=True)
class SongScores:
    """The scores of one song.

    Attributes:
        name: the song.
        window: length of a window (s).
        hop: distance of two windows (s).
        windows: target -> metric -> one score a window, in the unit of the measure.
        song: target -> metric -> the whole song's score, likewise.
        silent: what is silent throughout, as in ``"estimate of vocals"``; then scores are NaN but
            those of silence itself and uSDR's.
        hops: metric -> distance of two windows (s) where the metric has others than ``hop``.
    """

    name: str
    window: float
    hop: float
    windows: dict[str, dict[str, np.ndarray]]
    song: dict[str, dict[str, float]]
    silent: tuple[str, ...]
    hops: dict[str, float] = field(default_factory=dict)


def references_of(
    stems: np.ndarray | Sequence[np.ndarray],
    names: Sequence[str],
    wanted: Sequence[str],
    grid: str,
) -> Tracks:
    """Return true sources; the accompaniment is the mixture minus the vocals.

    Args:
        stems: (stems, channels, samples).
        names: of the stems, ``mixture`` among them where the accompaniment is not.
        wanted: which sources.
        grid: ``pcm16`` rounds to the values of 16-bit audio, without clipping; ``float`` does not.

    Returns:
        Source -> (channels, samples), float32 where that holds the values of all, else float64.
    """
    of = dict(zip(names, stems, strict=True))

    def waves() -> Iterator[np.ndarray]:
        for name in wanted:
            if name == "accompaniment" and name not in of:
                wave = of["mixture"].astype(np.float64) - of["vocals"]
            else:
                wave = np.asarray(of[name])
            yield on_pcm16_grid(wave) if grid == "pcm16" else wave

    return gathered(wanted, waves())


def on_pcm16_grid(wave: np.ndarray) -> np.ndarray:
    """Return samples rounded to the values of 16-bit audio, without clipping, in their type."""
    rounded = wave * PCM16
    np.round(rounded, out=rounded)
    rounded /= PCM16
    return rounded


def score_song(
    name: str,
    posed: Sequence[Problem],
    references: Mapping[str, np.ndarray],
    estimates: Mapping[str, np.ndarray],
    *,
    rate: int,
    protocol: Protocol,
    mixture: np.ndarray | None = None,
    kept: Path | None = None,
) -> SongScores:
    """Score the estimates of one song.

    Ratios in windows are NaN in those in which a source or an estimate is silent, as BSSEval's
    are. What is silent is the engine's to say.

    Args:
        name: the song.
        posed: which of its estimates are scored together.
        references: source -> (channels, samples).
        estimates: source -> its estimate, in the same shape.
        rate: sample rate (Hz).
        protocol: how to score.
        mixture: (channels, samples); default: the sum of a problem's sources.
        kept: a folder of what the engine ``bss_eval`` needs of the references, for all systems.
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
        truth = together(references, problem.sources)
        estimated = together(estimates, problem.sources)
        mixed = truth.sum(axis=0, dtype=np.float64) if mixture is None else mixture
        signals = Signals(truth, estimated, mixed, rate, window, hop, silent)
        nothing |= dict.fromkeys(silent_throughout(signals, problem.sources))
        scores: dict[str, np.ndarray] = {}
        if protocol.bsseval:
            how = {"device": protocol.device, "kept": kept} if protocol.engine == "bss_eval" else {}
            scores = bsseval(truth, estimated, window, hop, protocol.framewise_filters, **how)
        for number, source in enumerate(problem.sources):
            if source in problem.reported:
                found = measured(signals, number, source, protocol.measures)
                found |= {metric: values[number] for metric, values in scores.items()}
                windows[source] = {m: v for m, v in found.items() if isinstance(v, np.ndarray)}
                song[source] = {m: v for m, v in found.items() if not isinstance(v, np.ndarray)}
    return SongScores(name, window / rate, hop / rate, windows, song, tuple(nothing), hops(rate))


def silent_throughout(signals: Signals, sources: Sequence[str]) -> list[str]:
    """Return what of a problem is silent throughout, as in ``"estimate of vocals"``."""
    return [
        f"{kind} of {source}"
        for kind, waves in (("reference", signals.truth), ("estimate", signals.estimates))
        for source, is_silent in zip(sources, signals.silent(waves), strict=True)
        if is_silent
    ]


def measured(
    signals: Signals, number: int, source: str, measures: Sequence[str]
) -> dict[str, np.ndarray | float]:
    """Return the values of the measures, but BSSEval's, for one source.

    Args:
        signals: of the problem.
        number: the source's place in it.
        source: its name.
        measures: the names of those wanted; one that is not defined for the source has no value.
    """
    wanted = [name for name in measures if MEASURES[name].target in ("", source)]
    families = dict.fromkeys(MEASURES[name].of for name in wanted)
    found: dict[str, np.ndarray | float] = {}
    for family in families:
        if family is not None:
            found |= family(signals, number)
    return {name: value for name, value in found.items() if name in wanted}
