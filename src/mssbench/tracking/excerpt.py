"""Short excerpts to listen to on a run's page."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile

from mssbench.data.rendition import Rendition, RenditionSong
from mssbench.errors import UserError
from mssbench.report.excerpt import SECONDS, STEPS_PER_SECOND, default_target, loudest
from mssbench.scoring.estimates import read_estimates

log = logging.getLogger(__name__)


def write_excerpt(renditions: Iterable[Rendition], estimates: Path, folder: Path) -> str:
    """Write estimate, target and mixture of the first test song's loudest vocals to ``folder``.

    Where songs held out from the training were separated instead, it is the first of these.
    Where no vocals are estimated, it is the first source that is. They are 16-bit FLAC files of at
    most 8 s, turned down together where one of them would clip, so that their levels compare.

    Args:
        renditions: one of them is what was separated; it holds target and mixture.
        estimates: the ``estimates.json`` of a run.
        folder: exists.

    Returns:
        What is heard, as in ``"Artist - Title, 12.3 s to 20.3 s"``; empty, and nothing is written,
        where the estimates are of another rendition.

    Raises:
        UserError: the estimates lack the song, or all of its sources.
    """
    listed = {entry.name for entry in read_estimates(estimates)}
    for rendition in renditions:
        song = heard_song(rendition, listed)
        target, file = estimate_of(estimates, song, rendition.stems)
        info = soundfile.info(file)
        made_of = (rendition.rate, rendition.channel_count, song.samples)
        if (info.samplerate, info.channels, info.frames) == made_of:
            start, end = cut(rendition, song, target, file, folder)
            return f"{song.name}, {start:.1f} s to {end:.1f} s"
    log.info("%s: no excerpt, because its rendition is not given", estimates)
    return ""


def heard_song(rendition: Rendition, listed: Collection[str]) -> RenditionSong:
    """Return the first test song or, where no test song is listed, the first song that is."""
    tests = [song for song in rendition.songs if song.subset == "test"]
    if any(song.name in listed for song in tests):
        return tests[0]
    return next((song for song in rendition.songs if song.name in listed), rendition.songs[0])


def cut(
    rendition: Rendition, song: RenditionSong, source: str, file: Path, folder: Path
) -> tuple[float, float]:
    """Write the three excerpts of ``song``; return where they begin and end (s).

    Args:
        rendition: holds the song.
        song: what is heard.
        source: whose loudest part is chosen.
        file: its estimate.
        folder: exists.
    """
    stems, rate = rendition.audio(song), rendition.rate
    target = stems[rendition.stems.index(source)]
    start = loudest(target, SECONDS * rate, max(1, rate // STEPS_PER_SECOND))
    end = min(start + SECONDS * rate, song.samples)
    estimate, _ = soundfile.read(file, end - start, start, dtype="float32", always_2d=True)
    excerpts = {
        f"{source} estimate": estimate.T,
        f"{source} target": target[:, start:end],
        "mixture": stems[0, :, start:end],
    }
    write_audio(excerpts, rate, folder)
    return start / rate, end / rate


def estimate_of(estimates: Path, song: RenditionSong, names: Sequence[str]) -> tuple[str, Path]:
    """Return which source of ``song`` is heard, and the file of its estimate.

    Args:
        estimates: the ``estimates.json`` of a run.
        song: the song.
        names: of its stems, the mixture first.

    Raises:
        UserError: the estimates lack the song, or all of its sources.
    """
    for entry in read_estimates(estimates):
        if entry.name == song.name:
            for source in (default_target(names), *names[1:]):
                if source in entry.files:
                    return source, entry.files[source]
    raise UserError(
        f"{estimates}: no estimate of a source of {song.name!r} ({', '.join(names[1:])}); separate "
        "the songs again"
    )


def write_audio(excerpts: Mapping[str, np.ndarray], rate: int, folder: Path) -> None:
    """Write each array, (channels, samples), as a 16-bit FLAC file of its name."""
    peak = max(1.0, *(float(np.abs(audio).max(initial=0.0)) for audio in excerpts.values()))
    for name, audio in excerpts.items():
        soundfile.write(folder / f"{name}.flac", audio.T / peak, rate, subtype="PCM_16")
