"""Decoding of a song's five tracks, in float32 from the file to the array.

Samples beyond +-1.0, which lossy coding makes of loud music, are kept: nothing clips and nothing
passes through 16 bits.
"""

import json
import logging
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

from mssbench.data.songs import STEMS, Song
from mssbench.errors import UserError

log = logging.getLogger(__name__)

# Two AAC frames. Encoders pad a stream to whole frames of 1024 samples and some trim it again, so
# that the streams of one file, and a stream and its header, may differ by a frame.
AAC_SLACK = 2048

# From here on the size in a WAV header says "written to a pipe, length unknown".
STREAMED_BYTES = 0x7FFF0000

# A multiple of every size of a sample frame of up to 16 channels, so that blocks hold whole frames.
PIPE_BYTES = 4 * 720_720

GET_AGAIN = "get the file again"


class Header(NamedTuple):
    """What a file says of one track without being decoded."""

    samples: int
    rate: int
    channels: int


def read_song(song: Song) -> tuple[np.ndarray, int]:
    """Decode a song.

    The five files of a WAV song must be of one length. The streams of a ``.stem.mp4`` may differ
    by less than 2048 samples; then all are cut at the end to the shortest, with a warning.

    Returns:
        The stems, float32 of (5, channels, samples) in the order of STEMS, and their rate (Hz).

    Raises:
        UserError: a file is missing, empty, truncated or not audio; the tracks differ in length,
            rate or channels; a ``.stem.mp4`` has not five audio streams; a sample is NaN or
            infinite; ffmpeg is needed and missing.
    """
    stems, rate = _read_stem_mp4(song) if song.is_stem_mp4 else _read_wavs(song)
    _check_finite(song, stems, rate)
    return stems, rate


def read_headers(song: Song) -> list[Header]:
    """Return the five tracks' headers, in the order of STEMS, without decoding.

    Raises:
        UserError: as ``read_song``, as far as the headers tell.
    """
    if song.is_stem_mp4:
        headers = _probe(song.path)
    else:
        headers = [_wav_header(file) for file in song.files]
        _check_lengths(song.path, [header.samples for header in headers], slack=1)
    for what, field in (("sample rates", "rate"), ("numbers of channels", "channels")):
        found = [getattr(header, field) for header in headers]
        if len(set(found)) > 1:
            raise UserError(
                f"{song.path}: different {what} ({_listed(found)}); "
                "the five tracks of a song must have the same"
            )
    return headers


