"""The state of the files of songs, and whether it is still that of a ``dataset.json``."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from mssbench.data.songs import Dataset, Song
from mssbench.errors import UserError

AGAIN = {
    "link": "link them again with 'mssbench data link'",
    "download": "make it again with 'mssbench data download'",
    "render": "make it again with 'mssbench data render'",
}
"""How the songs were made known -> what to do when they have changed."""


def dataset_digest(root: Path | str, songs: Sequence[Song]) -> str:
    """Return a SHA-256 (hex) that changes when a song or one of its files changes.

    It covers each song's name and subset and each file's name relative to ``root``, size (bytes)
    and time of change (ns), and reads no audio.

    Raises:
        UserError: a file is missing.
    """
    root = Path(root).absolute()
    digest = hashlib.sha256()
    for song in sorted(songs, key=lambda song: (song.subset, song.name)):
        lines: list[list[str | int]] = [[song.name, song.subset]]
        for file in song.files:
            if not file.is_file():
                raise UserError(f"{file}: no such file; put it back or make the data set again")
            state = file.stat()
            name = file.relative_to(root).as_posix()
            lines.append([name, state.st_size, state.st_mtime_ns])
        digest.update(json.dumps(lines).encode())
    return digest.hexdigest()


def require_unchanged(dataset: Dataset, file: Path | str) -> None:
    """Check that the files of the songs are as they were when ``file`` was written.

    Sizes and times of change are compared, and no audio is read. Songs that were added since are
    no songs of the data set, and not looked for.

    Args:
        dataset: what ``file`` says.
        file: the ``dataset.json``.

    Raises:
        UserError: a file is missing, or has changed.
    """
    if dataset_digest(dataset.root, dataset.songs) != dataset.digest:
        what = AGAIN.get(dataset.source.get("kind", ""), "make it again with 'mssbench data'")
        raise UserError(
            f"{file}: songs in {dataset.root} have changed since it was written; {what}"
        )
