"""WebRTC's voice activity detection, as HTMD-Net's evaluation uses it."""

import numpy as np

RATE = 16000
FRAME = 320
"""20 ms (samples at 16 kHz)."""

# The most aggressive in rejecting what is not speech.
MODE = 3

# The level that a segment beyond full scale is brought to.
BELOW_FULL_SCALE = 0.99


def voice_activity(segments: np.ndarray, rate: int) -> np.ndarray:
    """Return in which frames of 20 ms there is a voice, segment by segment.

    As the package pyvad does in the evaluation of C. Garoufis, A. Zlatintsi and P. Maragos,
    "HTMD-Net", EUSIPCO 2021 (released code, evaluate_silence.py): each segment is resampled to
    16 kHz on its own, cut to 16-bit samples and filled with zeros to whole frames, one more than
    fit; a detector that has heard nothing else decides on each frame; and a voice extends to the
    frame before and after. The resampler is ``mssbench.data.resample``'s, with librosa's window of
    the time. What exceeds full scale, which ends the authors' script, is brought to 0.99 of it.

    Args:
        segments: (segments, samples), one channel.
        rate: sample rate (Hz).

    Returns:
        Truth values, (segments, frames); a frame that ends beyond the segment counts.
    """
    from mssbench.data.resample import sinc

    samples = segments.astype(np.float32)
    if rate != RATE:
        samples = sinc(samples, rate, RATE)
    peaks = np.abs(samples).max(axis=1, keepdims=True, initial=0)
    samples = np.where(peaks > 1, samples * (BELOW_FULL_SCALE / np.maximum(peaks, 1)), samples)
    # Cut, not rounded, as the authors' code does.
    pcm16 = np.clip(samples * 2.0**15, -(2**15), 2**15 - 1).astype(np.int16)
    length = pcm16.shape[1]
    frames = length // FRAME + 1
    framed = np.pad(pcm16, ((0, 0), (0, frames * FRAME - length)))
    heard = np.array([decisions(segment) for segment in framed.reshape(-1, frames, FRAME)], bool)
    heard = heard.reshape(-1, frames)
    spread = heard.copy()
    spread[:, 1:] |= heard[:, :-1]
    spread[:, :-1] |= heard[:, 1:]
    # One label every 320 samples, the last sample left out: a frame of it alone has none.
    return spread[:, : -(-(length - 1) // FRAME)]


def decisions(frames: np.ndarray) -> list[bool]:
    """Return what a detector that has heard nothing says of successive frames of int16 samples."""
    import webrtcvad

    detector = webrtcvad.Vad(MODE)
    return [detector.is_speech(frame.tobytes(), RATE) for frame in frames]
