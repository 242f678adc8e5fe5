"""A song's stems at the rate and channels of a rendition, decoded and resampled side by side."""

from collections.abc import Iterator, Sequence

import numpy as np

from mssbench.data.reader import read_headers, read_song
from mssbench.data.resample import check_rates, resample, resampled_length, to_channels
from mssbench.data.resampler import Resampler
from mssbench.data.song_array import Channels
from mssbench.data.songs import Song
from mssbench.data.stem_mp4 import AAC_SLACK, KEPT, decode, longest
from mssbench.data.wav import Header


def converted(
    song: Song, channels: Channels, rate: int, headers: Sequence[Header] | None = None
) -> Iterator[np.ndarray]:
    """Decode ``song``, downmix and resample it, and yield its stems in order.

    Args:
        song: the song.
        channels: ``mono`` (the mean of the channels) or ``stereo``.
        rate: sample rate (Hz), at most the song's.
        headers: of the song's tracks, if they have been read.

    Yields:
        Float32 of (channels, samples), to be used before the next is asked for.

    Raises:
        UserError: one of the song's files is at fault, or the rate or the channels cannot be had.
    """
    headers = headers or read_headers(song)
    if song.is_stem_mp4 and headers[0].rate != rate:
        yield from _resampled_as_decoded(song, channels, rate, headers)
        return
    stems, source = read_song(song, mono=channels == "mono", headers=headers)
    for stem in stems:
        yield resample(to_channels(stem, channels), source, rate)


def _resampled_as_decoded(
    song: Song, channels: Channels, rate: int, headers: Sequence[Header]
) -> Iterator[np.ndarray]:
    """Yield the stems of a ``.stem.mp4``, of which no more than the resampled ones is held."""
    source, mono = headers[0].rate, channels == "mono"
    check_rates(source, rate)
    given = 1 if mono else headers[0].channels
    to_channels(np.empty((given, 0)), channels)  # refuses what it cannot bring to these channels
    length = resampled_length(longest(headers), source, rate)
    room = _room(len(song.stems) * given * length)
    stems = room[: len(song.stems) * given * length].reshape(-1, given, length)
    # The streams are cut to the shortest, which is known at the end.
    resamplers = [[Resampler(source, rate, place, AAC_SLACK) for place in stem] for stem in stems]

    def take(stem: int, audio: np.ndarray) -> None:
        for resampler, channel in zip(resamplers[stem], audio.T, strict=True):
            resampler.feed(channel)

    samples = decode(song.path, headers, take, mono=mono)
    (length,) = {resampler.finish(samples) for stem in resamplers for resampler in stem}
    if not all(resampler.is_finite for stem in resamplers for resampler in stem):
        read_song(song, mono=mono, headers=headers)  # says where the first such sample is
    for stem in stems:
        yield to_channels(stem[:, :length], channels)
    if room.nbytes <= KEPT:
        _rooms.append(room)


# What was used for one song is used for the next: the system takes as long to clear new memory as
# a tenth of the resampling.
_rooms: list[np.ndarray] = []


def _room(samples: int) -> np.ndarray:
    """Return memory for at least so many samples, float32."""
    room = _rooms.pop() if _rooms else np.empty(0, dtype=np.float32)
    return room if len(room) >= samples else np.empty(samples, dtype=np.float32)
