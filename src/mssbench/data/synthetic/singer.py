"""The singer's physique and habits, and the voice's spectrum that follows from them."""

from dataclasses import dataclass
from typing import Self

import numpy as np

# Formants above the third change little between vowels (Hz, for a man's vocal tract).
UPPER_FORMANTS = (3400.0, 4500.0, 5500.0, 6500.0, 7500.0, 8500.0)

BANDWIDTHS = (70.0, 90.0, 120.0, 150.0, 180.0, 220.0, 260.0, 300.0, 340.0)  # of the formants (Hz)

# Harmonics end here, where a voice has turned to noise.
HIGHEST_HARMONIC = 7500.0


@dataclass(frozen=True)
class Singer:
    """How one singer sounds.

    Args:
        size: factor on all formants; about 1 for a man, 1.2 for a woman.
        open_quotient: share of each cycle in which the glottis is open; high sounds soft.
        brightness: where the glottal source's second -6 dB/octave sets in (Hz).
        vibrato_rate: in Hz.
        vibrato_depth: amplitude in semitones.
        portamento: length of the glide between notes (s).
        breathiness: amplitude of the breath noise relative to the voice.
        drift: standard deviation of the slow error of pitch, in semitones.
    """

    size: float
    open_quotient: float
    brightness: float
    vibrato_rate: float
    vibrato_depth: float
    portamento: float
    breathiness: float
    drift: float

    @classmethod
    def draw(cls, rng: np.random.Generator, register: float) -> Self:
        """Invent a singer for a register (MIDI, the middle of the range)."""
        return cls(
            size=float(np.interp(register, [50, 68], [0.96, 1.18]) + rng.normal(0, 0.04)),
            open_quotient=float(rng.uniform(0.45, 0.75)),
            brightness=float(rng.uniform(3000, 12000)),
            vibrato_rate=float(rng.uniform(4.6, 6.6)),
            vibrato_depth=float(rng.uniform(0.15, 0.8)),
            portamento=float(rng.uniform(0.04, 0.13)),
            breathiness=float(rng.uniform(0.008, 0.04)),
            drift=float(rng.uniform(0.04, 0.12)),
        )

    def harmonics(
        self, f0: np.ndarray, effort: np.ndarray, formants: np.ndarray, rate: int
    ) -> np.ndarray:
        """Return the complex amplitude of each harmonic over time.

        The glottal source is a pole pair at the glottal formant, of maximum phase, and a pole for
        the spectral tilt (Doval, d'Alessandro and Henrich, The voice source as a causal/anticausal
        linear filter, VOQUAL 2003). The vocal tract is a cascade of resonances.

        Args:
            f0: (frames,) in Hz.
            effort: (frames,) about 1; a louder voice is brighter.
            formants: (frames, 3) in Hz, before scaling by the singer's size.
            rate: sample rate (Hz), which bounds the harmonics.

        Returns:
            (frames, harmonics), complex64, scaled to a root mean square near 1.
        """
        highest = min(HIGHEST_HARMONIC, 0.45 * rate)
        count = max(1, int(highest / f0.min()))
        f0, effort = f0.astype(np.float32), effort.astype(np.float32)
        frequency = f0[:, None] * np.arange(1, count + 1, dtype=np.float32)
        glottal = f0[:, None] / (2 * self.open_quotient)
        source = frequency / (glottal**2 - frequency**2 - 1j * frequency * glottal)
        source = source / (1 + 1j * frequency / (self.brightness * (0.4 + 0.6 * effort[:, None])))
        upper = np.broadcast_to(UPPER_FORMANTS, (len(f0), len(UPPER_FORMANTS)))
        resonances = np.hstack([formants, upper]).astype(np.float32)
        tract = np.ones_like(source)
        for formant, bandwidth in zip(resonances.T, BANDWIDTHS, strict=True):
            centre = self.size * formant[:, None]
            # A harmonic on a narrow formant would ring out; losses grow with pitch.
            width = bandwidth + 0.25 * f0[:, None]
            tract *= centre**2 / (centre**2 - frequency**2 + 1j * frequency * width)
        amplitudes = source * tract * np.clip((highest - frequency) / (0.15 * highest), 0, 1)
        loudness = np.sqrt(0.5 * np.sum(np.abs(amplitudes) ** 2, axis=1, keepdims=True))
        # Singers even out the vowels' loudness, yet not quite.
        amplitudes /= loudness**0.6 * np.median(loudness) ** 0.4
        return amplitudes
