"""The scores of one song."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mssbench.scoring.measures import MEASURES, hops
from mssbench.scoring.problems import Problem
from mssbench.scoring.protocol import Protocol
from mssbench.scoring.signals import Signals, Silent
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
    how: dict[str, Any] = {"rate": rate, "protocol": protocol, "mixture": mixture, "kept": kept}
    (scores,) = score_song_of_systems(name, posed, references, [estimates], **how)
    return scores


def score_song_of_systems(
    name: str,
    posed: Sequence[Problem],
    references: Mapping[str, np.ndarray],
    systems: Sequence[Mapping[str, np.ndarray]],
    *,
    rate: int,
    protocol: Protocol,
    mixture: np.ndarray | None = None,
    kept: Path | None = None,
) -> list[SongScores]:
    """Score the estimates that several systems have made of one song, each as ``score_song`` does.

    The engine ``bss_eval`` goes through the references once for all of them; ``systems`` are their
    estimates of the same sources, and the other arguments are those of ``score_song``.
    """
    window, hop = protocol.samples(rate)
    windows: list[dict[str, dict[str, np.ndarray]]] = [{} for _ in systems]
    song: list[dict[str, dict[str, float]]] = [{} for _ in systems]
    nothing: list[dict[str, None]] = [{} for _ in systems]
    for problem in posed:
        truth = together(references, problem.sources)
        estimated = [together(estimates, problem.sources) for estimates in systems]
        mixed = truth.sum(axis=0, dtype=np.float64) if mixture is None else mixture
        bsseval, silent = engine_of(protocol, kept)
        computed = bsseval(truth, estimated, window, hop) if protocol.bsseval else None
        for system, made in enumerate(estimated):
            signals = Signals(truth, made, mixed, rate, window, hop, silent)
            nothing[system] |= dict.fromkeys(silent_throughout(signals, problem.sources))
            scores = computed[system] if computed else {}
            for number, source in enumerate(problem.sources):
                if source in problem.reported:
                    found = measured(signals, number, source, protocol.measures)
                    found |= {metric: values[number] for metric, values in scores.items()}
                    arrays = {m: v for m, v in found.items() if isinstance(v, np.ndarray)}
                    windows[system][source] = arrays
                    song[system][source] = {
                        m: v for m, v in found.items() if not isinstance(v, np.ndarray)
                    }
    every = zip(windows, song, nothing, strict=True)
    return [
        SongScores(name, window / rate, hop / rate, of_windows, of_song, tuple(quiet), hops(rate))
        for of_windows, of_song, quiet in every
    ]


Computed = list[dict[str, np.ndarray]]
"""Of each system SDR, ISR, SIR and SAR, each (sources, windows)."""


def engine_of(protocol: Protocol, kept: Path | None) -> tuple[Callable[..., Computed], Silent]:
    """Return what computes BSSEval of systems, and what is silent to it.

    The first is called with references (sources, channels, samples), a list of estimates, window
    and hop (samples).
    """
    filters = {"framewise_filters": protocol.framewise_filters}
    if protocol.engine == "museval":
        from mssbench.scoring import museval_engine

        def of_systems(
            truth: np.ndarray, systems: list[np.ndarray], window: int, hop: int
        ) -> Computed:
            each = (museval_engine.bsseval(truth, s, window, hop, **filters) for s in systems)
            return list(each)

        return of_systems, museval_engine.silent
    from mssbench.scoring import exact_engine

    how: dict[str, Any] = {**filters, "device": protocol.device, "kept": kept}
    return partial(exact_engine.bsseval_of_systems, **how), exact_engine.silent


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
