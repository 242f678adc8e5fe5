"""Excerpts as small files that browsers decode, with bytes that depend on the audio alone."""

import io
import zlib
from typing import Literal

import numpy as np
import soundfile

from mssbench.errors import UserError

Format = Literal["ogg", "flac"]

SUBTYPES = {"ogg": "VORBIS", "flac": "PCM_16"}
LEVELS = {"ogg": 0.2, "flac": 1.0}  # quality 8 of 10 of Vorbis; the smallest FLAC
LONGEST_WRITE = 1 << 16  # samples: libvorbis keeps what it is given at once on the stack

REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
HEADER = 27  # bytes of an Ogg page before its table of segments


def encode(audio: np.ndarray, rate: int, kind: Format) -> bytes:
    """Return ``audio`` as a file: FLAC of 16 bits, or Ogg Vorbis, a third of its size.

    Args:
        audio: (channels, samples) within full scale, which is 1.
        rate: sample rate (Hz).
        kind: ``ogg`` or ``flac``.

    Raises:
        UserError: the format has no such rate.
    """
    file = io.BytesIO()
    try:
        with soundfile.SoundFile(
            file,
            "w",
            rate,
            len(audio),
            SUBTYPES[kind],
            format=kind.upper(),
            compression_level=LEVELS[kind],
        ) as opened:
            for start in range(0, audio.shape[1], LONGEST_WRITE):
                opened.write(audio[:, start : start + LONGEST_WRITE].T)
    except soundfile.LibsndfileError as error:
        raise UserError(
            f"listening: audio of {rate} Hz cannot be written as {kind} ({error}); "
            "set format to the other of ogg and flac"
        ) from None
    return with_serial(file.getvalue(), 1) if kind == "ogg" else file.getvalue()


def with_serial(stream: bytes, serial: int) -> bytes:
    """Return an Ogg stream with ``serial`` as its number, which libsndfile draws from the clock.

    Each page holds the number and a checksum of itself (RFC 3533, section 6).
    """
    pages, start = bytearray(stream), 0
    while start < len(pages):
        segments = start + HEADER
        count = pages[segments - 1]
        end = segments + count + sum(pages[segments : segments + count])
        pages[start + 14 : start + 18] = serial.to_bytes(4, "little")
        pages[start + 22 : start + 26] = bytes(4)
        pages[start + 22 : start + 26] = checksum(bytes(pages[start:end])).to_bytes(4, "little")
        start = end
    return bytes(pages)


def checksum(page: bytes) -> int:
    """Return Ogg's CRC-32, which is zlib's with the bits of each byte the other way round."""
    reflected = zlib.crc32(page.translate(REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{reflected:032b}"[::-1], 2)
