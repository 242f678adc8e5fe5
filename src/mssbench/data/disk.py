"""Free space on the disk, asked for before a long piece of work starts."""

import shutil
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


def size(count: int) -> str:
    """Return a number of bytes as a person says it, in decimal units: ``4.68 GB``."""
    value, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}"
