"""Decoding of a song's five tracks, in float32 from the file to the array.

Where mono is asked for, the channels are averaged stem by stem, so that half as much is held.
Samples beyond +-1.0, which lossy coding makes of loud music, are kept: nothing clips and nothing
passes through 16 bits.
"""

import json
import logging
import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from mmap import ACCESS_COPY, mmap
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO, cast

import numpy as np

from mssbench.data.songs import STEMS, Song
from mssbench.data.wav import GET_AGAIN, Header, read_wav, wav_header
from mssbench.errors import UserError

log = logging.getLogger(__name__)

# Two AAC frames. Encoders pad a stream to whole frames of 1024 samples and some trim it again, so
# that the streams of one file, and a stream and its header, may differ by a frame.
AAC_SLACK = 2048


def read_song(
    song: Song, *, mono: bool = False, headers: Sequence[Header] | None = None
) -> tuple[np.ndarray, int]:
    """Decode a song.

    The files of a song must be of one length; a mixture without a file is the sum of the sources.
    The streams of a ``.stem.mp4`` may differ by less than 2048 samples; then all are cut at the end
    to the shortest, with a warning. In the layout of DSD100 a mono source fills each channel of its
    mixture, at the gain of its file.

    Args:
        song: the song.
        mono: whether to give the mean of its channels instead of each.
        headers: what `read_headers` returned, if it has been asked.

    Returns:
        The stems, float32 of (stems, channels, samples) in the order of ``song.stems``, and their
        rate (Hz).

    Raises:
        UserError: a file is missing, empty, truncated or not audio; the tracks differ in length,
            rate or channels; a ``.stem.mp4`` has not five audio streams; a sample is NaN or
            infinite; ffmpeg is needed and missing.
    """
    read = _read_stem_mp4 if song.is_stem_mp4 else _read_wavs
    stems, rate = read(song, mono, headers)
    _check_finite(song, stems, rate)
    return stems, rate


def read_headers(song: Song) -> list[Header]:
    """Return the headers of ``song.tracks`` without decoding.

    Raises:
        UserError: as ``read_song``, as far as the headers tell.
    """
    headers = _probe(song.path) if song.is_stem_mp4 else [wav_header(file) for file in song.files]
    for difference in differences(song, headers):
        raise UserError(difference)
    return headers


def differences(song: Song, headers: Sequence[Header]) -> list[str]:
    """Return in what the tracks of a song differ, though they must not; one line each.

    Lengths are not compared for a ``.stem.mp4``, whose headers tell them to a frame only. Mono
    sources of a song in the layout of DSD100 are no difference.
    """
    fields = [("sample rates", "rate"), ("numbers of channels", "channels")]
    if not song.is_stem_mp4:
        fields.insert(0, ("lengths in samples", "samples"))
    found = []
    for what, field in fields:
        values = [getattr(header, field) for header in headers]
        allowed = {values[0], 1} if field == "channels" and song.is_dsd else {values[0]}
        if not allowed.issuperset(values):
            found.append(
                f"{song.path}: different {what} ({_listed(song.tracks, values)}); "
                "the tracks of a song must have the same"
            )
    return found


def _read_wavs(song: Song, mono: bool, headers: Sequence[Header] | None) -> tuple[np.ndarray, int]:
    samples, rate, channels = (headers or read_headers(song))[0]
    stems = np.empty((len(song.stems), 1 if mono else channels, samples), dtype=np.float32)
    tracks = stems[1:] if song.is_summed else stems
    for track, file in zip(tracks, song.files, strict=True):
        audio = read_wav(file)[0]
        track[:] = audio.mean(axis=0) if mono else audio  # a mono source fills all channels
    if song.is_summed:
        np.sum(tracks, axis=0, out=stems[0])
    return stems, rate


