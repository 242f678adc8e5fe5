"""A song's score: tempo, key, sections, chords and the sung phrases.

Times are in beats from the start of the song, pitches in MIDI note numbers (69 is A4, 440 Hz).
"""

import math
from dataclasses import dataclass

import numpy as np

from mssbench.data.synthetic.melody import Phrase, sing_section
from mssbench.data.synthetic.scale import Chord, Key, draw_key

BEATS_PER_BAR = 4

# The instrumental start must leave two silent seconds before the singer breathes in.
SHORTEST_INTRO = 2.5

# Shorter songs keep to fast tempos, where the beat allows a short intro.
SHORT_SONG = 12.0

SUNG = ("verse", "chorus", "sung bridge")

# From this many bars on, a form and the relative lengths of its sections.
FORMS = (
    (28, "intro:3 verse:8 chorus:6 verse:8 chorus:6 bridge:4 chorus:8 outro:3"),
    (28, "intro:4 verse:8 verse:8 chorus:8 bridge:4 chorus:8 sung_bridge:4 chorus:4 outro:4"),
    (8, "intro:2 verse:4 chorus:4 bridge:1 chorus:2 outro:1"),
    (8, "intro:2 verse:5 chorus:5 outro:2"),
    (8, "intro:1 verse:3 bridge:1 verse:3 chorus:2 outro:1"),
    (0, "intro:1 verse:3"),
)

# How densely the band plays, 0 to 1.
ENERGY = {
    "intro": 0.3,
    "verse": 0.6,
    "chorus": 1.0,
    "bridge": 0.7,
    "sung bridge": 0.5,
    "outro": 0.4,
}


@dataclass(frozen=True)
class Section:
    """A part of the form.

    Args:
        kind: ``intro``, ``verse``, ``chorus``, ``bridge``, ``sung bridge`` or ``outro``.
        start: in beats.
        end: in beats.
    """

    kind: str
    start: float
    end: float

    @property
    def is_sung(self) -> bool:
        """Whether the singer takes part."""
        return self.kind in SUNG

    @property
    def energy(self) -> float:
        """How densely the band plays, 0 to 1."""
        return ENERGY[self.kind]


@dataclass(frozen=True)
class Score:
    """What the band and the singer play.

    Args:
        tempo: beats a minute.
        beats: length of the song.
        register: the middle of the singer's range (MIDI).
        key: tonic and scale.
        sections: without gaps, from 0 to ``beats``.
        chords: without gaps, from 0 to ``beats``.
        phrases: what is sung, in order.
    """

    tempo: float
    beats: float
    register: float
    key: Key
    sections: tuple[Section, ...]
    chords: tuple[Chord, ...]
    phrases: tuple[Phrase, ...]

    @property
    def beat(self) -> float:
        """Length of a beat (s)."""
        return 60 / self.tempo

    def section_at(self, beat: float) -> Section:
        """Return the section in which ``beat`` lies."""
        return next(section for section in reversed(self.sections) if section.start <= beat)

    def chord_at(self, beat: float) -> Chord:
        """Return the chord that sounds at ``beat``."""
        return next(chord for chord in reversed(self.chords) if chord.start <= beat)


def compose(rng: np.random.Generator, seconds: float) -> Score:
    """Invent a song.

    The first section is instrumental for at least 2.5 s. From 6 s on, the sung phrases cover more
    than 35 % of the song.

    Args:
        rng: decides everything.
        seconds: length of the song, at least 4.
    """
    tempo = float(rng.uniform(112 if seconds < SHORT_SONG else 70, 150))
    register = float(rng.uniform(49, 68))
    key = draw_key(rng)
    sections = lay_out(rng, seconds, tempo)
    chords = harmonise(rng, key, sections)
    tunes = {section.kind: int(rng.integers(2**32)) for section in sections}
    phrases: list[Phrase] = []
    for section in sections:
        if section.is_sung:
            centre = register + (2.5 if section.kind == "chorus" else 0.0)
            inside = [chord for chord in chords if section.start <= chord.start < section.end]
            tune = np.random.default_rng(tunes[section.kind])
            phrases += sing_section(tune, rng, key, inside, centre=centre, beat=60 / tempo)
    beats = seconds * tempo / 60
    return Score(tempo, beats, register, key, sections, chords, tuple(phrases))


def lay_out(rng: np.random.Generator, seconds: float, tempo: float) -> tuple[Section, ...]:
    """Divide a song into sections of whole bars, or of whole beats where it has few bars."""
    beats = seconds * tempo / 60
    bars = beats / BEATS_PER_BAR
    least = max(least for least, _ in FORMS if least <= bars)
    form = str(rng.choice([form for bound, form in FORMS if bound == least]))
    words = [word.split(":") for word in form.split()]
    grid = BEATS_PER_BAR if least else 1
    shares = np.cumsum([float(weight) for _, weight in words])
    ends = grid * np.round(shares / shares[-1] * beats / grid)
    ends[0] = max(ends[0], grid * math.ceil(SHORTEST_INTRO * tempo / 60 / grid))
    ends = np.minimum(np.maximum.accumulate(ends), beats)
    ends[-1] = beats
    starts = [0.0, *ends[:-1]]
    return tuple(
        Section(kind.replace("_", " "), float(start), float(end))
        for (kind, _), start, end in zip(words, starts, ends, strict=True)
        if end > start
    )


def harmonise(
    rng: np.random.Generator, key: Key, sections: tuple[Section, ...]
) -> tuple[Chord, ...]:
    """Give each bar a chord; sections of one kind share a progression, as do intro and verse."""
    verse = key.draw_progression(rng)
    progressions = {"intro": verse, "verse": verse, "outro": verse}
    sevenths = bool(rng.random() < 0.35)
    chords = []
    for section in sections:
        if section.kind not in progressions:
            progressions[section.kind] = key.draw_progression(rng)
        progression = progressions[section.kind]
        for bar, start in enumerate(np.arange(section.start, section.end, BEATS_PER_BAR)):
            end = min(float(start) + BEATS_PER_BAR, section.end)
            degree = progression[bar % len(progression)]
            chords.append(Chord(float(start), end, key.chord(degree, sevenths)))
    return tuple(chords)
