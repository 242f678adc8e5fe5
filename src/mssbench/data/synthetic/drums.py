"""Drums: single strokes of a kit that is made for each song, and the patterns they play."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mssbench.data.synthetic.composition import BEATS_PER_BAR, Score
from mssbench.data.synthetic.grooves import CALM, GROOVES, STEPS, section_strokes
from mssbench.data.synthetic.mixing import impulse_response, pan, reverberate
from mssbench.data.synthetic.noise import band_noise

VARIANTS = 2  # of a noisy drum, as no two strokes are alike

LOUDNESS = {
    "kick": 1.0,
    "snare": 0.8,
    "clap": 0.7,
    "tom": 0.7,
    "hat": 0.3,
    "shaker": 0.2,
    "ride": 0.25,
    "crash": 0.45,
}


@dataclass(frozen=True)
class Kit:
    """The strokes of a song's drums.

    Args:
        strokes: variants of each drum, each (2, samples) with the room's answer.
    """

    strokes: dict[str, list[np.ndarray]]


def make_kit(rng: np.random.Generator, rate: int) -> Kit:
    """Invent a kit, a place for each drum and a room."""
    room = impulse_response(rng, float(rng.uniform(0.2, 0.7)), rate)
    wet = np.float32(rng.uniform(0.05, 0.3))
    strokes: dict[str, list[np.ndarray]] = {}
    for name, make in DRUMS.items():
        # Kick and snare stay near the middle, as in most records.
        side = float(rng.uniform(-1, 1)) * (0.1 if name in ("kick", "snare") else 0.7)
        drys = [np.pad(dry / np.abs(dry).max(), (0, room.shape[1])) for dry in make(rng, rate)]
        echo = wet * reverberate(drys[0].astype(np.float32), room)
        strokes[name] = [pan(dry.astype(np.float32), side) + echo for dry in drys]
    return Kit(strokes)


def play(rng: np.random.Generator, score: Score, kit: Kit, samples: int, rate: int) -> np.ndarray:
    """Render the drums of a song.

    Each section keeps a groove, calm ones a simple one; a fill may lead to the next section, and a
    crash may open it.

    Returns:
        (2, samples) float32.
    """
    verse, chorus = (GROOVES[int(number)] for number in rng.permutation(len(GROOVES))[:2])
    swing = float(rng.choice([0.0, 0.0, 0.12, 0.25]))
    track = np.zeros((2, samples), dtype=np.float32)
    for section in score.sections:
        groove = CALM if section.energy < 0.45 else chorus if section.energy > 0.9 else verse
        strokes = section_strokes(rng, section, groove)
        for drum, step, loudness in strokes:
            late = swing * (int(step) % 2) + 0.03 * rng.standard_normal()
            beat = section.start + (step + late) * BEATS_PER_BAR / STEPS
            first = max(0, round(beat * score.beat * rate))
            variants = kit.strokes[drum]
            stroke = variants[int(rng.integers(len(variants)))][:, : max(0, samples - first)]
            gain = np.float32(LOUDNESS[drum] * loudness * rng.uniform(0.85, 1.1))
            track[:, first : first + stroke.shape[1]] += gain * stroke
    return track


def _time(seconds: float, rate: int) -> np.ndarray:
    return np.arange(round(seconds * rate), dtype=np.float32) / rate


def _sweep(time: np.ndarray, start: float, end: float, fall: float) -> np.ndarray:
    """Return a sine whose frequency falls exponentially (Hz, time constant in s)."""
    cycles = end * time + (start - end) * fall * (1 - np.exp(-time / fall))
    return np.sin(2 * np.pi * cycles)


def _kick(rng: np.random.Generator, rate: int) -> list[np.ndarray]:
    time = _time(0.4, rate)
    body = _sweep(time, rng.uniform(120, 260), rng.uniform(42, 62), rng.uniform(0.02, 0.05))
    body *= np.exp(-time / rng.uniform(0.07, 0.16))
    click = band_noise(rng, len(time), rate, 1500, 6000) * np.exp(-time / 0.004)
    return [body + rng.uniform(0.04, 0.2) * click]


def _snare(rng: np.random.Generator, rate: int) -> list[np.ndarray]:
    time = _time(0.4, rate)
    tone = _sweep(time, rng.uniform(240, 330), rng.uniform(160, 220), 0.02)
    tone *= np.exp(-time / rng.uniform(0.04, 0.1))
    low, fall, share = rng.uniform(600, 1800), rng.uniform(0.05, 0.13), rng.uniform(0.2, 0.6)
    rattle = np.exp(-time / fall)
    return [
        tone + share * rattle * band_noise(rng, len(time), rate, low, 9000) for _ in range(VARIANTS)
    ]


def _clap(rng: np.random.Generator, rate: int) -> list[np.ndarray]:
    time = _time(0.35, rate)
    hands = sum(np.exp(-np.abs(time - late) / 0.004) for late in (0.0, 0.011, 0.023))
    envelope = hands + (time > 0.023) * np.exp(-(time - 0.023) / rng.uniform(0.04, 0.1))
    return [envelope * band_noise(rng, len(time), rate, 900, 5000) for _ in range(VARIANTS)]


def _tom(rng: np.random.Generator, rate: int) -> list[np.ndarray]:
    time = _time(0.5, rate)
    fade = np.exp(-time / rng.uniform(0.1, 0.2))
    pitch = rng.uniform(80, 120)
    return [fade * _sweep(time, 1.8 * pitch * up, pitch * up, 0.03) for up in (1.0, 1.3, 1.6)]


def _metal(
    rng: np.random.Generator, rate: int, low: float, fall: float, seconds: float
) -> list[np.ndarray]:
    """Return strokes of a cymbal: noise and partials without a common fundamental."""
    time = _time(seconds, rate)
    partials = rng.uniform(low, 11000, size=12)
    partials = partials[partials < 0.45 * rate]
    ring = sum(np.sin(float(2 * np.pi * p) * time + 2 * np.pi * rng.random()) for p in partials)
    fade = np.exp(-time / fall)
    return [
        fade * (band_noise(rng, len(time), rate, low, 15000) + 0.15 * ring) for _ in range(VARIANTS)
    ]


def _hat(rng: np.random.Generator, rate: int) -> list[np.ndarray]:
    return _metal(rng, rate, rng.uniform(5000, 7500), rng.uniform(0.015, 0.06), 0.3)


def _shaker(rng: np.random.Generator, rate: int) -> list[np.ndarray]:
    time = _time(0.15, rate)
    swish = np.minimum(time / 0.025, 1) * np.exp(-time / 0.03)
    return [swish * band_noise(rng, len(time), rate, 4000, 9000) for _ in range(VARIANTS)]


def _ride(rng: np.random.Generator, rate: int) -> list[np.ndarray]:
    return _metal(rng, rate, rng.uniform(2500, 4000), rng.uniform(0.2, 0.5), 1.2)


def _crash(rng: np.random.Generator, rate: int) -> list[np.ndarray]:
    return _metal(rng, rate, rng.uniform(1500, 3000), rng.uniform(0.4, 0.9), 2.0)


DRUMS: dict[str, Callable[[np.random.Generator, int], list[np.ndarray]]] = {
    "kick": _kick,
    "snare": _snare,
    "clap": _clap,
    "tom": _tom,
    "hat": _hat,
    "shaker": _shaker,
    "ride": _ride,
    "crash": _crash,
}
