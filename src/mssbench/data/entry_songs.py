"""The songs of a data set that has an entry, as they lie in a folder."""

import json
import logging
from pathlib import Path
from typing import Any

from mssbench.data.catalogue import Entry
from mssbench.data.changes import dataset_digest
from mssbench.data.own_songs import find_own_songs
from mssbench.data.songs import Dataset, Refuse, Song, find_songs, raising
from mssbench.errors import UserError

log = logging.getLogger(__name__)


def entry_songs(chosen: Entry, root: Path | str, refuse: Refuse = raising) -> list[Song]:
    """Find the songs of a data set under ``root`` by their names; no audio is read.

    Args:
        chosen: the data set.
        root: the folder.
        refuse: see `find_songs` and `find_own_songs`.

    Raises:
        UserError: there is no song, or see ``refuse``.
    """
    if chosen.layout == "own":
        return find_own_songs(root, chosen.sources, refuse)
    songs = find_songs(root, refuse)
    return chosen.select(songs) if chosen.select else songs


def describe(chosen: Entry, root: Path, source: dict[str, Any]) -> Dataset:
    """Find and check the songs of a data set under ``root``.

    Args:
        chosen: the data set.
        root: the folder.
        source: how the songs came there; goes into the ``dataset.json``.

    Raises:
        UserError: naming a song that cannot be used.
    """
    from mssbench.data.reader import read_headers
    from mssbench.progress import track

    songs = entry_songs(chosen, root)
    for song in track(songs, "check", len(songs)):
        read_headers(song)
    summed = sum(song.is_summed for song in songs)
    if summed:
        log.info(
            "%s: %d of %d songs have no mixture; it is the sum of their stems (%s)",
            *(root, summed, len(songs), ", ".join(songs[0].tracks)),
        )
    return Dataset(chosen.name, root.absolute(), tuple(songs), source, dataset_digest(root, songs))


def songs_digest(chosen: Entry, root: Path | str, dataset: Path | str) -> str:
    """Return the digest that linking ``root`` now would record; it asks for the files' states only.

    Where there is nothing to link, it is the digest that is recorded, as nothing has changed that
    could be read anew: finished results need the songs no more. Where a song cannot be used, it
    is what is wrong, so that linking says so.

    Args:
        chosen: the data set.
        root: the folder of its songs.
        dataset: the ``dataset.json`` of an earlier link, if there was one.
    """
    if not Path(root).is_dir():
        try:
            recorded: str = json.loads(Path(dataset).read_text(encoding="utf-8"))["digest"]
        except (OSError, ValueError, TypeError, KeyError):
            return f"{root}: no such folder"
        return recorded
    try:
        return dataset_digest(root, entry_songs(chosen, root))
    except (UserError, OSError) as error:
        return str(error)
