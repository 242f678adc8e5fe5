"""One song of a rendition on disk: its array and the note of what it was made from."""

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mssbench.atomic import atomic_path, write_json
from mssbench.data.songs import STEMS, Song
from mssbench.errors import UserError

Channels = Literal["mono", "stereo"]

CHANNEL_COUNTS: dict[Channels, int] = {"mono": 1, "stereo": 2}


@dataclass(frozen=True)
class RenditionSong:
    """A song of a rendition.

    Args:
        name: ``Artist - Title``.
        subset: ``train`` or ``test``.
        samples: its length at the rendition's rate.
        file: name of its array, beside the manifest.
        sha256: of that file (hex): equal for equal audio, whatever the song is called.
        peak: largest absolute sample of each stem, in the order of STEMS.
    """

    name: str
    subset: str
    samples: int
    file: str
    sha256: str
    peak: tuple[float, ...]

    @classmethod
    def of(cls, entry: dict[str, Any]) -> "RenditionSong":
        """Return the song that ``entry``, read from JSON, describes."""
        return cls(**{**entry, "peak": tuple(entry["peak"])})


@dataclass(frozen=True)
class Recipe:
    """What decides an array beside the song itself: arrays of an equal recipe are kept.

    Args:
        source: digest of the data set.
        rate: sample rate (Hz).
        channels: ``mono`` or ``stereo``.
        code: digest of the code that makes the samples.
    """

    source: str
    rate: int
    channels: Channels
    code: str


def _header(shape: tuple[int, ...]) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    return header.getvalue()


def array_bytes(samples: int, channels: Channels) -> int:
    """Return the size (bytes) of the file that holds a song of ``samples``."""
    shape = (len(STEMS), CHANNEL_COUNTS[channels], samples)
    return len(_header(shape)) + 4 * int(np.prod(shape))


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def write_song(song: Song, array: Path, recipe: Recipe) -> RenditionSong:
    """Decode, downmix and resample ``song`` to ``array``; then write the note beside it.

    In memory are the decoded song and one resampled stem.

    Raises:
        UserError: one of the song's files is at fault; the message begins with its name.
    """
    from mssbench.data.reader import read_song
    from mssbench.data.resample import resample, to_channels

    try:
        stems, source_rate = read_song(song)
        peaks = []
        with atomic_path(array) as temporary, temporary.open("wb") as file:
            for number, stem in enumerate(stems):
                converted = resample(to_channels(stem, recipe.channels), source_rate, recipe.rate)
                if number == 0:
                    file.write(_header((len(stems), *converted.shape)))
                # A plain write, not a memory map: on a full disk that would kill the process.
                file.write(np.ascontiguousarray(converted).data)
                peaks.append(float(np.abs(converted).max()))
    except UserError as error:
        raise UserError(f"song {song.name!r}: {error}") from None
    samples = converted.shape[-1]
    made = RenditionSong(song.name, song.subset, samples, array.name, _sha256(array), tuple(peaks))
    write_json(array.with_suffix(".json"), {"recipe": asdict(recipe), "song": asdict(made)})
    return made


def finished_song(song: Song, array: Path, recipe: Recipe) -> RenditionSong | None:
    """Return what ``write_song`` wrote earlier, or None if it must be made (again).

    It counts as finished if the note tells of this song and recipe and the array's checksum is
    the note's.
    """
    try:
        note = json.loads(array.with_suffix(".json").read_text(encoding="utf-8"))
        made = RenditionSong.of(note["song"])
        fits = (made.name, made.subset, made.file) == (song.name, song.subset, array.name)
        if not fits or note["recipe"] != asdict(recipe) or _sha256(array) != made.sha256:
            return None
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return made
