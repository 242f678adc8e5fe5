"""What the bass and the harmonic instruments play over the chords."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mssbench.data.synthetic.composition import Score
from mssbench.data.synthetic.instruments import Note

# Lowest pitches (MIDI) of the bass, of chords and of solos. Chords and solos lie where voices do.
LOWEST_BASS, LOWEST_CHORD, LOWEST_SOLO = 28, 50, 60

# Patterns of a bar: start (beats), length (beats), semitones above the root.
BASS_PATTERNS = (
    ((0.0, 4.0, 0),),
    ((0.0, 1.5, 0), (1.5, 0.5, 0), (2.0, 2.0, 0)),
    tuple((0.5 * step, 0.5, 0) for step in range(8)),
    tuple((0.5 * step, 0.5, 12 * (step % 2)) for step in range(8)),
    ((0.0, 1.0, 0), (1.0, 1.0, 0), (2.0, 1.0, 7), (3.0, 1.0, 12)),
    ((0.0, 1.5, 0), (1.5, 1.0, 7), (2.5, 1.5, 12)),
)

# Patterns of a bar: start (beats), length (beats), loudness.
COMPING = (
    ((0.0, 2.0, 1.0), (2.0, 2.0, 0.8)),
    ((0.0, 1.0, 1.0), (1.0, 1.0, 0.7), (2.0, 1.0, 0.9), (3.0, 1.0, 0.7)),
    ((0.5, 0.5, 0.8), (1.5, 0.5, 0.8), (2.5, 0.5, 0.8), (3.5, 0.5, 0.8)),
    ((0.0, 1.5, 1.0), (1.5, 1.5, 0.8), (3.0, 1.0, 0.9)),
    tuple((0.5 * step, 0.5, 1.0 if step % 4 == 0 else 0.6) for step in range(8)),
)


@dataclass(frozen=True)
class Part:
    """A role in the band: a family of instruments and what it plays.

    Args:
        family: a key of FAMILIES.
        notes: what it plays.
        loudness: relative to the other parts of its stem.
    """

    family: str
    notes: tuple[Note, ...]
    loudness: float


def bass_part(rng: np.random.Generator, score: Score) -> Part:
    """Write the bass line: a pattern for calm sections and one for busy ones."""
    calm, busy = (BASS_PATTERNS[int(n)] for n in rng.permutation(len(BASS_PATTERNS))[:2])
    notes = []
    for chord in score.chords:
        pattern = busy if score.section_at(chord.start).energy > 0.65 else calm
        root = LOWEST_BASS + (chord.tones[0] - LOWEST_BASS) % 12
        for start, length, semitones in pattern:
            held = min(length, chord.end - chord.start - start)
            if held > 0:
                loudness = float(rng.uniform(0.85, 1.1))
                notes.append(Note(chord.start + start, held, root + semitones, loudness))
    return Part(str(rng.choice(["finger bass", "synth bass"])), tuple(notes), 1.0)


def harmony_parts(rng: np.random.Generator, score: Score) -> list[Part]:
    """Write the parts of the harmonic instruments.

    One of them plays all through; others join where the song has more energy, and most songs have
    a solo instrument where nobody sings and between the phrases.
    """
    choices: list[tuple[Writer, tuple[str, ...]]] = [
        (sustained, ("organ", "strings", "synth")),
        (comping, ("plucked", "keys", "distorted", "synth", "organ")),
        (arpeggio, ("plucked", "keys", "synth")),
    ]
    order = [choices[int(number)] for number in rng.permutation(len(choices))]
    parts = []
    for number, (write, families) in enumerate(order[: int(rng.integers(2, 4))]):
        least_energy = 0.0 if number == 0 else float(rng.choice([0.0, 0.45, 0.65]))
        notes = tuple(write(rng, score, least_energy))
        parts.append(Part(str(rng.choice(families)), notes, float(rng.uniform(0.5, 1.0))))
    if rng.random() < 0.75:
        family = str(rng.choice(["solo", "plucked", "synth", "solo"]))
        parts.append(Part(family, tuple(solo(rng, score)), float(rng.uniform(0.8, 1.4))))
    return parts


Writer = Callable[[np.random.Generator, Score, float], Iterator[Note]]


def sustained(rng: np.random.Generator, score: Score, least_energy: float) -> Iterator[Note]:
    """Hold each chord."""
    lowest = LOWEST_CHORD + int(rng.integers(0, 8))
    for chord in score.chords:
        if score.section_at(chord.start).energy >= least_energy:
            for pitch in chord.voicing(lowest):
                yield Note(chord.start, chord.end - chord.start, pitch, 0.6)


def comping(rng: np.random.Generator, score: Score, least_energy: float) -> Iterator[Note]:
    """Repeat each chord in a rhythm, its notes a little spread as by a hand."""
    lowest = LOWEST_CHORD + int(rng.integers(0, 10))
    pattern = COMPING[int(rng.integers(len(COMPING)))]
    spread = float(rng.uniform(0.0, 0.025))
    for chord in score.chords:
        if score.section_at(chord.start).energy < least_energy:
            continue
        for start, length, loudness in pattern:
            held = min(length, chord.end - chord.start - start)
            if held <= 0:
                continue
            for number, pitch in enumerate(chord.voicing(lowest)):
                played = 0.6 * loudness * float(rng.uniform(0.85, 1.1))
                yield Note(chord.start + start + number * spread, held, pitch, played)


def arpeggio(rng: np.random.Generator, score: Score, least_energy: float) -> Iterator[Note]:
    """Break each chord into single notes, over two octaves."""
    lowest = LOWEST_CHORD + int(rng.integers(0, 12))
    step = float(rng.choice([0.25, 0.5, 0.5]))
    figure = rng.integers(0, 6, size=8)
    for chord in score.chords:
        if score.section_at(chord.start).energy < least_energy:
            continue
        pitches = chord.voicing(lowest)
        pitches += [pitch + 12 for pitch in pitches]
        for number, start in enumerate(np.arange(chord.start, chord.end, step)):
            pitch = pitches[int(figure[number % len(figure)]) % len(pitches)]
            yield Note(float(start), 2 * step, pitch, float(rng.uniform(0.7, 1.1)))


def solo(rng: np.random.Generator, score: Score) -> Iterator[Note]:
    """Play a tune in sections without voice and fill the rests between phrases."""
    sung = [(phrase.start, phrase.end) for phrase in score.phrases]
    degree = home = score.key.degree_near(LOWEST_SOLO + int(rng.integers(3, 12)))
    beat = 0.0
    while beat < score.beats:
        length = float(rng.choice([0.5, 1.0, 2.0], p=[0.5, 0.35, 0.15]))
        degree += int(rng.integers(-2, 3))
        if abs(degree - home) > 6:
            degree = home
        if beat % 1 == 0:
            tones = score.chord_at(beat).tones
            near = sorted(range(degree - 2, degree + 3), key=lambda near: abs(near - degree))
            degree = next((d for d in near if score.key.pitch(d) % 12 in tones), degree)
        is_free = all(beat + length <= start or beat >= end for start, end in sung)
        if is_free and rng.random() < 0.85:
            yield Note(beat, length, score.key.pitch(degree), float(rng.uniform(0.8, 1.1)))
        beat += length
