"""HTMD-Net's measures of silence: predicted energy and accuracy of the voice's activity."""

import numpy as np

from mssbench.scoring.voice_activity import voice_activity

# A quarter of the network's input (samples; Hz).
SEGMENT, SEGMENT_RATE = 4096, 22050

# Of log10 of the RMS: an estimate of zeros alone has -2000 dB.
FLOOR = -100


def segment_length(rate: int, segment: int = SEGMENT) -> int:
    """Return the samples at ``rate`` (Hz) of a segment of ``segment`` samples at 22.05 kHz."""
    return max(1, round(segment * rate / SEGMENT_RATE))


def htmd_net_silence(
    reference: np.ndarray, estimate: np.ndarray, rate: int, segment: int = SEGMENT
) -> tuple[np.ndarray, np.ndarray]:
    """Return HTMD-Net's PES (dB) and VAD accuracy (%) of the vocals in each segment.

    C. Garoufis, A. Zlatintsi and P. Maragos, "HTMD-Net", EUSIPCO 2021, by their released code
    (evaluate_silence.py). Both have one value for each segment of 186 ms; see ``voice_activity``.

    - PES: 20 log10 of the estimate's RMS, at least -2000 dB, in segments in which the source has
      a voice in no more than half of the frames; NaN in others. Lower is better. The authors take
      median and mean over the pool of all songs' segments. It is not the PES of WASPAA 2019:
      that is of digital silence, of longer windows and of sums.
    - VAD accuracy: the share of frames in which source and estimate have the same label. As all
      segments have as many frames, the mean over the pool of segments is that over frames.

    Several channels are averaged first; the authors' audio has one. Samples behind the last
    segment, and a last segment that ends with the song, are left out as the script does.

    Args:
        reference: the vocals, (channels, samples).
        estimate: their estimate, in the same shape.
        rate: sample rate (Hz).
        segment: length of a segment (samples at 22.05 kHz). It is an argument of the authors'
            script; the value for the paper is UNVERIFIED, read from the script's comment.

    Returns:
        Two arrays with a value for each segment, none for a song of one segment or less.
    """
    length = segment_length(rate, segment)
    count = len(range(0, reference.shape[-1] - length, length))
    truth, guess = (
        signal.mean(axis=0, dtype=np.float64)[: count * length].reshape(count, length)
        for signal in (reference, estimate)
    )
    if not count:
        return np.empty(0), np.empty(0)
    wanted, found = voice_activity(truth, rate), voice_activity(guess, rate)
    with np.errstate(divide="ignore"):
        levels = np.log10(np.sqrt(np.square(guess).mean(axis=1)))
    silent = wanted.mean(axis=1) <= 0.5
    energies = np.where(silent, 20 * np.maximum(levels, FLOOR), np.nan)
    return energies, 100 * (wanted == found).mean(axis=1)
