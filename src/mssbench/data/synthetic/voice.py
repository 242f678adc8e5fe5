"""A singing voice: harmonics of a glottal source, shaped by moving formants, and noise.

The voice is computed in the frequency domain of its own harmonics: pitch, loudness and formants
move on a slow clock of frames, and each harmonic takes its amplitude and phase from them.
"""

from dataclasses import dataclass

import numpy as np

from mssbench.data.synthetic.composition import Score
from mssbench.data.synthetic.melody import Syllable
from mssbench.data.synthetic.noise import band_noise
from mssbench.data.synthetic.singer import Singer
from mssbench.data.synthetic.speech import CONSONANTS, NOISES, VOWELS

FRAMES_PER_SECOND = 250

FRAMES_IN_CACHE = 64  # harmonics are summed over as many frames at a time

BREATH_BEFORE = 0.3  # s: the singer breathes in before a phrase
RELEASE = 0.07  # s

NOISE_SECONDS = 2.0

Noises = dict[str, np.ndarray]


@dataclass(frozen=True)
class Contours:
    """How a phrase moves, frame by frame.

    Args:
        pitch: (frames,) in MIDI note numbers.
        amplitude: (frames,) of the voice.
        formants: (frames, 3) in Hz.
        noises: amplitude of each noise of NOISES, (frames,).
    """

    pitch: np.ndarray
    amplitude: np.ndarray
    formants: np.ndarray
    noises: dict[str, np.ndarray]


def sing(
    rng: np.random.Generator, score: Score, singer: Singer, samples: int, rate: int
) -> np.ndarray:
    """Render what a song's singer sings.

    Args:
        rng: decides errors of pitch and the noises.
        score: of the song.
        singer: who sings.
        samples: length of the result.
        rate: sample rate (Hz).

    Returns:
        (samples,) float32, with a root mean square near 1 while a vowel sounds and exactly zero
        from the end of a phrase to the breath before the next.
    """
    track = np.zeros(samples, dtype=np.float32)
    noises = make_noises(rng, rate)
    hop = rate // FRAMES_PER_SECOND
    for phrase in score.phrases:
        start = phrase.start * score.beat - BREATH_BEFORE
        end = phrase.end * score.beat + RELEASE
        first = max(0, round(start * rate))
        times = first / rate + np.arange(round((end - start) * rate / hop) + 1) * hop / rate
        contours = draw_contours(rng, phrase.syllables, score.beat, singer, times)
        voice = render(rng, contours, singer, noises, rate)
        last = min(samples, first + len(voice))
        track[first:last] += voice[: last - first]
    return track


def draw_contours(
    rng: np.random.Generator,
    syllables: list[Syllable],
    beat: float,
    singer: Singer,
    times: np.ndarray,
) -> Contours:
    """Turn syllables into contours at ``times`` (s)."""
    starts = beat * np.array([syllable.start for syllable in syllables])
    note = np.clip(np.searchsorted(starts, times, side="right") - 1, 0, None)
    pitch = np.array([syllable.pitch for syllable in syllables], dtype=float)[note]
    pitch = smooth(pitch, singer.portamento)
    swell = np.clip((times - starts[note] - 0.2) / 0.3, 0, 1)
    wobble = np.sin(2 * np.pi * (singer.vibrato_rate * times + rng.random()))
    pitch += singer.vibrato_depth * swell * wobble
    pitch += singer.drift * slow_noise(rng, len(times), 0.15)

    noises = {kind: np.zeros(len(times)) for kind in NOISES}
    contours = Contours(pitch, np.zeros(len(times)), np.empty((len(times), 3)), noises)
    corners = [corner for s in syllables for corner in articulate(s, beat, times, contours)]
    at = [time for time, _ in corners]
    for number, targets in enumerate(zip(*(formants for _, formants in corners), strict=True)):
        contours.formants[:, number] = smooth(np.interp(times, at, targets), 0.04)
    if rng.random() < 0.6:
        breath = trapezoid(times, times[0], starts[0] - 0.08, 0.18, 0.05)
        noises["breath"] += rng.uniform(0.03, 0.12) * breath
    noises["breath"] += singer.breathiness * contours.amplitude
    contours.amplitude[:] *= 1 + 0.05 * slow_noise(rng, len(times), 0.05)
    return contours


def articulate(
    syllable: Syllable, beat: float, times: np.ndarray, contours: Contours
) -> list[tuple[float, tuple[float, ...]]]:
    """Add a syllable to the amplitudes of voice and noises.

    Returns:
        Corners of the formants' course: times (s) and first three formants (Hz).
    """
    start, end = syllable.start * beat, syllable.end * beat
    onset, amplitude = start, contours.amplitude
    corners: list[tuple[float, tuple[float, ...]]] = []
    if syllable.consonant:
        consonant = CONSONANTS[syllable.consonant]
        onset += min(consonant.seconds, 0.4 * (end - start))
        voiced = consonant.voicing * trapezoid(times, start, onset, 0.02, 0.02)
        np.maximum(amplitude, syllable.accent * voiced, out=amplitude)
        if consonant.noise:
            since = onset - 0.015 if consonant.burst else start
            noise = trapezoid(times, since, onset, 0.004 if consonant.burst else 0.03, 0.02)
            contours.noises[consonant.noise] += consonant.noise_gain * noise
        corners += [(start, consonant.formants), (onset - 0.01, consonant.formants)]
    vowel = syllable.accent * trapezoid(times, onset, end, 0.03, RELEASE - 0.01)
    np.maximum(amplitude, vowel, out=amplitude)
    first, last = (VOWELS[vowel] for vowel in syllable.vowels)
    return [*corners, (onset + 0.04, first), (max(end - 0.05, onset + 0.05), last)]


