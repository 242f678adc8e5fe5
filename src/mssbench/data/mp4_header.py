"""What an MP4 file says of its audio tracks, read without starting a program.

Only files as plain as those of MUSDB18 are understood: AAC-LC, one description a track, one edit.
Of all others nothing is said, and ffmpeg's own reading decides.
"""

from collections.abc import Iterator
from pathlib import Path

from mssbench.data.wav import Header

# Below that, AAC may carry the upper half of its band in a way that only decoding shows.
LEAST_RATE = 32000

# ISO/IEC 14496-3: sampling frequencies by index, and "AAC LC" among the audio object types.
RATES = (96000, 88200, 64000, 48000, 44100, 32000)
AAC_LC = 2

# ISO/IEC 14496-1: tags of descriptors, and "Audio ISO/IEC 14496-3" among the object types.
ES, DECODER_CONFIG, DECODER_SPECIFIC = 3, 4, 5
MPEG4_AUDIO = 0x40

# Samples of a frame. An edit that leaves out more at a track's end is no padding.
FRAME = 1024

# Begins an AAC-LC description's remark on the upper half; 0 behind it says that there is none.
EXTENSION = 0x2B7 << 5 | 5


class NotPlainError(ValueError):
    """The file is none that can be understood here."""


def audio_headers(path: Path) -> list[Header] | None:
    """Return the headers of an MP4 file's audio tracks in order, or None if they are not plain.

    Lengths are those of the decoded tracks up to the padding at their end.
    """
    try:
        movie = _movie(path)
        # A file that grows piece by piece says nothing in its header.
        if b"mvex" in dict(_boxes(movie)):
            return None
        scale, _ = _times(_inside(movie, b"mvhd"))
        tracks = [body for kind, body in _boxes(movie) if kind == b"trak"]
        return [_header(track, scale) for track in tracks if _kind(track) == b"soun"]
    except (OSError, NotPlainError):
        return None


def _movie(path: Path) -> bytes:
    """Return the content of a file's ``moov`` box."""
    with path.open("rb") as file:
        while len(begin := file.read(8)) == 8:
            size, kind, head = int.from_bytes(begin[:4]), begin[4:], 8
            if size == 1:
                size, head = int.from_bytes(file.read(8)), 16
            if size < head:
                break
            if kind == b"moov":
                content = file.read(size - head)
                if len(content) < size - head:
                    break
                return content
            file.seek(size - head, 1)
    raise NotPlainError


def _boxes(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and body of each box that ``content`` is made of."""
    place = 0
    while place < len(content):
        size = int.from_bytes(content[place : place + 4])
        if size < 8 or place + size > len(content):
            raise NotPlainError
        yield content[place + 4 : place + 8], content[place + 8 : place + size]
        place += size


def _inside(content: bytes, *kinds: bytes) -> bytes:
    """Return the body of the one box that lies in boxes of these kinds."""
    for kind in kinds:
        found = [body for other, body in _boxes(content) if other == kind]
        if len(found) != 1:
            raise NotPlainError
        content = found[0]
    return content


def _kind(track: bytes) -> bytes:
    return _inside(track, b"mdia", b"hdlr")[8:12]


def _header(track: bytes, movie_scale: int) -> Header:
    """Return what a ``trak`` box says, in a file that counts ``movie_scale`` to the second."""
    scale, duration = _times(_inside(track, b"mdia", b"mdhd"))
    rate, channels = _description(_inside(track, b"mdia", b"minf", b"stbl", b"stsd"))
    heard, skipped = _edit(track)
    samples = duration - skipped
    left_out = 0 if heard is None else samples - heard * rate / movie_scale
    if scale != rate or samples <= 0 or left_out > FRAME + rate / movie_scale:
        raise NotPlainError
    return Header(samples, rate, channels)


def _times(content: bytes) -> tuple[int, int]:
    """Return parts a second and duration (parts) that an ``mdhd`` or ``mvhd`` box tells."""
    wide = 8 if content[:1] == b"\1" else 4
    place = 4 + 2 * wide
    scale = int.from_bytes(content[place : place + 4])
    duration = int.from_bytes(content[place + 4 : place + 4 + wide])
    if not scale or duration >= 1 << (8 * wide - 1):
        raise NotPlainError
    return scale, duration


def _edit(track: bytes) -> tuple[int | None, int]:
    """Return a track's length (in the file's time) by its edit, and the samples skipped before.

    Without an edit the length is None.
    """
    if b"edts" not in dict(_boxes(track)):
        return None, 0
    edits = _inside(track, b"edts", b"elst")
    wide = 8 if edits[:1] == b"\1" else 4
    skipped = int.from_bytes(edits[8 + wide : 8 + 2 * wide], signed=True)
    if int.from_bytes(edits[4:8]) != 1 or skipped < 0:
        raise NotPlainError
    return int.from_bytes(edits[8 : 8 + wide]), skipped


def _description(samples: bytes) -> tuple[int, int]:
    """Return rate (Hz) and channels that a ``stsd`` box tells."""
    entries = list(_boxes(samples[8:]))
    if len(entries) != 1 or entries[0][0] != b"mp4a" or entries[0][1][8:10] != b"\0\0":
        raise NotPlainError
    return _aac(_inside(entries[0][1][28:], b"esds")[4:])


def _aac(descriptors: bytes) -> tuple[int, int]:
    stream = _described(descriptors, ES)
    if len(stream) < 3 or stream[2] & 0xE0:
        raise NotPlainError
    decoder = _described(stream[3:], DECODER_CONFIG)
    if decoder[:1] != bytes([MPEG4_AUDIO]):
        raise NotPlainError
    audio = _described(decoder[13:], DECODER_SPECIFIC)
    told, rest = int.from_bytes(audio[:2]), audio[2:]
    # 5 bits for the type, 4 for the rate, 4 for the channels, 3 that are 0 for frames of 1024.
    kind, rate, channels = told >> 11, told >> 7 & 15, told >> 3 & 15
    extended = len(rest) > 0 and (int.from_bytes(rest[:2]) != EXTENSION or rest[2:3] >= b"\x80")
    if kind != AAC_LC or rate >= len(RATES) or channels not in (1, 2) or told & 7 or extended:
        raise NotPlainError
    return RATES[rate], channels


def _described(content: bytes, tag: int) -> bytes:
    """Return the body of the descriptor that ``content`` begins with, which must have ``tag``."""
    if content[:1] != bytes([tag]):
        raise NotPlainError
    size, place, more = 0, 1, True
    while more and place < min(5, len(content)):
        size, more = size << 7 | content[place] & 127, content[place] > 127
        place += 1
    if more or place + size > len(content):
        raise NotPlainError
    return content[place : place + size]