def _read_stem_mp4(
    song: Song, mono: bool, headers: Sequence[Header] | None
) -> tuple[np.ndarray, int]:
    path, headers = song.path, headers or read_headers(song)
    _, rate, channels = headers[0]
    given = 1 if mono else channels
    # Each stem has a place of its own in one file, which then is the array.
    place = max(header.samples for header in headers) + AAC_SLACK
    with ExitStack() as opened:
        memory = opened.enter_context(_memory_file())
        starts = [number * place * given * 4 for number in range(len(STEMS))]
        streams = [opened.enter_context(_opened_again(memory)) for _ in STEMS]
        for stream, start in zip(streams, starts, strict=True):
            stream.seek(start)
        _decode(path, streams, _averaging(channels) if mono else [])
        # The position is one that ffmpeg moved: both processes share what was opened.
        ends = [os.lseek(stream.fileno(), 0, os.SEEK_CUR) for stream in streams]
        lengths = [(end - start) // (4 * given) for end, start in zip(ends, starts, strict=True)]
        samples = _common_length(path, lengths, headers)
        os.ftruncate(memory.fileno(), len(STEMS) * place * given * 4)
        content = mmap(memory.fileno(), 0, access=ACCESS_COPY)
    stems = np.frombuffer(content, "<f4").reshape(len(STEMS), place, given)
    return stems[:, :samples].transpose(0, 2, 1), rate


def _common_length(path: Path, lengths: Sequence[int], headers: Sequence[Header]) -> int:
    """Return the length of the shortest track (samples), once the lengths have been checked."""
    for stem, length, header in zip(STEMS, lengths, headers, strict=True):
        if length == 0 or abs(length - header.samples) >= AAC_SLACK:
            raise UserError(
                f"{path}: truncated or damaged: {length} samples of the {stem} could be decoded "
                f"and the file's header says {header.samples}; {GET_AGAIN}"
            )
    samples = min(lengths)
    if max(lengths) - samples >= AAC_SLACK:
        raise UserError(
            f"{path}: tracks of unequal length in samples ({_listed(STEMS, lengths)}); "
            "the tracks of a song must be equally long"
        )
    if max(lengths) > samples:
        log.warning("%s: cut to the shortest track (%s samples)", path, _listed(STEMS, lengths))
    return samples


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise UserError(
            f"{name} is not installed, and .stem.mp4 files need it; "
            "install it: sudo apt-get install ffmpeg"
        )
    return found


def _probe(path: Path) -> list[Header]:
    if not path.is_file():
        raise UserError(f"{path}: no such file; put it back or make the data set again")
    command = [_tool("ffprobe"), "-v", "error", "-select_streams", "a", "-of", "json"]
    command += ["-show_entries", "stream=sample_rate,channels,duration", f"file:{path}"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise UserError(f"{path}: unreadable audio ({_first_line(done.stderr)}); {GET_AGAIN}")
    streams: list[dict[str, Any]] = json.loads(done.stdout).get("streams", [])
    if len(streams) != len(STEMS):
        raise UserError(
            f"{path}: found {len(streams)} audio streams; a .stem.mp4 needs {len(STEMS)} "
            f"({', '.join(STEMS)})"
        )
    return [
        Header(
            round(float(stream.get("duration", 0)) * int(stream["sample_rate"])),
            int(stream["sample_rate"]),
            int(stream["channels"]),
        )
        for stream in streams
    ]


def _decode(path: Path, streams: Sequence[BinaryIO], changed: Sequence[str]) -> None:
    """Decode the five streams by one ffmpeg process.

    Args:
        path: the ``.stem.mp4``.
        streams: files that get the interleaved float32 samples of one stream each.
        changed: ffmpeg's options for what happens to the samples of each stream.
    """
    command = [_tool("ffmpeg"), "-v", "error", "-nostdin", "-i", f"file:{path}"]
    descriptors = [stream.fileno() for stream in streams]
    for number, descriptor in enumerate(descriptors):
        command += ["-map", f"0:a:{number}", *changed]
        command += ["-c:a", "pcm_f32le", "-f", "f32le", f"pipe:{descriptor}"]
    done = subprocess.run(
        command,
        pass_fds=descriptors,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
    )
    said = done.stderr.decode(errors="replace")
    # ffmpeg drops what it cannot decode and still exits with 0: its messages count as failure.
    if done.returncode != 0 or said.strip():
        raise UserError(f"{path}: damaged audio (ffmpeg: {_first_line(said)}); {GET_AGAIN}")


def _averaging(channels: int) -> list[str]:
    """Return ffmpeg's options for the mean of the channels."""
    mean = "+".join(f"{1 / channels}*c{number}" for number in range(channels))
    return ["-af", f"pan=mono|c0={mean}"]


def _memory_file() -> BinaryIO:
    """Return a file that is gone once closed, in memory where the system has such files.

    Through pipes, ffmpeg and their readers would take turns for each 32 kB.
    """
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("stems"), "w+b", buffering=0)
    return cast(BinaryIO, NamedTemporaryFile(buffering=0))


def _opened_again(memory: BinaryIO) -> BinaryIO:
    """Return a `_memory_file` opened once more, with a position of its own."""
    name = memory.name if isinstance(memory.name, str) else f"/proc/self/fd/{memory.fileno()}"
    return Path(name).open("r+b", buffering=0)


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0] if lines else "no message"


def _listed(names: Sequence[str], values: Sequence[int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))


def _check_finite(song: Song, stems: np.ndarray, rate: int) -> None:
    for number, stem in enumerate(song.tracks):
        bad = bad_samples(stems[number + song.is_summed], rate)
        if bad:
            file = song.path if song.is_stem_mp4 else song.files[number]
            raise UserError(f"{file}: the {stem} is {bad}; mend or replace the file")


def bad_samples(audio: np.ndarray, rate: int) -> str | None:
    """Return where ``audio`` (channels, samples) is NaN or infinite, or None if it nowhere is."""
    # Such a sample makes the sum alike: one quick look, as almost no file has one.
    if np.isfinite(audio.sum(dtype=np.float64)):
        return None
    bad = np.flatnonzero(~np.isfinite(audio).all(axis=0))
    if not bad.size:
        return None
    place = f"sample {bad[0]} ({bad[0] / rate:.3f} s)"
    return f"NaN or infinite at {place} and {bad.size - 1} more"
