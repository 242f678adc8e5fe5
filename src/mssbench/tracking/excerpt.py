"""Short excerpts to listen to on a run's page."""

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import soundfile

from mssbench.data.rendition import Rendition, RenditionSong
from mssbench.data.songs import STEMS
from mssbench.errors import UserError
from mssbench.report.excerpt import SECONDS, STEPS_PER_SECOND, loudest
from mssbench.scoring.estimates import read_estimates

log = logging.getLogger(__name__)

TARGET = "vocals"


def write_excerpt(renditions: Iterable[Rendition], estimates: Path, folder: Path) -> str:
    """Write estimate, target and mixture of the first test song's loudest vocals to ``folder``.

    They are 16-bit FLAC files of at most 8 s, turned down together where one of them would clip,
    so that their levels compare.

    Args:
        renditions: one of them is what was separated; it holds target and mixture.
        estimates: the ``estimates.json`` of a run.
        folder: exists.

    Returns:
        What is heard, as in ``"Artist - Title, 12.3 s to 20.3 s"``; empty, and nothing is written,
        where the estimates are of another rendition.

    Raises:
        UserError: the estimates lack the song.
    """
    for rendition in renditions:
        song = next(song for song in rendition.songs if song.subset == "test")
        file = estimate_of(estimates, song)
        info = soundfile.info(file)
        made_of = (rendition.rate, rendition.channel_count, song.samples)
        if (info.samplerate, info.channels, info.frames) == made_of:
            start, end = cut(rendition, song, file, folder)
            return f"{song.name}, {start:.1f} s to {end:.1f} s"
    log.info("%s: no excerpt, because its rendition is not given", estimates)
    return ""


def cut(rendition: Rendition, song: RenditionSong, file: Path, folder: Path) -> tuple[float, float]:
    """Write the three excerpts of ``song``; return where they begin and end (s)."""
    stems, rate = rendition.audio(song), rendition.rate
    target = stems[STEMS.index(TARGET)]
    start = loudest(target, SECONDS * rate, max(1, rate // STEPS_PER_SECOND))
    end = min(start + SECONDS * rate, song.samples)
    estimate, _ = soundfile.read(file, end - start, start, dtype="float32", always_2d=True)
    excerpts = {
        f"{TARGET} estimate": estimate.T,
        f"{TARGET} target": target[:, start:end],
        "mixture": stems[STEMS.index("mixture"), :, start:end],
    }
    write_audio(excerpts, rate, folder)
    return start / rate, end / rate


def estimate_of(estimates: Path, song: RenditionSong) -> Path:
    """Return the file of the vocals estimate of ``song``.

    Raises:
        UserError: the estimates lack it.
    """
    for entry in read_estimates(estimates):
        if entry.name == song.name:
            if TARGET not in entry.files:
                break
            return entry.files[TARGET]
    raise UserError(f"{estimates}: no {TARGET} of {song.name!r}; separate the songs again")


def write_audio(excerpts: Mapping[str, np.ndarray], rate: int, folder: Path) -> None:
    """Write each array, (channels, samples), as a 16-bit FLAC file of its name."""
    peak = max(1.0, *(float(np.abs(audio).max(initial=0.0)) for audio in excerpts.values()))
    for name, audio in excerpts.items():
        soundfile.write(folder / f"{name}.flac", audio.T / peak, rate, subtype="PCM_16")
