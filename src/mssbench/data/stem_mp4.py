"""The five streams of a ``.stem.mp4``: their headers, and their samples as ffmpeg decodes them."""

import json
import logging
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from mssbench.data.mp4_header import audio_headers
from mssbench.data.songs import STEMS
from mssbench.data.wav import GET_AGAIN, Header
from mssbench.errors import UserError

log = logging.getLogger(__name__)

# Two AAC frames. Encoders pad a stream to whole frames of 1024 samples and some trim it again, so
# that the streams of one file, and a stream and its header, may differ by a frame.
AAC_SLACK = 2048

# Frames of AAC that ffmpeg hands on together, as each handing on takes its time.
TOGETHER = "asetnsamples=16384:p=0"

# Seconds between two looks at what ffmpeg has written.
PAUSE = 0.02

Take = Callable[[int, np.ndarray], None]
"""Gets a stem's number and its next samples, float32 of (samples, channels), to be copied."""


def stem_headers(path: Path) -> list[Header]:
    """Return the headers of the five streams, whose lengths are right to a frame.

    Raises:
        UserError: the file is missing, unreadable or has not five audio streams.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; put it back or make the data set again")
    headers = audio_headers(path) or _probe(path)
    if len(headers) != len(STEMS):
        raise UserError(
            f"{path}: found {len(headers)} audio streams; a .stem.mp4 needs {len(STEMS)} "
            f"({', '.join(STEMS)})"
        )
    return headers


def _probe(path: Path) -> list[Header]:
    command = [_tool("ffprobe"), "-v", "error", "-select_streams", "a", "-of", "json"]
    command += ["-show_entries", "stream=sample_rate,channels,duration", f"file:{path}"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise UserError(f"{path}: unreadable audio ({_first_line(done.stderr)}); {GET_AGAIN}")
    streams: list[dict[str, Any]] = json.loads(done.stdout).get("streams", [])
    return [
        Header(
            round(float(stream.get("duration", 0)) * int(stream["sample_rate"])),
            int(stream["sample_rate"]),
            int(stream["channels"]),
        )
        for stream in streams
    ]


def longest(headers: Sequence[Header]) -> int:
    """Return how long a stream may be at most, (samples)."""
    return max(header.samples for header in headers) + AAC_SLACK


def decode(path: Path, headers: Sequence[Header], take: Take, *, mono: bool = False) -> int:
    """Decode the five streams by one ffmpeg process, and pass the samples on as they come.

    Args:
        path: the ``.stem.mp4``.
        headers: of its streams.
        take: gets the samples, of each stream in order, `longest` of them at most.
        mono: whether to give the mean of the channels.

    Returns:
        The length of the shortest stream (samples). None is longer by `AAC_SLACK`; what is taken
        beyond that length is to be left out.

    Raises:
        UserError: the file is damaged or truncated, or its streams differ in length.
    """
    channels = 1 if mono else headers[0].channels
    changed = [_averaging(headers[0].channels)] if mono else []
    lengths = _decode(path, channels, longest(headers), changed, take)
    return _common_length(path, lengths, headers)


class _Memory:
    """A file in memory that ffmpeg writes one stream to and that is read where it lies.

    Through a pipe all would be copied twice more, 32 kB at a time. On a system without such files
    it is a temporary one.
    """

    def __init__(self) -> None:
        if hasattr(os, "memfd_create"):
            self._file = os.fdopen(os.memfd_create("stem"), "w+b", buffering=0)
        else:
            self._file = TemporaryFile(buffering=0)  # noqa: SIM115
        self._mapped = np.empty(0, dtype=np.uint8)

    def begin(self, size: int) -> int:
        """Have room for ``size`` bytes; return the descriptor to write to."""
        if len(self._mapped) < size:
            self._file.truncate(size)
            self._mapped = np.frombuffer(mmap(self._file.fileno(), size, access=ACCESS_READ), "u1")
        self._file.seek(0)
        return self._file.fileno()

    def samples(self, begin: int, limit: int, channels: int) -> tuple[np.ndarray, int]:
        """Return what has been written from sample ``begin`` on, and where it ends.

        The former is float32 of (samples, channels), up to sample ``limit``.
        """
        # The position is one that ffmpeg moves: both processes share what was opened.
        end = os.lseek(self._file.fileno(), 0, os.SEEK_CUR) // (4 * channels)
        written = self._mapped[4 * channels * begin : 4 * channels * min(end, limit)]
        return written.view("<f4").reshape(-1, channels), end


# What was used for one song is used for the next, or the system would find and clear its pages
# anew. Larger ones (bytes) are not kept.
_kept: list[list[_Memory]] = []
KEPT = 1 << 29


def _decode(
    path: Path, channels: int, samples: int, changed: Sequence[str], take: Take
) -> list[int]:
    """Decode all streams and return their lengths (samples).

    Args:
        path: the ``.stem.mp4``.
        channels: that ffmpeg gives.
        samples: of each stream, at most; no more are passed on.
        changed: filters for the samples of each stream.
        take: gets the samples.
    """
    command = [_tool("ffmpeg"), "-v", "error", "-nostdin", "-filter_threads", "1"]
    command += ["-i", f"file:{path}"]
    memories = _kept.pop() if _kept else [_Memory() for _ in STEMS]
    files = [memory.begin(4 * channels * samples) for memory in memories]
    for number, file in enumerate(files):
        command += ["-map", f"0:a:{number}", "-af", ",".join([TOGETHER, *changed])]
        command += ["-c:a", "pcm_f32le", "-flush_packets", "0", "-f", "f32le", f"pipe:{file}"]
    ends = [0] * len(STEMS)
    with TemporaryFile() as messages:
        decoder = subprocess.Popen(
            command,
            pass_fds=files,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=messages,
        )
        try:
            while True:
                ended = decoder.poll() is not None
                for number, memory in enumerate(memories):
                    written, ends[number] = memory.samples(ends[number], samples, channels)
                    if len(written):
                        take(number, written)
                if ended:
                    break
                time.sleep(PAUSE)
        finally:
            decoder.kill()
            decoder.wait()
        messages.seek(0)
        said = messages.read().decode(errors="replace")
    if 4 * channels * samples * len(memories) <= KEPT:
        _kept.append(memories)
    # ffmpeg drops what it cannot decode and still exits with 0: its messages count as failure.
    if decoder.returncode != 0 or said.strip():
        raise UserError(f"{path}: damaged audio (ffmpeg: {_first_line(said)}); {GET_AGAIN}")
    return ends


def _averaging(channels: int) -> str:
    """Return ffmpeg's filter for the mean of the channels."""
    mean = "+".join(f"{1 / channels}*c{number}" for number in range(channels))
    return f"pan=mono|c0={mean}"


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
            f"{path}: tracks of unequal length in samples ({listed(STEMS, lengths)}); "
            "the tracks of a song must be equally long"
        )
    if max(lengths) > samples:
        log.warning("%s: cut to the shortest track (%s samples)", path, listed(STEMS, lengths))
    return samples


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise UserError(
            f"{name} is not installed, and .stem.mp4 files need it; "
            "install it: sudo apt-get install ffmpeg"
        )
    return found


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0] if lines else "no message"


def listed(names: Sequence[str], values: Sequence[int]) -> str:
    """Return names and their values, as in ``drums 5000, bass 5000``."""
    return ", ".join(f"{name} {value}" for name, value in zip(names, values, strict=True))
