"""A song from its seed: the score, its sources, and their mix."""

import math
from dataclasses import dataclass
from functools import reduce

import numpy as np

from mssbench.data.songs import SOURCES, SUBSETS
from mssbench.data.synthetic import drums
from mssbench.data.synthetic.arrangement import Part, bass_part, harmony_parts
from mssbench.data.synthetic.composition import Score, compose
from mssbench.data.synthetic.instruments import Instrument
from mssbench.data.synthetic.mixing import (
    FULL_SCALE,
    decibels,
    gate,
    impulse_response,
    pan,
    quantised_mix,
    reverberate,
    root_mean_square,
)
from mssbench.data.synthetic.names import MOST_SONGS, song_name
from mssbench.data.synthetic.singer import Singer
from mssbench.data.synthetic.timbre import Timbre
from mssbench.data.synthetic.voice import BREATH_BEFORE, sing
from mssbench.errors import UserError

SHORTEST = 4.0  # s
LOWEST_RATE, HIGHEST_RATE = 16000, 96000  # Hz

# The voice's level below the sum of the other sources while it sings (dB).
VOICE_BELOW = (3.0, 9.0)


@dataclass(frozen=True)
class Settings:
    """What decides a synthetic data set.

    Args:
        train_songs: how many songs to train with.
        test_songs: how many songs to test with.
        seconds: length of each song.
        test_seconds: length of each test song, where it is another.
        seed: decides every note; song k of a subset does not depend on how many songs there are.
        rate: sample rate (Hz).

    Raises:
        UserError: a value is out of its bounds.
    """

    train_songs: int
    test_songs: int
    seconds: float
    seed: int = 0
    rate: int = 44100
    test_seconds: float | None = None

    def __post_init__(self) -> None:
        _check("train_songs", self.train_songs, 0, MOST_SONGS)
        _check("test_songs", self.test_songs, 0, MOST_SONGS)
        _check("seconds", self.seconds, SHORTEST, 3600)
        if self.test_seconds is not None:
            _check("test_seconds", self.test_seconds, SHORTEST, 3600)
        _check("seed", self.seed, 0, 2**63)
        _check("rate", self.rate, LOWEST_RATE, HIGHEST_RATE)
        if self.train_songs + self.test_songs == 0:
            raise UserError("synthetic data set: no songs asked for; ask for at least one")

    def seconds_of(self, subset: str) -> float:
        """Return the length of each song of ``train`` or ``test``."""
        if subset == "test" and self.test_seconds is not None:
            return self.test_seconds
        return self.seconds

    def samples_of(self, subset: str) -> int:
        """Return the length of each song of ``train`` or ``test`` in samples."""
        return round(self.seconds_of(subset) * self.rate)

    def songs(self, subset: str) -> int:
        """Return the number of songs of ``train`` or ``test``."""
        return {"train": self.train_songs, "test": self.test_songs}[subset]


def _check(name: str, found: float, least: float, most: float) -> None:
    if not (math.isfinite(found) and least <= found <= most):
        raise UserError(
            f"synthetic data set: {name} is {found:g}; it must lie between {least:g} and {most:g}"
        )


def render_song(settings: Settings, index: int, subset: str) -> tuple[str, dict[str, np.ndarray]]:
    """Render a song.

    The vocals are exactly zero for at least two seconds. The mixture is the exact sum of the four
    sources, each of whole 16-bit steps.

    Args:
        settings: seed, length and rate count.
        index: number of the song in its subset, from 0 on.
        subset: ``train`` or ``test``.

    Returns:
        The name ``Artist - Title`` and, for each of STEMS, float32 of (2, samples) below 1.
    """
    stems = render_pcm(settings, index, subset)
    audio = {stem: np.float32(1 / FULL_SCALE) * track for stem, track in stems.items()}
    return song_name(settings.seed, subset, index), audio


