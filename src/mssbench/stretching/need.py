"""What stretched songs will take on disk."""

import json
from pathlib import Path

from mssbench.data.song_array import array_bytes
from mssbench.stretching.config import StretchingConfig
from mssbench.stretching.length import stretched_length


def needed_bytes(manifest: Path | str, config: StretchingConfig) -> int:
    """Return the size (bytes) of the stretched songs that ``config`` makes of a rendition.

    Args:
        manifest: the rendition's; its originals are linked and take nothing.
        config: what is made of it.

    Raises:
        FileNotFoundError: the rendition is not there yet.
    """
    read, tempos = json.loads(Path(manifest).read_text(encoding="utf-8")), config.tempos()
    return sum(
        array_bytes(
            stretched_length(song["samples"], change.factor),
            read["channels"],
            stems=len(read["stems"]),
        )
        for song in read["songs"]
        if song["subset"] == "train"
        for change in tempos.drawn(song["name"], config.copies, config.seed)
    )