def render(
    rng: np.random.Generator, contours: Contours, singer: Singer, noises: Noises, rate: int
) -> np.ndarray:
    """Compute the samples of a phrase from its contours, float32."""
    hop = rate // FRAMES_PER_SECOND
    f0 = 440 * 2 ** ((contours.pitch - 69) / 12)
    effort = contours.amplitude
    amplitudes = effort[:, None] * singer.harmonics(f0, effort, contours.formants, rate)
    cycles = np.cumsum(ramp(f0 / rate, hop))
    phase = (2 * np.pi * (cycles - np.floor(cycles))).astype(np.float32)
    voice = sum_harmonics(phase, amplitudes.astype(np.complex64), hop)
    for kind, envelope in contours.noises.items():
        if not envelope.any():
            continue
        start = int(rng.integers(len(noises[kind])))
        noise = noises[kind].take(np.arange(start, start + len(voice)), mode="wrap")
        noise *= ramp(envelope, hop)
        if kind == "breath":
            # Air rushes through the glottis while it is open.
            noise *= 1 + 0.6 * np.cos(phase)
        voice += noise
    return voice


def sum_harmonics(phase: np.ndarray, amplitudes: np.ndarray, hop: int) -> np.ndarray:
    """Add up harmonics whose complex amplitudes move linearly from frame to frame.

    Args:
        phase: of the fundamental (radians), (hop * (frames - 1),) float32.
        amplitudes: (frames, harmonics) complex64.
        hop: samples between frames.

    Returns:
        The real part of the sum, as long as ``phase``, float32.
    """
    voice = np.empty((len(amplitudes) - 1, hop), dtype=np.float32)
    fraction = np.arange(hop, dtype=np.float32)[:, None] / hop
    for first in range(0, len(voice), FRAMES_IN_CACHE):
        frames = slice(first, first + FRAMES_IN_CACHE)
        # Frames lie along the last axis: amplitudes are then multiplied element by element.
        angle = phase.reshape(voice.shape)[frames].T
        turn = np.empty(angle.shape, dtype=np.complex64)
        turn.real, turn.imag = np.cos(angle), np.sin(angle)
        starts = amplitudes[:-1][frames].T.copy()
        steps = amplitudes[1:][frames].T - starts
        harmonic, product = turn.copy(), np.empty_like(turn)
        constant, linear = np.zeros_like(turn), np.zeros_like(turn)
        for number in range(np.count_nonzero(starts.any(axis=1) | steps.any(axis=1))):
            constant += np.multiply(harmonic, starts[number], out=product)
            linear += np.multiply(harmonic, steps[number], out=product)
            harmonic *= turn
        voice[frames] = (constant.real + fraction * linear.real).T
    return voice.reshape(-1)


def make_noises(rng: np.random.Generator, rate: int) -> Noises:
    """Return the noises of speech, each of root mean square 1, to be read in a loop."""
    samples = round(NOISE_SECONDS * rate)
    return {kind: band_noise(rng, samples, rate, *band) for kind, band in NOISES.items()}


def trapezoid(
    times: np.ndarray, start: float, end: float, attack: float, release: float
) -> np.ndarray:
    """Return an envelope from 0 to 1 to 0 that rises from ``start`` and falls from ``end`` on."""
    top = max(end, start + attack)
    return np.interp(times, [start, start + attack, top, top + release], [0.0, 1.0, 1.0, 0.0])


def ramp(frames: np.ndarray, hop: int) -> np.ndarray:
    """Interpolate linearly between frames: (frames,) to (hop * (frames - 1),) float64."""
    fraction = np.arange(hop) / hop
    return (frames[:-1, None] + np.diff(frames)[:, None] * fraction).reshape(-1)


def smooth(track: np.ndarray, seconds: float) -> np.ndarray:
    """Convolve a track of frames with a Hann window of ``seconds``; its ends are continued."""
    half = max(1, round(seconds * FRAMES_PER_SECOND / 2))
    window = np.hanning(2 * half + 3)[1:-1]
    padded = np.pad(track, half, mode="edge")
    return np.convolve(padded, window / window.sum(), mode="valid")


def slow_noise(rng: np.random.Generator, frames: int, seconds: float) -> np.ndarray:
    """Return noise of standard deviation 1 that moves within about ``seconds``."""
    half = max(1, round(seconds * FRAMES_PER_SECOND / 2))
    window = np.hanning(2 * half + 3)[1:-1]
    noise = rng.standard_normal(frames + 2 * half)
    return np.convolve(noise, window / np.sqrt(np.sum(window**2)), mode="valid")