def render_pcm(settings: Settings, index: int, subset: str) -> dict[str, np.ndarray]:
    """Render a song as ``render_song`` does, to int16 of (2, samples) for each of STEMS."""
    seeds = np.random.SeedSequence(settings.seed, spawn_key=(SUBSETS.index(subset), index))
    streams = [np.random.default_rng(child) for child in seeds.spawn(len(SOURCES) + 2)]
    composer, drummer, bassist, band, vocalist, engineer = streams
    score = compose(composer, settings.seconds_of(subset))
    samples, rate = settings.samples_of(subset), settings.rate
    sources = {
        "drums": drums.play(drummer, score, drums.make_kit(drummer, rate), samples, rate),
        "bass": render_bass(bassist, score, samples, rate),
        "other": render_band(band, score, samples, rate),
        "vocals": render_vocals(vocalist, score, samples, rate),
    }
    balance(engineer, sources, score, rate)
    return quantised_mix(sources, peak=float(engineer.uniform(0.5, 0.95)))


def render_part(
    rng: np.random.Generator, part: Part, beat: float, samples: int, rate: int
) -> np.ndarray:
    """Return a part played on an instrument of its family: (samples,) float32."""
    return Instrument(Timbre.draw(rng, part.family), rate).play(part.notes, beat, samples)


def render_bass(rng: np.random.Generator, score: Score, samples: int, rate: int) -> np.ndarray:
    """Return the bass, (2, samples) float32, dry and near the middle as records have it."""
    track = render_part(rng, bass_part(rng, score), score.beat, samples, rate)
    return pan(track, float(rng.uniform(-0.15, 0.15)))


def render_band(rng: np.random.Generator, score: Score, samples: int, rate: int) -> np.ndarray:
    """Return the harmonic instruments in their room, (2, samples) float32."""
    dry = np.zeros((2, samples), dtype=np.float32)
    send = np.zeros(samples, dtype=np.float32)
    for part in harmony_parts(rng, score):
        track = render_part(rng, part, score.beat, samples, rate)
        track *= np.float32(part.loudness)
        dry += pan(track, float(rng.uniform(-0.7, 0.7)))
        send += np.float32(rng.uniform(0.1, 0.4)) * track
    room = impulse_response(rng, float(rng.uniform(0.5, 2.0)), rate)
    return dry + reverberate(send, room)


def render_vocals(rng: np.random.Generator, score: Score, samples: int, rate: int) -> np.ndarray:
    """Return the voice in its room, (2, samples) float32; the room is silenced in long rests."""
    singer = Singer.draw(rng, score.register)
    dry = sing(rng, score, singer, samples, rate)
    tail, send = float(rng.uniform(0.5, 2.0)), np.float32(rng.uniform(0.08, 0.4))
    track = reverberate(send * dry, impulse_response(rng, tail, rate))
    track += pan(dry, float(rng.uniform(-0.2, 0.2)))
    spans = [(phrase.start * score.beat, phrase.end * score.beat) for phrase in score.phrases]
    track *= gate(spans, samples, rate, fade_in=BREATH_BEFORE, fade_out=min(tail, 1.0))
    return track


def balance(
    rng: np.random.Generator, sources: dict[str, np.ndarray], score: Score, rate: int
) -> None:
    """Set the sources' levels and fade the song out, in place."""
    band = {"drums": rng.uniform(-3, 3), "bass": rng.uniform(-4, 2), "other": rng.uniform(-2, 2)}
    for name, level in band.items():
        sources[name] *= np.float32(decibels(level) / root_mean_square(sources[name]))
    sung = [
        slice(round(phrase.start * score.beat * rate), round(phrase.end * score.beat * rate))
        for phrase in score.phrases
    ]
    behind = [reduce(np.add, (sources[name][:, span] for name in band)) for span in sung]
    voice = [sources["vocals"][:, span] for span in sung]
    ratio = root_mean_square(np.hstack(behind)) / root_mean_square(np.hstack(voice))
    sources["vocals"] *= np.float32(ratio * decibels(-rng.uniform(*VOICE_BELOW)))
    samples = sources["vocals"].shape[1]
    length = round(min(0.05 * samples, 2.0 * rate))
    fade = np.linspace(1, 0, length, dtype=np.float32)
    for track in sources.values():
        track[:, samples - length :] *= fade
