"""Sung phrases: a rhythm, a tune over the chords, and syllables grouped to words."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mssbench.data.synthetic.scale import Chord, Key
from mssbench.data.synthetic.speech import CONSONANTS, VOWELS

# The longest stretch between two rests, in seconds: a breath.
LONGEST_CELL = 5.5

NOTE_BEATS = (0.5, 1.0, 1.5, 2.0)

# Steps of the tune along the scale, and how often each is taken.
STEPS = (-3, -2, -1, 0, 1, 2, 3)
STEP_SHARES = (0.05, 0.14, 0.24, 0.14, 0.24, 0.14, 0.05)


@dataclass(frozen=True)
class Syllable:
    """A consonant, or none, and a vowel sung on one note.

    Args:
        start: in beats; the consonant begins here.
        end: in beats.
        pitch: MIDI note number.
        accent: relative loudness, about 1.
        consonant: a key of CONSONANTS, or "" for none.
        vowels: keys of VOWELS at the vowel's start and end; they differ in a diphthong.
    """

    start: float
    end: float
    pitch: int
    accent: float
    consonant: str
    vowels: tuple[str, str]


@dataclass(frozen=True)
class Phrase:
    """What is sung in one breath.

    Args:
        words: each of one or more syllables; short gaps divide some of them.
    """

    words: tuple[tuple[Syllable, ...], ...]

    @property
    def syllables(self) -> list[Syllable]:
        """The syllables of all words, in order."""
        return [syllable for word in self.words for syllable in word]

    @property
    def start(self) -> float:
        """Start in beats."""
        return self.words[0][0].start

    @property
    def end(self) -> float:
        """End in beats."""
        return self.words[-1][-1].end


def sing_section(
    tune: np.random.Generator,
    words: np.random.Generator,
    key: Key,
    chords: Sequence[Chord],
    *,
    centre: float,
    beat: float,
) -> list[Phrase]:
    """Write the phrases of a section, with a rest behind each.

    Args:
        tune: decides rhythm and pitches: equal for the repetitions of a chorus.
        words: decides the syllables.
        key: of the song.
        chords: of the section, without gaps.
        centre: middle of the singer's range here (MIDI).
        beat: length of a beat (s).
    """
    start, end = chords[0].start, chords[-1].end
    cell = 8 if 8 * beat <= LONGEST_CELL else 4
    count = max(1, round((end - start) / cell))
    bounds = np.floor(np.linspace(start, end, count + 1))
    phrases = []
    for first, last in pairwise(bounds.tolist()):
        rest = 0.5 * round(2 * tune.uniform(0.1, 0.22) * (last - first))
        rhythm = draw_rhythm(tune, last - first - max(rest, 0.5), beat)
        onsets = first + np.concatenate([[0.0], np.cumsum(rhythm)])
        pitches = draw_tune(tune, key, chords, onsets[:-1], centre)
        phrases.append(Phrase(tuple(set_words(words, onsets, pitches, beat))))
    return phrases


def draw_rhythm(rng: np.random.Generator, beats: float, beat: float) -> list[float]:
    """Fill ``beats`` with note lengths in beats; slow songs have more short notes."""
    weights = (0.62, 0.28, 0.06, 0.04) if beat > 0.55 else (0.42, 0.38, 0.1, 0.1)
    rhythm: list[float] = []
    while (left := beats - sum(rhythm)) > 0.25:
        # What is left after the note is nothing or a note's length.
        rhythm.append(min(float(rng.choice(NOTE_BEATS, p=weights)), left))
    return rhythm


def draw_tune(
    rng: np.random.Generator, key: Key, chords: Sequence[Chord], onsets: np.ndarray, centre: float
) -> list[int]:
    """Walk along the scale near ``centre``; notes on strong beats belong to the chord."""
    home = key.degree_near(centre)
    degree = home + int(rng.integers(-2, 3))
    pitches = []
    for number, onset in enumerate(onsets):
        step = int(rng.choice(STEPS, p=STEP_SHARES))
        # The further from home, the stronger the way back.
        if rng.random() < abs(degree - home) / 6:
            step = -abs(step) if degree > home else abs(step)
        degree += step
        chord = next(chord for chord in reversed(chords) if chord.start <= onset + 1e-6)
        if onset % 2 == 0 or number == len(onsets) - 1:
            near = sorted(range(degree - 2, degree + 3), key=lambda near: abs(near - degree))
            degree = next((d for d in near if key.pitch(d) % 12 in chord.tones), degree)
        pitches.append(key.pitch(degree))
    return pitches


def set_words(
    rng: np.random.Generator, onsets: np.ndarray, pitches: list[int], beat: float
) -> list[tuple[Syllable, ...]]:
    """Put words of one to three syllables on the notes.

    Args:
        rng: decides the sounds.
        onsets: the notes' starts and the end of the last, in beats.
        pitches: of the notes (MIDI).
        beat: length of a beat (s).
    """
    words: list[tuple[Syllable, ...]] = []
    note = 0
    while note < len(pitches):
        length = min(int(rng.choice([1, 2, 3], p=[0.5, 0.35, 0.15])), len(pitches) - note)
        word = []
        for number in range(note, note + length):
            start, end = float(onsets[number]), float(onsets[number + 1])
            if number == note + length - 1 and rng.random() < 0.6:
                end -= min(rng.uniform(0.04, 0.12) / beat, 0.3 * (end - start))
            vowel = str(rng.choice(list(VOWELS)))
            glide = str(rng.choice(list(VOWELS))) if rng.random() < 0.25 else vowel
            consonant = str(rng.choice(["", *CONSONANTS]))
            accent = float(rng.uniform(0.75, 1.1) + (0.15 if start % 2 == 0 else 0.0))
            word.append(Syllable(start, end, pitches[number], accent, consonant, (vowel, glide)))
        words.append(tuple(word))
        note += length
    return words
