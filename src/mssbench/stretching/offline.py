"""Further training songs of a rendition: the same songs at other tempos and pitches."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from mssbench.data.disk import require_free, size
from mssbench.data.rendition import MANIFEST, Rendition, RenditionSong
from mssbench.data.song_array import Recipe, array_bytes, finished_song, write_stems
from mssbench.data.songs import Song
from mssbench.errors import UserError
from mssbench.progress import Progress
from mssbench.provenance import source_digest
from mssbench.stretching.config import check_kept
from mssbench.stretching.length import stretched_length
from mssbench.stretching.pitch import shift_pitch
from mssbench.stretching.tempos import Change, Tempos
from mssbench.workers import work_through

log = logging.getLogger(__name__)

# An array is made anew when the code of this module, or of what it imports, changes.
CODE_OF_SAMPLES = "mssbench.stretching.pitch"


@dataclass(frozen=True)
class StretchRecipe(Recipe):
    """What decides a stretched song's array; its source is the original's array.

    Args:
        factor: above 1 is faster.
        semitones: above 0 is higher.
        keep: sources that keep their pitch.
    """

    factor: float
    semitones: int
    # A list, as in the note, which is JSON.
    keep: list[str]


@dataclass(frozen=True)
class Copy:
    """A stretched song that is to be made.

    Args:
        original: the song of the rendition.
        stems: its array.
        array: the file to write.
        recipe: how.
        names: of the stems, the mixture first.
    """

    original: RenditionSong
    stems: Path
    array: Path
    recipe: StretchRecipe
    names: tuple[str, ...]

    @property
    def song(self) -> Song:
        """Name, subset and stems of the copy."""
        change = Change(self.recipe.factor, self.recipe.semitones)
        name = f"{self.original.name} ({_told(change)})"
        return Song(name, self.original.subset, self.stems, self.names)

    @property
    def samples(self) -> int:
        """Length of the copy."""
        return stretched_length(self.original.samples, self.recipe.factor)


def _told(change: Change) -> str:
    """Return ``tempo x1.10``, ``pitch +2`` or both."""
    told = [f"tempo x{_written(change.factor)}"] if change.factor != 1 else []
    told += [f"pitch {change.semitones:+d}"] if change.semitones else []
    return ", ".join(told)


def _written(factor: float) -> str:
    """Return ``1.10`` for 1.1, and more digits where two do not tell the factor."""
    short = f"{factor:.2f}"
    return short if float(short) == factor else repr(factor)


def stretch_songs(
    rendition: Rendition,
    folder: Path | str,
    tempos: Tempos,
    *,
    copies: int | None = None,
    seed: int = 0,
    keep: Sequence[str] = (),
    workers: int = 1,
) -> Rendition:
    """Make a rendition of the songs of ``rendition`` and its training songs at other tempos.

    All sources of a song have one tempo and, if they are not to be kept, one change of pitch, and
    the mixture is their sum. The originals' arrays are
    linked, not copied. Test songs get no copies. Songs that an interrupted run finished are kept.

    Args:
        rendition: stays as it is.
        folder: gets the manifest and the arrays; another than the rendition's.
        tempos: the factors and pitches.
        copies: how many are drawn for each song, see `Tempos.drawn`; None makes all.
        seed: decides the draw.
        keep: sources of the rendition that keep their pitch, such as drums.
        workers: processes, a song each; each takes up to 2.3 GB of memory for a song of four
            minutes in stereo at 44.1 kHz at half its tempo.

    Raises:
        UserError: the folder is the rendition's own, the rendition holds int16, has stretched
            songs, no training song or no source of a name to keep, the disk has too little space
            or a worker was killed.
    """
    folder = Path(folder)
    check_kept(keep, rendition.stems[1:])
    if rendition.sample_format != "float32":
        raise UserError(
            f"{rendition.folder}: holds {rendition.sample_format}, in which a stretched song may "
            "clip; stretch the float32 rendition"
        )
    if folder.resolve() == rendition.folder.resolve():
        raise UserError(f"{folder}: is the folder of the rendition itself; choose another for it")
    drawn = partial(tempos.drawn, copies=copies, seed=seed)
    work = {copy.array: copy for copy in _planned(rendition, folder, drawn, keep)}
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".*.partial*"):
        leftover.unlink()  # of a killed run
    finished = {array: finished_song(copy.song, array, copy.recipe) for array, copy in work.items()}
    done = {array: song for array, song in finished.items() if song}
    missing = {array: copy for array, copy in work.items() if array not in done}
    needed = sum(
        array_bytes(copy.samples, rendition.channels, stems=len(rendition.stems))
        for copy in missing.values()
    )
    log.info(
        "stretch: %d of %d stretched songs are to be made; %s on disk",
        len(missing),
        len(work),
        size(needed),
    )
    require_free(folder, needed, f"stretching {len(missing)} songs")
    # Until the new one is written, no manifest may vouch for a mixture of old and new arrays.
    (folder / MANIFEST).unlink(missing_ok=True)
    progress = Progress("stretch", total=len(work), done=len(done))
    try:
        tasks = {array: partial(write_copy, copy) for array, copy in missing.items()}
        for array, made in work_through(tasks, workers, preload=(CODE_OF_SAMPLES,)):
            done[array] = made.result()
            progress.advance(note=done[array].name)
    finally:
        progress.close()
    for song in rendition.songs:
        _link(rendition.folder / song.file, folder / song.file)
    songs = (*rendition.songs, *(done[array] for array in work))
    stretched = replace(rendition, folder=folder, songs=songs)
    stretched.save()
    return stretched


def _planned(
    rendition: Rendition,
    folder: Path,
    drawn: Callable[[str], tuple[Change, ...]],
    keep: Sequence[str],
) -> Iterator[Copy]:
    if any(song.origin for song in rendition.songs):
        raise UserError(
            f"{rendition.folder}: has stretched songs already; give the rendition of 'mssbench "
            "prepare' that they were made from, with all factors at once"
        )
    originals = [song for song in rendition.songs if song.subset == "train"]
    if not originals:
        raise UserError(f"{rendition.folder}: no song of the train subset, so none to stretch")
    code = source_digest(CODE_OF_SAMPLES)
    made_of = rendition.rate, rendition.channels, code
    for song in originals:
        for change in drawn(song.name):
            pitch = f"{change.semitones:+d}" if change.semitones else ""
            array = folder / f"{Path(song.file).stem}-x{_written(change.factor)}{pitch}.npy"
            recipe = StretchRecipe(
                song.sha256, *made_of, change.factor, change.semitones, sorted(keep)
            )
            yield Copy(song, rendition.folder / song.file, array, recipe, rendition.stems)


def write_copy(copy: Copy) -> RenditionSong:
    """Stretch one song and write its array and its note; in memory is the stretched song."""
    stems = np.load(copy.stems, mmap_mode="r")
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # songs run in parallel processes
    try:
        # Source by source: all at once are no faster, and need more memory.
        sources = [
            shift_pitch(
                torch.from_numpy(np.array(source)),
                0 if name in copy.recipe.keep else copy.recipe.semitones,
                copy.recipe.factor,
            ).numpy()
            for name, source in zip(copy.names[1:], stems[1:], strict=True)
        ]
    finally:
        torch.set_num_threads(before)
    # Not the stretched mixture: the vocoder is not linear, and a mixture is the sum of its sources.
    mixture = np.sum(sources, axis=0)
    return write_stems(
        copy.song, [mixture, *sources], copy.array, copy.recipe, origin=copy.original.name
    )


def _link(array: Path, link: Path) -> None:
    """Let ``link`` be another name of ``array``, or point to it from another disk."""
    if link.exists() and link.samefile(array):
        return
    link.unlink(missing_ok=True)
    try:
        os.link(array.resolve(), link)
    except OSError:
        link.symlink_to(os.path.relpath(array.resolve(), link.parent.resolve()))
