"""Timbres of pitched instruments, drawn anew for each song."""

from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Timbre:
    """How an instrument's tones sound: a sum of partials, each with its decay.

    Args:
        slope: of the partials' amplitudes (dB an octave).
        even: factor on even partials: near 0 sounds hollow.
        stretch: inharmonicity, as of stiff strings: partial k lies at k sqrt(1 + stretch k^2).
        attack: time to full loudness (s).
        decay: rate at which the fundamental fades (1/s); 0 holds the tone.
        damping: how much faster each further partial fades (1/s).
        release: time constant after the tone's end (s).
        detune: between two equal voices (cents); 0 is one voice.
        vibrato: amplitude (cents).
        vibrato_rate: in Hz.
        drive: into a soft clipper; 0 leaves the tone clean.
        body: resonances of the instrument's body: frequency (Hz) and amplitude.
    """

    slope: float
    even: float = 1.0
    stretch: float = 0.0
    attack: float = 0.005
    decay: float = 0.0
    damping: float = 0.0
    release: float = 0.06
    detune: float = 0.0
    vibrato: float = 0.0
    vibrato_rate: float = 5.5
    drive: float = 0.0
    body: tuple[tuple[float, float], ...] = ()

    @classmethod
    def draw(cls, rng: np.random.Generator, family: str) -> Self:
        """Invent an instrument of a family of FAMILIES."""
        values = {name: float(rng.uniform(*bounds)) for name, bounds in FAMILIES[family].items()}
        body = tuple(
            (float(rng.uniform(250, 3500)), float(rng.uniform(0.5, 2.5)))
            for _ in range(rng.integers(0, 4))
        )
        return cls(body=body, **values)


# Bounds between which a song draws its instrument.
FAMILIES: dict[str, dict[str, tuple[float, float]]] = {
    "plucked": {
        "slope": (-9, -5),
        "stretch": (0, 4e-4),
        "decay": (0.7, 2.0),
        "damping": (0.1, 0.5),
        "release": (0.05, 0.1),
    },
    "keys": {
        "slope": (-13, -8),
        "even": (0.4, 1),
        "stretch": (0, 3e-4),
        "decay": (0.4, 1.2),
        "damping": (0.1, 0.3),
        "release": (0.08, 0.15),
    },
    "organ": {
        "slope": (-9, -4),
        "even": (0.2, 1),
        "attack": (0.01, 0.03),
        "vibrato": (0, 10),
        "vibrato_rate": (5.5, 7),
    },
    "strings": {
        "slope": (-8, -5),
        "attack": (0.06, 0.2),
        "release": (0.1, 0.2),
        "detune": (6, 18),
        "vibrato": (5, 20),
        "vibrato_rate": (4.8, 6.2),
    },
    "synth": {
        "slope": (-8, -5),
        "even": (0.05, 1),
        "attack": (0.005, 0.05),
        "decay": (0.1, 1.0),
        "damping": (0.02, 0.3),
        "detune": (5, 20),
    },
    "distorted": {
        "slope": (-7, -5),
        "decay": (0.25, 0.5),
        "damping": (0.02, 0.06),
        "drive": (2, 6),
    },
    "solo": {
        "slope": (-8, -4),
        "even": (0.1, 1),
        "attack": (0.02, 0.06),
        "vibrato": (10, 45),
        "vibrato_rate": (4.8, 6.5),
    },
    "finger bass": {
        "slope": (-11, -7),
        "stretch": (0, 2e-4),
        "decay": (0.5, 1.2),
        "damping": (0.1, 0.4),
    },
    "synth bass": {
        "slope": (-9, -6),
        "even": (0.1, 1),
        "decay": (0.2, 0.8),
        "damping": (0.05, 0.5),
        "drive": (0, 1.5),
    },
}
