"""Pitched instruments: tones as sums of decaying partials, and tracks of tones."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from mssbench.data.synthetic.timbre import Timbre

MOST_PARTIALS = 32
HIGHEST_PARTIAL = 8000.0  # Hz
BODY_WIDTH = 0.35  # octaves


@dataclass(frozen=True)
class Note:
    """A note of a part.

    Args:
        start: in beats.
        length: in beats.
        pitch: MIDI note number.
        loudness: about 1.
    """

    start: float
    length: float
    pitch: int
    loudness: float = 1.0


@dataclass
class Instrument:
    """Renders tones; equal tones are computed once.

    Args:
        timbre: how it sounds.
        rate: sample rate (Hz).
    """

    timbre: Timbre
    rate: int
    _tones: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)

    def play(self, notes: Iterable[Note], beat: float, samples: int) -> np.ndarray:
        """Render a part.

        Args:
            notes: in any order.
            beat: length of a beat (s).
            samples: length of the result; notes beyond are cut.

        Returns:
            (samples,) float32.
        """
        track = np.zeros(samples, dtype=np.float32)
        for note in notes:
            first = max(0, round(note.start * beat * self.rate))
            tone = self.tone(note.pitch, round(note.length * beat * self.rate))
            heard = tone[: max(0, samples - first)]
            track[first : first + len(heard)] += np.float32(note.loudness) * heard
        return track

    def tone(self, pitch: int, samples: int) -> np.ndarray:
        """Return a tone with a root mean square of about 1 at its loudest, float32.

        Args:
            pitch: MIDI note number.
            samples: until its release, which the result also holds.
        """
        if (pitch, samples) not in self._tones:
            self._tones[pitch, samples] = self._render(440 * 2 ** ((pitch - 69) / 12), samples)
        return self._tones[pitch, samples]

    def _render(self, f0: float, samples: int) -> np.ndarray:
        timbre = self.timbre
        length = samples + round(5 * timbre.release * self.rate)
        time = np.arange(length, dtype=np.float32) / np.float32(self.rate)
        damping = np.exp(-np.float32(timbre.damping) * time)
        wave, tone = np.zeros(length, dtype=np.float32), np.empty(length, dtype=np.float32)
        for cents in (-timbre.detune / 2, timbre.detune / 2) if timbre.detune else (0.0,):
            cycles = self._cycles(f0 * 2 ** (cents / 1200), length)
            fading = np.exp(-np.float32(timbre.decay) * time)
            for partial, amplitude in self._partials(f0):
                # A phase of its own for each partial keeps the crests of the cycle low.
                np.multiply(cycles, np.float32(2 * np.pi * partial), out=tone)
                tone += np.float32(3.9 * partial)
                np.sin(tone, out=tone)
                tone *= fading
                tone *= np.float32(amplitude)
                wave += tone
                if timbre.damping:
                    fading *= damping
        if timbre.drive:
            wave = np.tanh(np.float32(timbre.drive) * wave) / np.float32(np.tanh(timbre.drive))
        wave *= np.minimum(1, time / np.float32(timbre.attack))
        wave[samples:] *= np.exp(-time[: length - samples] / np.float32(timbre.release))
        return wave

    def _partials(self, f0: float) -> list[tuple[float, float]]:
        """Return each partial's frequency, in multiples of ``f0``, and amplitude."""
        timbre, highest = self.timbre, min(HIGHEST_PARTIAL, 0.45 * self.rate)
        number = np.arange(1, MOST_PARTIALS + 1)
        partials = number * np.sqrt(1 + timbre.stretch * number**2)
        amplitudes = 10 ** (timbre.slope * np.log2(number) / 20)
        amplitudes[1::2] *= timbre.even
        for centre, gain in timbre.body:
            distance = np.log2(partials * f0 / centre) / BODY_WIDTH
            amplitudes *= 1 + gain * np.exp(-(distance**2))
        amplitudes *= (partials * f0 < highest) * (1 - (number / (MOST_PARTIALS + 1)) ** 4)
        amplitudes /= np.sqrt((2 if timbre.detune else 1) * 0.5 * np.sum(amplitudes**2))
        return [(p, a) for p, a in zip(partials, amplitudes, strict=True) if a > 2e-3]

    def _cycles(self, f0: float, length: int) -> np.ndarray:
        """Return the fundamental's cycles since the start, float32."""
        time = np.arange(length) / self.rate
        cycles = f0 * time
        if self.timbre.vibrato:
            rate, depth = self.timbre.vibrato_rate, self.timbre.vibrato / 1200 * np.log(2)
            swing = f0 * depth / (2 * np.pi * rate) * np.clip(time / 0.4, 0, 1)
            cycles += swing * np.sin(2 * np.pi * rate * time)
        if not self.timbre.stretch:
            # Whole cycles change nothing for harmonic partials, and float32 is finer near 0.
            cycles -= np.floor(cycles)
        return cycles.astype(np.float32)
