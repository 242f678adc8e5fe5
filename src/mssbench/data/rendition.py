"""A data set at one sample rate and channel layout, as memory-mapped arrays.

A rendition is a folder with ``manifest.json`` and, for each song, ``<nnn>.npy`` (float32 or
int16 of (stems, channels, samples)) beside ``<nnn>.json``, which says what it was made from. The
manifest is written last: a folder without one is unfinished, and ``prepare`` continues it song by
song.
"""

import hashlib
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from mssbench.atomic import write_json
from mssbench.data.disk import require_free
from mssbench.data.sample_format import SampleFormat, decoded, require_16_bit
from mssbench.data.song_array import (
    CHANNEL_COUNTS,
    Channels,
    Recipe,
    RenditionSong,
    array_bytes,
    finished_song,
    write_song,
)
from mssbench.data.songs import STEMS, Dataset, Song
from mssbench.errors import UserError
from mssbench.progress import Progress
from mssbench.provenance import source_digest
from mssbench.workers import work_through

if TYPE_CHECKING:
    from mssbench.data.wav import Header

__all__ = ["CHANNEL_COUNTS", "Channels", "Rendition", "RenditionSong", "prepare"]

log = logging.getLogger(__name__)

# An array is made anew when the code of these modules, or of what they import, changes.
CODE_OF_SAMPLES = ("mssbench.data.convert",)

MANIFEST = "manifest.json"
AGAIN = "run 'mssbench {}' again, which makes only what is missing"


@dataclass(frozen=True)
class Rendition:
    """An opened rendition.

    Args:
        folder: where the manifest and the arrays lie.
        rate: sample rate (Hz).
        channels: ``mono`` or ``stereo``.
        songs: its songs, in the data set's order.
        dataset: name and digest of the data set it was made from.
        sample_format: ``float32`` or ``int16``, as which the arrays are stored.
        stems: names of the tracks in the order of the arrays, the mixture first.
    """

    folder: Path
    rate: int
    channels: Channels
    songs: tuple[RenditionSong, ...]
    dataset: dict[str, str]
    sample_format: SampleFormat = "float32"
    stems: tuple[str, ...] = STEMS

    @property
    def channel_count(self) -> int:
        """1 (mono) or 2 (stereo)."""
        return CHANNEL_COUNTS[self.channels]

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of rate, channels, format, stems and each song's name, subset and audio."""
        songs = [(song.name, song.subset, song.sha256) for song in self.songs]
        told: list[object] = [self.rate, self.channels, songs]
        if self.sample_format != "float32":
            told.append(self.sample_format)
        if self.stems != STEMS:
            told.append(self.stems)
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def audio(self, song: RenditionSong) -> np.ndarray:
        """Return the song's stems, float32 of (stems, channels, samples); full scale is +-1.0.

        They are memory-mapped read-only where they are stored so; of int16 they are a copy of the
        whole song in memory.

        Raises:
            UserError: the array is not what was written.
        """
        self.check(song)
        return decoded(self.stored(song))

    def check(self, song: RenditionSong) -> None:
        """Compare the song's array with its checksum; once, while the file stays as it is.

        Raises:
            UserError: they differ.
        """
        file = self.folder / song.file
        state = file.stat()
        if sha256_of(file, state.st_size, state.st_mtime_ns) != song.sha256:
            verb = "stretch" if song.origin else "prepare"
            raise UserError(
                f"{file}: the array of {song.name!r} is damaged, its checksum is not the "
                f"manifest's; {AGAIN.format(verb)}"
            )

    def stored(self, song: RenditionSong) -> np.ndarray:
        """Return the song's stems as they are stored, memory-mapped read-only.

        Excerpts of them become float32 by `mssbench.data.sample_format.decoded`.
        """
        stems: np.ndarray = np.load(self.folder / song.file, mmap_mode="r")
        return stems

    def by_name(self, name: str) -> RenditionSong:
        """Return the song called ``name``.

        Raises:
            UserError: there is none.
        """
        for song in self.songs:
            if song.name == name:
                return song
        raise UserError(
            f"{self.folder / MANIFEST}: no song {name!r}; "
            f"its songs are {', '.join(repr(song.name) for song in self.songs)}"
        )

    @classmethod
    def open(cls, manifest: Path | str) -> Self:
        """Open the rendition that ``manifest`` describes.

        Raises:
            UserError: the manifest is missing or no manifest, or an array is missing or of
                another size than the manifest says.
        """
        manifest = Path(manifest)
        try:
            read = json.loads(manifest.read_text(encoding="utf-8"))
            songs = tuple(RenditionSong.of(entry) for entry in read["songs"])
            channels, stored_as = read["channels"], read.get("format", "float32")
            stems = tuple(read["stems"])
            sizes = [array_bytes(song.samples, channels, stored_as, len(stems)) for song in songs]
            rendition = cls(
                manifest.parent,
                read["rate"],
                channels,
                songs,
                read["dataset"],
                stored_as,
                stems,
            )
        except FileNotFoundError:
            raise UserError(f"{manifest}: no such file; run 'mssbench prepare'") from None
        except (ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"{manifest}: not a rendition's manifest ({error!r}); " + AGAIN.format("prepare")
            ) from None
        if read.get("digest", rendition.digest) != rendition.digest:
            raise UserError(
                f"{manifest}: it was changed after it was written, its digest does not fit; "
                + AGAIN.format("prepare")
            )
        verb = "stretch" if any(song.origin for song in songs) else "prepare"
        for song, size in zip(songs, sizes, strict=True):
            array = rendition.folder / song.file
            found = array.stat().st_size if array.is_file() else None
            if found != size:
                state = "is missing" if found is None else f"has {found} bytes instead of {size}"
                raise UserError(
                    f"{array}: the array of {song.name!r} {state}; {AGAIN.format(verb)}"
                )
        return rendition

    def save(self) -> None:
        """Write the manifest."""
        content = {"rate": self.rate, "channels": self.channels, "format": self.sample_format}
        songs = [asdict(song) for song in self.songs]
        write_json(
            self.folder / MANIFEST,
            {
                "dataset": self.dataset,
                **content,
                "digest": self.digest,
                "stems": self.stems,
                "songs": songs,
            },
        )


