"""A rendition of the mixtures that a fan of a mono rendition's sources gives."""

import logging
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from mssbench.data.disk import require_free
from mssbench.data.rendition import MANIFEST, Rendition, RenditionSong
from mssbench.data.song_array import Recipe, array_bytes, finished_song, write_stems
from mssbench.data.songs import Song
from mssbench.errors import UserError
from mssbench.panning.fan import Fan, pan_and_delay
from mssbench.progress import Progress
from mssbench.provenance import source_digest
from mssbench.workers import work_through

log = logging.getLogger(__name__)

# An array is made anew when the code of this module, or of what it imports, changes.
CODE_OF_SAMPLES = "mssbench.panning.fan"


@dataclass(frozen=True)
class FanRecipe(Recipe):
    """What decides a panned song's array; its source is the mono song's array.

    Args:
        fan: the fan's values.
    """

    fan: dict[str, Any]


def pan_songs(rendition: Rendition, folder: Path | str, fan: Fan, workers: int = 1) -> Rendition:
    """Make the rendition in which the sources of each song stand in a fan.

    The mixture is the sum of the sources' images. Songs that an interrupted run finished are kept.

    Args:
        rendition: mono; stays as it is.
        folder: gets the manifest and the arrays; another than the rendition's.
        fan: the places.
        workers: processes, a song each.

    Raises:
        UserError: the rendition is not mono or holds int16, in which the sum may clip, the fan is
            too wide, the disk has too little space or a worker was killed.
    """
    folder = Path(folder)
    if rendition.channels != "mono" or rendition.sample_format != "float32":
        raise UserError(
            f"{rendition.folder}: is {rendition.channels} {rendition.sample_format}; the sources "
            "of a fan come from a mono float32 rendition"
        )
    fan.places(len(rendition.stems) - 1)
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(".*.partial*"):
        leftover.unlink()  # of a killed run
    code = source_digest(CODE_OF_SAMPLES)
    work = {
        song: FanRecipe(song.sha256, rendition.rate, "stereo", code, asdict(fan))
        for song in rendition.songs
    }
    done = {
        song: made
        for song, recipe in work.items()
        if (made := finished_song(_as_song(rendition, song), folder / song.file, recipe))
    }
    missing = {song: recipe for song, recipe in work.items() if song not in done}
    needed = sum(
        array_bytes(_length(fan, song, rendition.rate), "stereo", stems=len(rendition.stems))
        for song in missing
    )
    require_free(folder, needed, f"panning {len(missing)} songs")
    # Until the new one is written, no manifest may vouch for a mixture of old and new arrays.
    (folder / MANIFEST).unlink(missing_ok=True)
    progress = Progress("pan", total=len(work), done=len(done))
    try:
        tasks = {
            song: partial(write_panned, rendition, song, folder / song.file, recipe, fan)
            for song, recipe in missing.items()
        }
        for song, future in work_through(tasks, workers, preload=(CODE_OF_SAMPLES,)):
            done[song] = future.result()
            progress.advance(note=song.name)
    finally:
        progress.close()
    songs = tuple(done[song] for song in rendition.songs)
    panned = replace(rendition, folder=folder, channels="stereo", songs=songs)
    panned.save()
    return panned


def write_panned(
    rendition: Rendition, song: RenditionSong, array: Path, recipe: FanRecipe, fan: Fan
) -> RenditionSong:
    """Pan one song and write its array and its note."""
    stems = rendition.audio(song)[1:, 0, fan.excerpt(song.samples, rendition.rate)]
    images = [
        pan_and_delay(np.array(stem), angle, delay)
        for stem, (angle, delay) in zip(stems, fan.places(len(stems)), strict=True)
    ]
    mixture = np.sum(images, axis=0)
    return write_stems(_as_song(rendition, song), [mixture, *images], array, recipe)


def _as_song(rendition: Rendition, song: RenditionSong) -> Song:
    return Song(song.name, song.subset, rendition.folder / song.file, rendition.stems)


def _length(fan: Fan, song: RenditionSong, rate: int) -> int:
    taken = fan.excerpt(song.samples, rate)
    return taken.stop - taken.start
