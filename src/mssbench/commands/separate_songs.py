"""The songs of a rendition, separated one by one: what an ended attempt has done is kept."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mssbench.atomic import write_json
from mssbench.data.disk import require_free
from mssbench.data.rendition import Rendition, RenditionSong
from mssbench.estimate_files import sha256, write_estimates
from mssbench.kept_songs import KeptSongs
from mssbench.models.base import Model
from mssbench.progress import Progress
from mssbench.separation import SeparationConfig, separate_song, targets_of

log = logging.getLogger(__name__)


def separate_songs(
    model: Model,
    rendition: Rendition,
    songs: Sequence[RenditionSong],
    separation: SeparationConfig,
    out: Path,
    *,
    kept: KeptSongs,
    device: str,
    normalise: bool,
) -> None:
    """Write the estimates of each song, then the list of them.

    Songs that an attempt before has separated, as ``kept`` knows, are taken as they are.

    Raises:
        UserError: the disk has too little space, or the model does not suit the audio.
    """
    targets, samples = targets_of(model), sum(song.samples for song in songs)
    ready = {song.name: found for song in songs if (found := kept.find(song))}
    left = [song for song in songs if song.name not in ready]
    if ready:
        log.info("separate: %d of %d songs are ready", len(ready), len(songs))
    room = 4 * sum(song.samples for song in left) * rendition.channel_count * len(targets)
    require_free(out.parent, room, "separating")
    progress = Progress("separate", len(songs), done=len(ready))
    try:
        for song in left:
            start = time.monotonic()
            entry = separate_one(
                model, rendition, song, separation, out.parent, normalise=normalise
            )
            ready[song.name] = entry, time.monotonic() - start
            kept.keep(song, *ready[song.name])
            progress.advance()
    finally:
        progress.close()
    seconds = sum(ready[song.name][1] for song in songs)
    realtime_factor = seconds * rendition.rate / samples
    write_json(
        out,
        {
            "songs": [ready[song.name][0] for song in songs],
            "targets": targets,
            "rate": rendition.rate,
            "device": device,
            # Of reading, separating and writing; a factor below 1 is faster than listening.
            "seconds": round(seconds, 3),
            "realtime_factor": round(realtime_factor, 6),
        },
    )
    kept.clear()
    log.info("%s: %d songs in %.3g times their length", out, len(songs), realtime_factor)


def separate_one(
    model: Model,
    rendition: Rendition,
    song: RenditionSong,
    separation: SeparationConfig,
    folder: Path,
    *,
    normalise: bool,
) -> dict[str, Any]:
    """Write the estimates of a song, and return what ``estimates.json`` says of them."""
    files = {target: f"{song.name}/{target}.wav" for target in targets_of(model)}
    stems = rendition.audio(song)
    blocks = separate_song(model, stems, rendition.stems, separation, normalise=normalise)
    paths = {target: folder / file for target, file in files.items()}
    write_estimates(blocks, paths, rendition.rate, rendition.channel_count, song.samples)
    sums = {target: sha256(path) for target, path in paths.items()}
    return {"name": song.name, "files": files, "sha256": sums, "samples": song.samples}
