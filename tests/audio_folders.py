"""Folders of references and estimates that several test files score."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mssbench import cli
from mssbench.scoring.results import read_scores

RATE = 4000
SOURCES = ("bass", "drums", "vocals")
SONGS = {"train": ["Cy - Three"], "test": ["Ada - One", "Bob - Two"]}


def write(file, audio, rate=RATE, subtype="PCM_16"):
    file.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(file, audio, rate, subtype=subtype)


def audio_of(seed, seconds=3.2):
    """References and estimates of a song, stem -> samples."""
    random = np.random.default_rng(seed)
    shape = (len(SOURCES), round(seconds * RATE))
    true = np.round(0.1 * random.standard_normal(shape) * 2**15) / 2**15
    made = true + 0.2 * true[::-1] + 0.02 * random.standard_normal(shape)
    return dict(zip(SOURCES, true, strict=True)), dict(zip(SOURCES, made, strict=True))


@dataclass
class Folders:
    """Three mono songs of three sources, estimates of the two test songs, and the command."""

    root: Path
    log: pytest.LogCaptureFixture

    true, made, out = (property(lambda self, n=n: self.root / n) for n in ("true", "made", "out"))

    def write(self, names=SOURCES):
        for subset, songs in SONGS.items():
            for name in songs:
                true, made = audio_of(len(name))
                for stem, audio in true.items():
                    write(self.true / subset / name / f"{stem}.wav", audio)
                made["accompaniment"] = sum(made[s] for s in SOURCES if s != "vocals")
                for stem in names:
                    if subset == "test":
                        write(self.made / name / f"{stem}.wav", made[stem], subtype="FLOAT")
        return self

    def score(self, *words, out=True):
        self.log.clear()
        folders = ["--references", self.true, "--estimates", self.made]
        place = ["--out", self.out] if out else []
        return cli.main(["score", *map(str, [*folders, *place, *words])])

    @property
    def table(self):
        return read_scores(self.out / "scores.parquet")

    def messages(self, level):
        return [r.getMessage() for r in self.log.records if r.levelno == level]

    @property
    def error(self):
        (message,) = self.messages(logging.ERROR)
        return message
