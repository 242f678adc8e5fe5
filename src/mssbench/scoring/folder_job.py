"""Scoring of one song whose references and estimates are files in folders."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mssbench.data.own_songs import MIXTURE
from mssbench.errors import UserError
from mssbench.provenance import digest
from mssbench.recordings.audio_file import AudioFile
from mssbench.scoring.accompaniment import (
    ACCOMPANIMENT,
    accompaniment_of,
    has_accompaniment,
    sources_of,
)
from mssbench.scoring.estimates import SongEstimates
from mssbench.scoring.job import Job
from mssbench.scoring.tracks import Tracks, gathered

KEPT = "the scorer neither resamples nor cuts: write estimates that are like their references"


@dataclass(frozen=True)
class FolderReferences:
    """The true sources of one song, in the place of a rendition with that song alone.

    Samples are read as float32, which holds 24 bits exactly.

    Attributes:
        name: the song.
        files: stem -> audio file, of any format that libsndfile or ffmpeg reads.
    """

    name: str
    files: dict[str, Path]

    @property
    def sources(self) -> tuple[str, ...]:
        """The stems that make up the mixture."""
        return sources_of(self.files)

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of the tracks in the order of ``audio``'s array, the mixture first."""
        is_more = has_accompaniment(self.files) and ACCOMPANIMENT not in self.sources
        return (MIXTURE, *self.sources, *([ACCOMPANIMENT] if is_more else []))

    @cached_property
    def header(self) -> tuple[int, int, int]:
        """Rate (Hz), channels and length (samples) of the first source.

        Raises:
            UserError: it cannot be read.
        """
        with opened(self.files[self.sources[0]]) as first:
            return first.rate, first.channels, first.samples

    @property
    def rate(self) -> int:
        """Sample rate (Hz)."""
        return self.header[0]

    @property
    def channel_count(self) -> int:
        """Number of channels."""
        return self.header[1]

    @property
    def samples(self) -> int:
        """Length (samples)."""
        return self.header[2]

    @property
    def sha256(self) -> str:
        """A digest of the files."""
        contents = {}
        for stem, file in sorted(self.files.items()):
            with file.open("rb") as source:
                contents[stem] = hashlib.file_digest(source, "sha256").hexdigest()
        return digest(contents, length=64)

    def by_name(self, name: str) -> "FolderReferences":
        """Return the song, which is the only one."""
        return self

    def audio(self, song: object) -> np.ndarray:
        """Return all ``stems``, float32 of (stems, channels, samples).

        Where there is no file of the mixture it is the sum of the sources; see
        ``accompaniment_of``.

        Raises:
            UserError: a file is missing, damaged or unlike the others, or a sample is no number.
        """
        names = self.stems
        audio = np.empty((len(names), self.channel_count, self.samples), dtype=np.float32)
        signals = dict(zip(names, audio, strict=True))
        first = f"that of {self.files[self.sources[0]].name}"
        for name, file in self.files.items():
            if name in signals:
                signals[name][:] = read_whole(file, self.header, first, "mend the references")
        given = {name: signal for name, signal in signals.items() if name in self.files}
        if MIXTURE not in given:
            signals[MIXTURE][:] = audio[1 : 1 + len(self.sources)].sum(axis=0)
        if ACCOMPANIMENT in signals and ACCOMPANIMENT not in given:
            signals[ACCOMPANIMENT][:] = accompaniment_of(given)
        return audio


@dataclass(frozen=True)
class FolderEstimates(SongEstimates):
    """The estimates of one song, of any format that libsndfile or ffmpeg reads."""

    def read(self, targets: Sequence[str], rate: int, channels: int, samples: int) -> Tracks:
        """Return the audio of some targets, see ``SongEstimates.read``."""
        wanted = (rate, channels, samples)
        files = (self.files[target] for target in targets)
        return gathered(targets, (read_whole(f, wanted, "the reference's", KEPT) for f in files))


@dataclass(frozen=True)
class FolderJob(Job):
    """The scoring of one song in folders; see ``Job``.

    Attributes:
        subset: ``train``, ``test`` or nothing; museval's JSON goes to a folder of that name.
    """

    subset: str = ""

    @property
    def sources(self) -> tuple[str, ...]:
        """What the song is made of."""
        return sources_of(self.rendition.stems)

    @property
    def museval_json(self) -> Path:
        """The song's scores as museval writes them."""
        return self.folder / self.subset / f"{self.estimates.name}.json"


@contextmanager
def opened(file: Path) -> Iterator[AudioFile]:
    """Open an audio file; what ffmpeg decodes of it lies in a folder that goes with it."""
    with TemporaryDirectory() as folder, AudioFile(file, Path(folder)) as audio:
        yield audio


def read_whole(file: Path, wanted: tuple[int, int, int], whose: str, advice: str) -> np.ndarray:
    """Return a file's audio, float32 of (channels, samples).

    Args:
        file: an audio file.
        wanted: rate (Hz), channels and length (samples) that it must have.
        whose: says where these are from.
        advice: what to do if it has others.

    Raises:
        UserError: it has others, or cannot be read.
    """
    with opened(file) as audio:
        found = (audio.rate, audio.channels, audio.samples)
        kinds = ("sample rate (Hz)", "number of channels", "length (samples)")
        for what, is_, should_be in zip(kinds, found, wanted, strict=True):
            if is_ != should_be:
                raise UserError(f"{file}: its {what} is {is_}, {whose} is {should_be}; {advice}")
        return audio.read(0, audio.samples)
