"""One song of a rendition on disk: its array and the note of what it was made from."""

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mssbench.atomic import atomic_path, write_json
from mssbench.data.sample_format import DTYPES, SampleFormat, decoded, encoded
from mssbench.data.songs import STEMS, Song
from mssbench.errors import UserError

if TYPE_CHECKING:
    from mssbench.data.wav import Header

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
        peak: largest absolute sample of each stem, in the order of the rendition's stems.
        origin: name of the song that this one is a changed copy of, such as one at another tempo;
            None for a song of the data set.
    """

    name: str
    subset: str
    samples: int
    file: str
    sha256: str
    peak: tuple[float, ...]
    origin: str | None = None

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
        sample_format: ``float32`` or ``int16``.
    """

    source: str
    rate: int
    channels: Channels
    code: str
    sample_format: SampleFormat = field(default="float32", kw_only=True)


def _header(shape: tuple[int, ...], sample_format: SampleFormat) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": DTYPES[sample_format], "fortran_order": False, "shape": shape}
    )
    return header.getvalue()


def array_bytes(
    samples: int,
    channels: Channels,
    sample_format: SampleFormat = "float32",
    stems: int = len(STEMS),
) -> int:
    """Return the size (bytes) of the file that holds ``stems`` tracks of ``samples``."""
    shape = (stems, CHANNEL_COUNTS[channels], samples)
    sample = np.dtype(DTYPES[sample_format]).itemsize
    return len(_header(shape, sample_format)) + sample * int(np.prod(shape))


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def write_song(
    song: Song, array: Path, recipe: Recipe, headers: "Sequence[Header] | None" = None
) -> RenditionSong:
    """Decode, downmix and resample ``song`` to ``array``; then write the note beside it.

    In memory are the decoded song and one resampled stem, or of a ``.stem.mp4`` at another rate
    the resampled stems.

    Args:
        song: the song.
        array: the file to write.
        recipe: what to make.
        headers: of the song's tracks, if they have been read.

    Raises:
        UserError: one of the song's files is at fault, or int16 would clip it; the message begins
            with the song's name.
    """
    from mssbench.data.convert import converted

    try:
        stems = converted(song, recipe.channels, recipe.rate, headers)
        return write_stems(song, stems, array, recipe)
    except UserError as error:
        raise UserError(f"song {song.name!r}: {error}") from None


def write_stems(
    song: Song,
    stems: Iterable[np.ndarray],
    array: Path,
    recipe: Recipe,
    origin: str | None = None,
) -> RenditionSong:
    """Write ``stems`` to ``array``, one after the other, then the note beside it.

    Args:
        song: gives the name, the subset and the stems' names.
        stems: (channels, samples) each, float32, in the order of the song's stems.
        array: the file to write.
        recipe: goes into the note.
        origin: name of the song that this one is a changed copy of.

    Raises:
        UserError: the recipe asks for int16, which would clip a stem.
    """
    peaks, digest = [], hashlib.sha256()
    # The checksum in the note, and in the manifest, tells whether a crash of the system, which the
    # rename survived, has lost what was written.
    with atomic_path(array, synced=False) as temporary, temporary.open("wb") as file:
        for number, stem in enumerate(stems):
            if number == 0:
                header = _header((len(song.stems), *stem.shape), recipe.sample_format)
                file.write(header)
                digest.update(header)
            try:
                stored = encoded(stem, recipe.sample_format)
            except UserError as error:
                raise UserError(f"the {song.stems[number]} {error}") from None
            # A plain write, not a memory map: on a full disk that would kill the process.
            content = np.ascontiguousarray(stored).data
            file.write(content)
            digest.update(content)
            heard = decoded(stored)
            peaks.append(float(max(heard.max(), -heard.min())))
    made = RenditionSong(
        song.name,
        song.subset,
        stem.shape[-1],
        array.name,
        digest.hexdigest(),
        tuple(peaks),
        origin,
    )
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
