"""The same excerpt of a song's mixture, true targets and estimates, brought to one loudness."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import soundfile

from mssbench.data.rendition import Rendition, RenditionSong
from mssbench.errors import UserError
from mssbench.report.config import Experiment
from mssbench.report.excerpt import estimate_file, listed_estimates, reference
from mssbench.report.listening.choice import choose_start
from mssbench.report.listening.config import Listening
from mssbench.report.listening.loudness import loudness
from mssbench.scoring.estimates import read_estimates

# What is nearly silent is not made an even match by force: its noise would be all one hears.
MOST_GAIN = 20.0  # dB

MIXTURE = "mixture"


@dataclass(frozen=True)
class Stem:
    """What is heard of one source.

    Attributes:
        audio: float32 of (channels, samples); full scale is 1, which may be exceeded.
        rate: sample rate (Hz).
        loudness: its own, in LUFS; minus infinity where it is silent.
        gain: what brings it to the loudness of the true target, in dB.
        limited: whether that would take more than ``MOST_GAIN``.
    """

    audio: np.ndarray
    rate: int
    loudness: float
    gain: float = 0.0
    limited: bool = False


@dataclass(frozen=True)
class HeardSong:
    """The excerpt of one song.

    Attributes:
        name: the song.
        start: where it begins, in seconds.
        seconds: its length.
        sources: the mixture, the true targets, then each system: its stems by target.
    """

    name: str
    start: float
    seconds: float
    sources: tuple[dict[str, Stem], ...]

    @cached_property
    def level(self) -> float:
        """Return the factor, at most 1, with which no source clips, whichever stems are heard."""
        peak = 1.0
        for stems in self.sources:
            gains = [max(1.0, 10 ** (stem.gain / 20)) for stem in stems.values()]
            sizes = [
                np.abs(stem.audio) * gain for stem, gain in zip(stems.values(), gains, strict=True)
            ]
            peak = max(peak, float(np.max(sum(sizes), initial=0.0)))
        return 1 / peak


def common_targets(
    systems: Sequence[Experiment], estimates: Mapping[str, Path], asked: Sequence[str] | None
) -> list[str]:
    """Return what is heard of each system: what is asked for, or else what all estimate.

    Raises:
        UserError: nothing is estimated by all, or a system has no estimates.
    """
    if asked:
        return list(asked)
    there = [read_estimates(listed_estimates(estimates, system))[0].files for system in systems]
    common = [target for target in there[0] if all(target in files for files in there)]
    if not common:
        raise UserError("listening: its rows have no target in common; name targets or other rows")
    return common


def hear_song(
    song: RenditionSong,
    rendition: Rendition,
    systems: Sequence[Experiment],
    *,
    estimates: Mapping[str, Path],
    targets: Sequence[str],
    listening: Listening,
) -> HeardSong:
    """Cut a song's excerpt where its first target is loud, and match the estimates' loudness.

    Args:
        song: of the rendition.
        rendition: holds mixture and true targets.
        systems: whose estimates are heard. Of several seeds, it is the first.
        estimates: the ``estimates.json`` of each system by its ``separated``.
        targets: what is heard of each. A system may lack some of them.
        listening: length and seed.

    Raises:
        UserError: a target is unknown, estimates are missing or cannot be read, or hold a sample
            that is no number.
    """
    stems, rate = rendition.audio(song), rendition.rate
    first_target = reference(stems, rendition.stems, targets[0])
    start = choose_start(first_target, listening.seconds, rate, listening.seed, song.name)
    end = min(start + listening.seconds, song.samples / rate)
    part = stems[:, :, round(start * rate) : round(end * rate)]
    mixture, truth = np.array(part[0]), {}
    for target in targets:
        audio = np.array(reference(part, rendition.stems, target))
        truth[target] = Stem(audio, rate, loudness(audio, rate))
    sources = [{MIXTURE: Stem(mixture, rate, loudness(mixture, rate))}, truth]
    for system in systems:
        listed = {
            entry.name: entry.files for entry in read_estimates(listed_estimates(estimates, system))
        }
        there = [target for target in targets if target in listed.get(song.name, {})]
        if not there:
            estimate_file(estimates, system, song, targets[0])  # says what is missing
        sources.append(
            {
                target: matched(*read_stereo(listed[song.name][target], start, end), truth[target])
                for target in there
            }
        )
    return HeardSong(song.name, start, end - start, tuple(sources))


def matched(audio: np.ndarray, rate: int, truth: Stem) -> Stem:
    """Return an estimate with the gain that gives it the loudness of the true target.

    Where one of the two is silent, the gain is 0 dB.
    """
    own = loudness(audio, rate)
    difference = truth.loudness - own
    if not math.isfinite(difference):
        return Stem(audio, rate, own)
    gain = max(-MOST_GAIN, min(difference, MOST_GAIN))
    return Stem(audio, rate, own, gain, limited=gain != difference)


def read_stereo(file: Path, start: float, end: float) -> tuple[np.ndarray, int]:
    """Read an audio file from ``start`` to ``end`` (s): (channels, samples) and the rate.

    Raises:
        UserError: the file cannot be read or holds a sample that is no number.
    """
    try:
        with soundfile.SoundFile(file) as opened:
            rate: int = opened.samplerate
            first, last = (min(round(time * rate), opened.frames) for time in (start, end))
            opened.seek(first)
            audio: np.ndarray = opened.read(last - first, dtype="float32", always_2d=True).T
    except soundfile.LibsndfileError as error:
        raise UserError(f"{file}: cannot be read ({error}); separate the songs again") from None
    if not np.isfinite(audio).all():
        raise UserError(f"{file}: it holds samples that are NaN or infinite; train the model anew")
    return audio, rate
