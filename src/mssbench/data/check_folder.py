"""Checking the songs in a folder, those that cannot be linked among them."""

from pathlib import Path

from mssbench.data.catalogue import Entry
from mssbench.data.check import Finding, SongCheck, check_songs
from mssbench.data.entry_songs import entry_songs
from mssbench.data.songs import Song


def check_folder(chosen: Entry, root: Path, workers: int = 1) -> list[SongCheck]:
    """Check each song of a data set under ``root``; none at fault hides the others.

    Args:
        chosen: the data set.
        root: the folder of its songs.
        workers: number of processes, as `check_songs` takes it.

    Returns:
        The checks, sorted by subset and name. A song of a user's own whose stems are not those of
        the data set is among them, and not read.

    Raises:
        UserError: there is no song, two layouts at once, one name twice, a song that the data
            set's choice needs is missing, or a worker was killed.
    """
    refused: dict[Song, str] = {}
    songs = entry_songs(chosen, root, refused.__setitem__)
    checks = check_songs(songs, workers)
    # The check of a song that lacks files names them itself.
    checks += [
        SongCheck(song, findings=(Finding("stems", fault),))
        for song, fault in refused.items()
        if song not in songs
    ]
    return sorted(checks, key=lambda check: (check.song.subset, check.song.name))