def _read_wavs(song: Song) -> tuple[np.ndarray, int]:
    samples, rate, channels = read_headers(song)[0]
    stems = np.empty((len(STEMS), channels, samples), dtype=np.float32)
    for stem, file in zip(stems, song.files, strict=True):
        try:
            audio, _ = soundfile.read(file, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise UserError(f"{file}: unreadable audio ({error}); {GET_AGAIN}") from None
        if len(audio) != samples:
            raise UserError(
                f"{file}: truncated: {len(audio)} of {samples} samples could be read; {GET_AGAIN}"
            )
        stem[:] = audio.T
    return stems, rate


def _wav_header(file: Path) -> Header:
    if not file.is_file():
        raise UserError(f"{file}: no such file; put it back or make the data set again")
    try:
        info = soundfile.info(file)
    except soundfile.LibsndfileError as error:
        raise UserError(f"{file}: unreadable audio ({error}); {GET_AGAIN}") from None
    # libsndfile shortens a truncated file silently; only its log tells.
    cut = re.search(r"^data : (\d+) \(should be (\d+)\)", info.extra_info, re.MULTILINE)
    if cut and int(cut[2]) < int(cut[1]) < STREAMED_BYTES:
        raise UserError(
            f"{file}: truncated: {cut[2]} of {cut[1]} bytes of audio are there; {GET_AGAIN}"
        )
    if info.frames == 0:
        raise UserError(f"{file}: empty: it has no sample; {GET_AGAIN}")
    return Header(info.frames, info.samplerate, info.channels)


def _read_stem_mp4(song: Song) -> tuple[np.ndarray, int]:
    path, headers = song.path, read_headers(song)
    _, rate, channels = headers[0]
    room = max(header.samples for header in headers) + AAC_SLACK
    stems = np.empty((len(STEMS), channels, room), dtype=np.float32)
    lengths = _decode(path, stems)
    for stem, length, header in zip(STEMS, lengths, headers, strict=True):
        if length == 0 or abs(length - header.samples) >= AAC_SLACK:
            raise UserError(
                f"{path}: truncated or damaged: {length} samples of the {stem} could be decoded "
                f"and the file's header says {header.samples}; {GET_AGAIN}"
            )
    _check_lengths(path, lengths, slack=AAC_SLACK)
    samples = min(lengths)
    if max(lengths) > samples:
        log.warning("%s: cut to the shortest track (%s samples)", path, _listed(lengths))
    return stems[:, :, :samples], rate


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


def _decode(path: Path, stems: np.ndarray) -> list[int]:
    """Decode the five streams into ``stems`` by one ffmpeg process with a pipe for each stream.

    Args:
        path: the ``.stem.mp4``.
        stems: float32 of (5, channels, room in samples), filled from the start.

    Returns:
        The samples decoded of each stream, also where they went beyond the room.
    """
    command = [_tool("ffmpeg"), "-v", "error", "-nostdin", "-i", f"file:{path}"]
    pipes = [os.pipe() for _ in STEMS]
    writing = [end for _, end in pipes]
    for number, end in enumerate(writing):
        command += ["-map", f"0:a:{number}", "-c:a", "pcm_f32le", "-f", "f32le", f"pipe:{end}"]
    # ffmpeg writes the streams by turns: one reader a pipe, or a full pipe would stop it for good.
    with ThreadPoolExecutor(len(STEMS)) as readers:
        try:
            process = subprocess.Popen(
                command,
                pass_fds=writing,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
        finally:
            for end in writing:
                os.close(end)
            lengths = [
                readers.submit(_fill, stem, reading)
                for stem, (reading, _) in zip(stems, pipes, strict=True)
            ]
        try:
            _, errors = process.communicate()
        except BaseException:
            process.kill()
            raise
    said = errors.decode(errors="replace")
    # ffmpeg drops what it cannot decode and still exits with 0: its messages count as failure.
    if process.returncode != 0 or said.strip():
        raise UserError(f"{path}: damaged audio (ffmpeg: {_first_line(said)}); {GET_AGAIN}")
    return [length.result() for length in lengths]


def _fill(stem: np.ndarray, descriptor: int) -> int:
    """Fill ``stem`` (channels, room) from a pipe of interleaved samples; return their number."""
    channels, room = stem.shape
    filled = 0
    with os.fdopen(descriptor, "rb", buffering=PIPE_BYTES) as pipe:
        while block := pipe.read(PIPE_BYTES):
            whole = len(block) // (4 * channels)
            samples = np.frombuffer(block, "<f4", count=whole * channels).reshape(whole, channels)
            end = min(filled + whole, room)
            stem[:, filled:end] = samples[: max(end - filled, 0)].T
            filled += whole
    return filled


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0] if lines else "no message"


def _listed(values: Sequence[int]) -> str:
    return ", ".join(f"{stem} {value}" for stem, value in zip(STEMS, values, strict=True))


def _check_lengths(path: Path, lengths: Sequence[int], slack: int) -> None:
    if max(lengths) - min(lengths) >= slack:
        raise UserError(
            f"{path}: tracks of unequal length in samples ({_listed(lengths)}); "
            "the five tracks of a song must be equally long"
        )


def _check_finite(song: Song, stems: np.ndarray, rate: int) -> None:
    for number, stem in enumerate(STEMS):
        bad = np.flatnonzero(~np.isfinite(stems[number]).all(axis=0))
        if bad.size:
            file = song.path if song.is_stem_mp4 else song.files[number]
            raise UserError(
                f"{file}: the {stem} is NaN or infinite at sample {bad[0]} "
                f"({bad[0] / rate:.3f} s) and {bad.size - 1} more; mend or replace the file"
            )