@cache
def sha256_of(file: Path, size: int, changed: int) -> str:
    """Return the SHA-256 (hex) of a file of this size and time of change (ns)."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def prepare(
    dataset: Dataset,
    folder: Path | str,
    rate: int,
    channels: Channels,
    workers: int = 1,
    *,
    sample_format: SampleFormat = "float32",
) -> Rendition:
    """Make the rendition of ``dataset`` in ``folder``, or what is missing of it.

    Arrays of an interrupted run are kept if they were made from this data set by this code and
    their checksums hold. The same data give the same arrays for any number of workers.

    Args:
        dataset: the data set.
        folder: gets the manifest and the arrays.
        rate: sample rate (Hz), at most that of every song.
        channels: ``mono`` (the mean of the channels) or ``stereo``.
        workers: processes, a song each; 1 works in this process. Each takes up to 1.5 GB of
            memory for a song of four minutes in stereo at 44.1 kHz.
        sample_format: how to store the samples; ``int16`` for 16-bit files alone.

    Raises:
        UserError: a song is at fault (named), the rate cannot be had, int16 would lose or clip
            something of a song, the disk has too little space or a worker was killed.
    """
    from mssbench.data.resample import resampled_length

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".*.partial.npy"):
        leftover.unlink()  # of a killed run
    code = source_digest(*CODE_OF_SAMPLES)
    recipe = Recipe(dataset.digest, rate, channels, code, sample_format=sample_format)
    work = {folder / f"{number:03d}.npy": song for number, song in enumerate(dataset.songs)}
    with ThreadPoolExecutor(workers) as threads:
        finished = threads.map(lambda array: finished_song(work[array], array, recipe), work)
        done = {array: song for array, song in zip(work, finished, strict=True) if song}
        missing = {array: song for array, song in work.items() if array not in done}
        read = threads.map(lambda song: _headers(song, recipe), missing.values())
        headers = dict(zip(missing, read, strict=True))
    if missing:
        # Until the new one is written, no manifest may vouch for a mixture of old and new arrays.
        (folder / MANIFEST).unlink(missing_ok=True)
        tracks = len(dataset.stems)
        lengths = [resampled_length(h[0].samples, h[0].rate, rate) for h in headers.values()]
        needed = sum(array_bytes(samples, channels, sample_format, tracks) for samples in lengths)
        require_free(folder, needed, f"preparing {len(missing)} songs")
    if done:
        log.info("prepare: %d of %d songs are ready", len(done), len(work))
    progress = Progress("prepare", total=len(work), done=len(done))
    try:
        tasks = {
            array: partial(write_song, song, array, recipe, headers[array])
            for array, song in missing.items()
        }
        for array, made in work_through(tasks, workers, preload=CODE_OF_SAMPLES):
            done[array] = made.result()
            progress.advance(note=done[array].name)
    finally:
        progress.close()
    songs = tuple(done[array] for array in work)
    source = {"name": dataset.name, "digest": dataset.digest}
    rendition = Rendition(folder, rate, channels, songs, source, sample_format, dataset.stems)
    rendition.save()
    return rendition


def _headers(song: Song, recipe: Recipe) -> "list[Header]":
    """Return the headers of a song's tracks, once they fit the recipe."""
    from mssbench.data.reader import read_headers
    from mssbench.data.resample import check_rates

    try:
        headers = read_headers(song)
        check_rates(headers[0].rate, recipe.rate)
        if recipe.sample_format == "int16":
            require_16_bit(song)
    except UserError as error:
        raise UserError(f"song {song.name!r}: {error}") from None
    return headers
