"""Another pitch, and another tempo if that is asked for too: the phase vocoder and resampling."""

from fractions import Fraction

import torch.nn.functional as F
from torch import Tensor, nn
from torchaudio.functional import resample as sinc_resample

from mssbench.data.resample import BETA, ROLLOFF, ZERO_CROSSINGS
from mssbench.stretching.length import stretched_length
from mssbench.stretching.phase_vocoder import HOP, N_FFT, stretch

# The filter bank of the resampling has one filter for each step of the denominator. With this many
# every semitone is met within a hundredth of one.
FINEST = 300

# The filter of the renditions, in torchaudio's terms: it computes on any device.
FILTER = {
    "resampling_method": "sinc_interp_kaiser",
    "lowpass_filter_width": ZERO_CROSSINGS,
    "rolloff": ROLLOFF,
    "beta": BETA,
}


def pitch_ratio(semitones: float) -> Fraction:
    """Return by what frequencies are multiplied, as a ratio of small whole numbers."""
    return Fraction(2 ** (semitones / 12)).limit_denominator(FINEST)


def shift_pitch(
    signal: Tensor, semitones: float, factor: float = 1, n_fft: int = N_FFT, hop: int = HOP
) -> Tensor:
    """Play ``signal`` with its pitch moved, at ``factor`` times its tempo.

    The signal is stretched by the ratio of the frequencies and then resampled by the same ratio,
    with the filter of `mssbench.data.resample`. Zero semitones at factor 1 change nothing.

    Args:
        signal: (..., samples), float32 or float64.
        semitones: above 0 is higher; 12 are an octave.
        factor: above 1 is faster and shorter.
        n_fft: length of the vocoder's window and transform (samples).
        hop: samples from one of its frames to the next.

    Returns:
        (..., round(samples / factor)), on the signal's device.

    Raises:
        ValueError: what `stretch` refuses.
    """
    ratio = pitch_ratio(semitones)
    if ratio == 1:
        return signal.clone() if factor == 1 else stretch(signal, factor, n_fft, hop)
    longer = stretch(signal, float(factor / ratio), n_fft, hop)
    # Zeros beyond the end leave room to cut exactly.
    longer = F.pad(longer, (0, 16 * ratio.numerator))
    length = stretched_length(signal.shape[-1], factor)
    shifted = signal.new_empty(*signal.shape[:-1], length)
    # One signal after the other: the convolution takes ten times the signal's memory.
    for row, made in zip(longer.view(-1, longer.shape[-1]), shifted.view(-1, length), strict=True):
        made.copy_(sinc_resample(row, ratio.numerator, ratio.denominator, **FILTER)[:length])
    return shifted


class ShiftPitch(nn.Module):
    """`shift_pitch` with its parameters.

    Args:
        semitones: above 0 is higher.
        factor: above 1 is faster and shorter.
        n_fft: length of the vocoder's window and transform (samples).
        hop: samples from one of its frames to the next.
    """

    def __init__(
        self, semitones: float, factor: float = 1, n_fft: int = N_FFT, hop: int = HOP
    ) -> None:
        super().__init__()
        self.semitones, self.factor, self.n_fft, self.hop = semitones, factor, n_fft, hop

    def forward(self, signal: Tensor) -> Tensor:
        """Shift (..., samples)."""
        return shift_pitch(signal, self.semitones, self.factor, self.n_fft, self.hop)
