"""Reading every file of a data set to find what is wrong with it.

What makes a song unusable (``BROKEN``) is told from what spoils training or scores with it
(``FAULTS``: clipping, sources that do not sum to the mixture) and from what a user should know of
it: a silent stem, as many songs have that lack an instrument.
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from mssbench.data.levels import clipped_runs, peak_level, sum_difference
from mssbench.data.reader import bad_samples, differences, read_song
from mssbench.data.songs import Song
from mssbench.data.wav import Header, read_wav
from mssbench.errors import UserError
from mssbench.progress import Progress
from mssbench.workers import work_through

log = logging.getLogger(__name__)

Kind = Literal["unreadable", "stems", "unequal", "not finite", "sum", "silent", "clipped"]

BROKEN: frozenset[Kind] = frozenset({"unreadable", "stems", "unequal", "not finite"})
"""Kinds of findings with which a song cannot be used."""

FAULTS: frozenset[Kind] = frozenset({"sum", "clipped"})
"""Kinds of findings with which a song can be used, and training or scoring is not as it should."""

SILENCE = -80.0
"""A stem is silent when no sample is above this level (dBFS): dither of 16 bits is below it."""

SUM_LEVEL = {"wav": -40.0, "stem.mp4": -20.0}
"""From here on a difference between the mixture and the sum of its sources is a finding: energy
in a channel, in dB of the mixture's. Lossy coding of each stream alone makes about -30 dB."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a song.

    Attributes:
        kind: what sort of fault.
        text: names the stem or file and says what was found.
    """

    kind: Kind
    text: str

    @property
    def is_broken(self) -> bool:
        """Whether the song cannot be used."""
        return self.kind in BROKEN


@dataclass(frozen=True)
class SongCheck:
    """What was measured of a song.

    Attributes:
        song: the song.
        samples: length of the first track, the mixture if there is one; 0 where it could not be
            read.
        rate: its sample rate (Hz); 0 where it could not be read.
        channels: number of channels of each stem that could be read.
        difference: largest absolute difference of a sample between the mixture and the sum of
            its sources (dBFS); NaN where it could not be measured, or the mixture is
            their sum by rule; -inf where there is none.
        relative: energy of that difference in dB of the mixture's energy, in the channel where
            it is largest; NaN and -inf as above.
        silent: the stems that are silent.
        clipped: number of clipped samples in all stems.
        findings: what is wrong.
    """

    song: Song
    samples: int = 0
    rate: int = 0
    channels: tuple[int, ...] = ()
    difference: float = math.nan
    relative: float = math.nan
    silent: tuple[str, ...] = ()
    clipped: int = 0
    findings: tuple[Finding, ...] = ()


def check_songs(songs: Sequence[Song], workers: int = 1) -> list[SongCheck]:
    """Check each song; one that cannot be checked is a finding and does not stop the others.

    Args:
        songs: the songs.
        workers: number of processes; each takes about six times a song's stereo float32 audio.

    Returns:
        The checks in the order of ``songs``.

    Raises:
        UserError: a worker was killed.
    """
    checks: dict[Song, SongCheck] = {}
    work = {song: partial(check_song, song) for song in songs}
    progress = Progress("check", len(work))
    for song, future in work_through(work, workers, preload=[__name__]):
        error = future.exception()
        if error is None:
            checks[song] = future.result()
        else:
            log.warning("%s: the check failed", song.path, exc_info=error)
            text = f"{song.path}: could not be checked ({type(error).__name__}: {error})"
            checks[song] = SongCheck(song, findings=(Finding("unreadable", text),))
        progress.advance()
    progress.close()
    return [checks[song] for song in songs]


def check_song(song: Song) -> SongCheck:
    """Read all of a song and measure it."""
    tracks, findings = read_tracks(song)
    silent, clipped, is_finite = [], 0, True
    for name, (audio, header) in tracks.items():
        bad = bad_samples(audio, header.rate)
        if bad:
            findings.append(Finding("not finite", f"{name} is {bad}"))
            is_finite = False
            continue
        if peak_level(audio) <= SILENCE:
            silent.append(name)
            findings.append(Finding("silent", f"{name} has no sample above {SILENCE:.0f} dBFS"))
        runs = clipped_runs(audio)
        if runs:
            findings.append(clipping(name, runs, header.rate))
            clipped += sum(length for _, length in runs)
    difference = relative = math.nan
    is_whole = len(tracks) == len(song.tracks) and not any(f.kind == "unequal" for f in findings)
    if is_whole and is_finite and not song.is_summed:
        mixture, *sources = [audio for audio, _ in tracks.values()]
        difference, relatives = sum_difference(mixture, sources)
        relative = max(relatives)
        allowed = SUM_LEVEL["stem.mp4" if song.is_stem_mp4 else "wav"]
        if relative > allowed:
            findings.append(no_sum(difference, relatives, allowed))
    first = song.tracks[0]
    header = tracks[first][1] if first in tracks else Header(0, 0, 0)
    return SongCheck(
        song,
        header.samples,
        header.rate,
        tuple(header.channels for _, header in tracks.values()),
        difference,
        relative,
        tuple(silent),
        clipped,
        tuple(findings),
    )


def read_tracks(song: Song) -> tuple[dict[str, tuple[np.ndarray, Header]], list[Finding]]:
    """Decode the tracks of a song that can be decoded.

    Returns:
        Audio (channels, samples) and header of each readable track by name, and the findings:
        what cannot be read, and in what the tracks differ though they must not.
    """
    tracks, findings = {}, []
    if song.is_stem_mp4:
        try:
            stems, rate = read_song(song)
        except (UserError, OSError) as error:
            return {}, [Finding("unreadable", str(error))]
        header = Header(stems.shape[2], rate, stems.shape[1])
        return {name: (audio, header) for name, audio in zip(song.stems, stems, strict=True)}, []
    for name, file in zip(song.tracks, song.files, strict=True):
        try:
            tracks[name] = read_wav(file)
        except (UserError, OSError) as error:
            findings.append(Finding("unreadable", str(error)))
    if len(tracks) == len(song.tracks):
        headers = [header for _, header in tracks.values()]
        findings += [Finding("unequal", text) for text in differences(song, headers)]
    return tracks, findings


def clipping(name: str, runs: Sequence[tuple[int, int]], rate: int) -> Finding:
    """Return the finding that the stem ``name`` clips in ``runs`` (first sample, length)."""
    places = "1 place" if len(runs) == 1 else f"{len(runs)} places"
    longest = max(length for _, length in runs)
    return Finding(
        "clipped",
        f"{name} is clipped in {places}, first at {runs[0][0] / rate:.3f} s; "
        f"the longest is {longest} samples",
    )


def no_sum(difference: float, relatives: Sequence[float], allowed: float) -> Finding:
    """Return the finding that the sources do not sum to the mixture.

    Args:
        difference: largest absolute sample of the difference (dBFS).
        relatives: energy of the difference in dB of the mixture's, in each channel.
        allowed: up to here it is no finding.
    """
    names = ("left", "right") if len(relatives) == 2 else range(1, len(relatives) + 1)
    channels = ", ".join(
        f"{relative:.1f} dB" if len(relatives) == 1 else f"{name} {relative:.1f} dB"
        for name, relative in zip(names, relatives, strict=True)
    )
    return Finding(
        "sum",
        f"the sources do not sum to the mixture: they differ by up to {difference:.1f} dBFS; "
        f"energy of the difference in dB of the mixture's: {channels} (allowed {allowed:.0f} dB)",
    )
