"""Keys, scales and chords."""

from dataclasses import dataclass

import numpy as np

# Semitones above the tonic.
SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}

# Common progressions of popular music, as degrees of the scale (0 is the tonic's chord).
PROGRESSIONS = {
    "major": (
        (0, 4, 5, 3),
        (0, 5, 3, 4),
        (5, 3, 0, 4),
        (0, 3, 4, 3),
        (0, 3, 5, 4),
        (3, 4, 2, 5),
        (0, 4, 1, 3),
        (0, 2, 3, 4),
    ),
    "minor": (
        (0, 5, 2, 6),
        (0, 6, 5, 6),
        (0, 3, 6, 2),
        (0, 5, 3, 4),
        (5, 6, 0, 0),
        (0, 2, 6, 3),
        (0, 3, 5, 4),
    ),
}


@dataclass(frozen=True)
class Chord:
    """A chord and when it sounds.

    Args:
        start: in beats.
        end: in beats.
        tones: pitch classes (0 is C), the root first.
    """

    start: float
    end: float
    tones: tuple[int, ...]

    def voicing(self, lowest: int) -> list[int]:
        """Return the chord's pitches (MIDI) in close position from ``lowest`` upwards."""
        return sorted(lowest + (tone - lowest) % 12 for tone in self.tones)


@dataclass(frozen=True)
class Key:
    """A tonic and its scale.

    Args:
        tonic: pitch class, 0 is C.
        mode: ``major`` or ``minor``.
    """

    tonic: int
    mode: str

    def pitch(self, degree: int) -> int:
        """Return the pitch (MIDI) of a degree; degree 0 is the tonic of the lowest octave."""
        octave, step = divmod(degree, 7)
        return self.tonic + 12 * octave + SCALES[self.mode][step]

    def degree_near(self, pitch: float) -> int:
        """Return the degree whose pitch is next to ``pitch`` (MIDI)."""
        return min(range(7 * 11), key=lambda degree: abs(self.pitch(degree) - pitch))

    def chord(self, degree: int, seventh: bool) -> tuple[int, ...]:
        """Return the pitch classes of the chord of thirds on ``degree``."""
        return tuple(self.pitch(degree + third) % 12 for third in (0, 2, 4, 6)[: 3 + seventh])

    def draw_progression(self, rng: np.random.Generator) -> tuple[int, ...]:
        """Choose a chord progression (degrees) that fits the mode."""
        choices = PROGRESSIONS[self.mode]
        return choices[int(rng.integers(len(choices)))]


def draw_key(rng: np.random.Generator) -> Key:
    """Choose a key."""
    return Key(int(rng.integers(12)), str(rng.choice(list(SCALES))))
