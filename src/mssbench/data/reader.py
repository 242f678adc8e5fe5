"""Decoding of a song's five tracks, in float32 from the file to the array.

Where mono is asked for, the channels are averaged stem by stem, so that half as much is held.
Samples beyond +-1.0, which lossy coding makes of loud music, are kept: nothing clips and nothing
passes through 16 bits.
"""

from collections.abc import Sequence

import numpy as np

from mssbench.data.songs import Song
from mssbench.data.stem_mp4 import decode, listed, longest, stem_headers
from mssbench.data.wav import Header, read_wav, wav_header
from mssbench.errors import UserError


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
    headers = (
        stem_headers(song.path) if song.is_stem_mp4 else [wav_header(file) for file in song.files]
    )
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
                f"{song.path}: different {what} ({listed(song.tracks, values)}); "
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
    headers = headers or read_headers(song)
    channels = 1 if mono else headers[0].channels
    stems = np.empty((len(song.stems), longest(headers), channels), dtype=np.float32)
    places = [0] * len(stems)

    def take(stem: int, audio: np.ndarray) -> None:
        stems[stem, places[stem] : places[stem] + len(audio)] = audio
        places[stem] += len(audio)

    samples = decode(song.path, headers, take, mono=mono)
    return stems[:, :samples].transpose(0, 2, 1), headers[0].rate


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
