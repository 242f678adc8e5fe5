"""Free space on the disk: asked for before a long piece of work, and missed while writing."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mssbench.errors import UserError


def require_free(folder: Path, needed: int, what: str) -> None:
    """Check that the disk that holds ``folder`` has room.

    Args:
        folder: where the files will be written; made if it is missing.
        needed: room for the files, in bytes.
        what: the work, as in ``"unpacking musdb18.zip"``; named in the message.

    Raises:
        UserError: naming the folder, the room needed and the room free.
    """
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise UserError(
            f"{folder}: {what} needs {size(needed)}, but only {size(free)} are free there; "
            f"free {size(needed - free)} or choose a folder on another disk"
        )


# Less than a block of audio that is being written: what is left when a disk has run full.
FULL = 1 << 20


@contextmanager
def telling_full_disk(folder: Path) -> Iterator[None]:
    """Turn the error of a library that hides a full disk, as libsndfile does, into a plain one.

    Args:
        folder: on the disk that the block writes to.

    Raises:
        OSError: with ``ENOSPC``, when the block fails and the disk is full.
    """
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        if shutil.disk_usage(folder).free >= FULL:
            raise
        raise OSError(errno.ENOSPC, "no space left on the disk", str(folder)) from error


def size(count: int) -> str:
    """Return a number of bytes as a person says it, in decimal units: ``4.68 GB``."""
    value, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}"
