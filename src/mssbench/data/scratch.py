"""Songs copied to a disk of this machine, for where the shared one is slow."""

import logging
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mssbench.data.disk import require_free
from mssbench.data.rendition import Rendition
from mssbench.errors import Interrupted, UserError
from mssbench.progress import Progress

PREFIX = "mssbench-songs-"

log = logging.getLogger(__name__)


def copy_songs(
    rendition: Rendition, scratch: Path, should_stop: Callable[[], bool] = lambda: False
) -> Path | None:
    """Copy the training songs to a new folder of ``scratch``, with links to all others.

    Args:
        rendition: is left as it is.
        scratch: on a disk of this machine.
        should_stop: asked between two songs.

    Returns:
        The folder, which the caller removes; None where there is no room, of which a warning tells.

    Raises:
        Interrupted: ``should_stop`` said so; nothing is left behind.
    """
    wanted = [song for song in rendition.songs if song.subset == "train"]
    sizes = [(rendition.folder / song.file).stat().st_size for song in wanted]
    try:
        require_free(scratch, sum(sizes), "copying the training songs")
    except UserError as error:
        log.warning("%s; the songs are read from %s instead", error, rendition.folder)
        return None
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=scratch))
    try:
        _fill(
            folder, rendition, dict(zip((s.file for s in wanted), sizes, strict=True)), should_stop
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _fill(
    folder: Path, rendition: Rendition, sizes: dict[str, int], should_stop: Callable[[], bool]
) -> None:
    """Copy the arrays that have a size (bytes), link the others."""
    progress = Progress(f"copy songs to {folder.parent}", sum(sizes.values()), "bytes")
    for song in rendition.songs:
        source, copy = rendition.folder / song.file, folder / song.file
        if song.file not in sizes:
            copy.symlink_to(source.resolve())
            continue
        if should_stop():
            raise Interrupted("stopped while the songs were copied; run the same command again")
        shutil.copyfile(source, copy)
        progress.advance(sizes[song.file])
    progress.close()


def lying_in(rendition: Rendition, folder: Path | None) -> Rendition:
    """Return the rendition as read from ``folder``; as it is for None."""
    return rendition if folder is None else replace(rendition, folder=folder)
