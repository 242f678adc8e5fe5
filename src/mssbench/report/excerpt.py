"""Which part of which song stands for a study, and what was estimated there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from mssbench.data.rendition import Rendition, RenditionSong
from mssbench.errors import UserError
from mssbench.report.config import Experiment, ReportConfig
from mssbench.scoring.estimates import read_estimates

SECONDS = 8
STEPS_PER_SECOND = 10  # the loudest place is searched in steps of this share of a second


@dataclass(frozen=True)
class Signal:
    """A part of a signal: the mean of its channels.

    Attributes:
        label: what it is.
        samples: float32 of (samples,); full scale is 1.
        rate: sampling rate in Hz.
    """

    label: str
    samples: np.ndarray
    rate: int


@dataclass(frozen=True)
class Excerpt:
    """The same part of a song's target and of its estimates.

    Attributes:
        song: the song's name.
        start: where the part begins, in seconds.
        target: what is separated, as in ``vocals``.
        mixture: what was separated.
        signals: the true target, then each system's estimate.
    """

    song: str
    start: float
    target: str
    mixture: Signal
    signals: tuple[Signal, ...]


def cut_excerpt(
    definition: Mapping[str, Any],
    config: ReportConfig,
    rendition: Rendition,
    estimates: Mapping[str, Path],
) -> Excerpt:
    """Cut the excerpt that a figure shows.

    The song is the first test song of the rendition and the part is the one in which the target
    has the greatest energy, unless the definition names others.

    Args:
        definition: target (default vocals, or the first source of songs without), seconds
            (default 8), rows (default all) and, instead of the rule, song (a name) and start (s).
        config: the study.
        rendition: holds the true targets.
        estimates: the ``estimates.json`` of each row by its ``separated``. Of an experiment with
            several seeds, the first row is shown.

    Raises:
        UserError: a row, song, target or estimate is unknown.
    """
    target = definition.get("target", default_target(rendition.stems))
    seconds = float(definition.get("seconds", SECONDS))
    song = choose_song(rendition, definition.get("song"))
    stems, rate = rendition.audio(song), rendition.rate
    truth = reference(stems, rendition.stems, target)
    begin = loudest(truth, round(seconds * rate), rate // STEPS_PER_SECOND)
    start = float(definition.get("start", begin / rate))
    if not 0 <= start < song.samples / rate:
        raise UserError(
            f"figures: start is {start:g} s, but {song.name!r} lasts {song.samples / rate:.1f} s; "
            "give a start within the song"
        )
    first, last = round(start * rate), round((start + seconds) * rate)
    mixture = Signal("Mixture", np.asarray(stems[0][:, first:last]).mean(axis=0), rate)
    signals = [Signal(f"True {target}", truth[:, first:last].mean(axis=0), rate)]
    for system in config.experiments(definition.get("rows")):
        if system.rows[0].imported:
            continue  # has scores alone
        file = estimate_file(estimates, system, song, target)
        signals.append(read_part(file, label_of(system), start, seconds))
    return Excerpt(song.name, start, target, mixture, tuple(signals))


def choose_song(rendition: Rendition, name: str | None) -> RenditionSong:
    """Return the song called ``name``, or the first test song.

    Raises:
        UserError: there is no such song, or no test song.
    """
    if name is not None:
        return rendition.by_name(name)
    tests = [song for song in rendition.songs if song.subset == "test"]
    if not tests:
        raise UserError(f"{rendition.folder}: the rendition has no test song; name a song")
    return tests[0]


def default_target(names: Sequence[str]) -> str:
    """Return what is shown of songs with these stems: the vocals, else the first source."""
    return "vocals" if "vocals" in names else names[1]


def reference(stems: np.ndarray, names: Sequence[str], target: str) -> np.ndarray:
    """Return the true ``target`` of a song: (channels, samples).

    Args:
        stems: (stems, channels, samples).
        names: of the stems, the mixture first.
        target: a stem, or ``accompaniment``, which is what the mixture holds besides the vocals.

    Raises:
        UserError: the target is unknown.
    """
    if target in names:
        return np.asarray(stems[names.index(target)])
    has_vocals = "vocals" in names
    if target != "accompaniment" or not has_vocals:
        allowed = ", ".join([*names, *(["accompaniment"] if has_vocals else [])])
        raise UserError(f"figures: unknown target {target!r}; allowed are {allowed}")
    difference: np.ndarray = stems[0] - stems[names.index("vocals")]
    return difference


def loudest(audio: np.ndarray, length: int, step: int) -> int:
    """Return where the part of ``length`` samples with the greatest energy begins.

    Args:
        audio: (channels, samples).
        length: length of the part in samples.
        step: begins are multiples of this many samples; the earliest of equals is taken.
    """
    return int(np.argmax(window_energies(audio, length, step))) * step


def window_energies(audio: np.ndarray, length: int, step: int) -> np.ndarray:
    """Return the energy of every part of ``length`` samples that begins at a multiple of ``step``.

    Args:
        audio: (channels, samples).
        length: length of a part in samples, counted in whole steps. A shorter audio is one part.
        step: distance of two begins in samples.
    """
    blocks = audio.shape[1] // step
    whole = audio[:, : blocks * step].reshape(len(audio), blocks, step)
    energy = np.einsum("cbs,cbs->b", whole, whole, dtype=np.float64)
    upto = np.concatenate([[0.0], np.cumsum(energy)])
    width = min(length // step, blocks)
    energies: np.ndarray = upto[width:] - upto[: blocks - width + 1]
    return energies


def estimate_file(
    estimates: Mapping[str, Path], system: Experiment, song: RenditionSong, target: str
) -> Path:
    """Return the file of a system's estimate.

    Raises:
        UserError: the system has no estimates, or they lack the song or the target.
    """
    listed = listed_estimates(estimates, system)
    for entry in read_estimates(listed):
        if entry.name == song.name and target in entry.files:
            entry.check(target)
            return entry.files[target]
    raise UserError(f"{listed}: no {target} of {song.name!r}; separate the songs again")


def listed_estimates(estimates: Mapping[str, Path], system: Experiment) -> Path:
    """Return the ``estimates.json`` of a system, the first of its seeds.

    Raises:
        UserError: there is none.
    """
    name = system.rows[0].separated
    if name not in estimates:
        found = ", ".join(sorted(estimates)) or "none"
        raise UserError(
            f"--estimates: there is none called {name!r}, but {found}; give the estimates.json "
            "of every row, in a folder of its name or as NAME=PATH"
        )
    return estimates[name]


def read_part(file: Path, label: str, start: float, seconds: float) -> Signal:
    """Read ``seconds`` of an audio file from ``start`` (s), the channels averaged.

    Raises:
        UserError: the file cannot be read.
    """
    try:
        with soundfile.SoundFile(file) as audio:
            audio.seek(min(round(start * audio.samplerate), audio.frames))
            count = round((start + seconds) * audio.samplerate) - audio.tell()
            samples = audio.read(count, dtype="float32", always_2d=True).mean(axis=1)
            return Signal(label, samples, audio.samplerate)
    except soundfile.LibsndfileError as error:
        raise UserError(f"{file}: cannot be read ({error}); separate the songs again") from None


def label_of(system: Experiment) -> str:
    """Return the system's label, with the seed where it has several."""
    several: Sequence[Any] = system.rows[1:]
    return f"{system.label} (seed {system.rows[0].turn})" if several else system.label
