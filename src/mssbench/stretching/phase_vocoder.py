"""Tempo stretching by phase vocoder: another duration at the same pitch."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mssbench.stretching.length import stretched_length

N_FFT, HOP = 2048, 512

# Frames of all rows together that are worked on at once, few enough that they stay near the core,
# and the least of each row, enough that the work outweighs the calls.
BLOCK, LEAST = 128, 32

# Spectra are worked on so many times as large, a power of two that rounds nothing: the square of
# what is left of a fading sound would be no number of single precision. Loud ones stay far below
# the greatest: samples may reach 10^7.
LARGER = 2.0**30

# Added to each enlarged bin: a zero has a direction then. It is far below what a fade of float32
# samples comes to, whose phase is kept through a silence.
FAINT = 1e-18


def stretch(signal: Tensor, factor: float, n_fft: int = N_FFT, hop: int = HOP) -> Tensor:
    """Play ``signal`` at ``factor`` times its tempo, with its pitch.

    The phase vocoder of Flanagan and Golden (1966) with a Hann window and zeros around the ends,
    as in librosa's ``effects.time_stretch``: the output's frame t lies at input frame ``factor *
    t``, its magnitude is interpolated linearly between the two input frames around it, and each
    bin's phase advances from one output frame to the next as it does between those two.

    All leading axes are independent of each other and stretched side by side.

    Args:
        signal: (..., samples), float32 or float64.
        factor: above 1 is faster and shorter, 1 leaves the signal as it is.
        n_fft: length of the window and the transform (samples).
        hop: samples from one frame to the next; ``n_fft`` is a multiple of it, at least fourfold.

    Returns:
        (..., round(samples / factor)), on the signal's device.

    Raises:
        ValueError: a factor that is not above 0 and finite, or another ``hop``.
    """
    _check(factor, n_fft, hop)
    samples = signal.shape[-1]
    rows = signal.reshape(signal.shape[:-1].numel(), samples)
    window = torch.hann_window(n_fft, dtype=torch.float64, device=signal.device)
    analysis = _Analysis(F.pad(rows, (n_fft // 2, n_fft // 2)), window * LARGER, hop)
    places = torch.arange(0, analysis.frames, factor, dtype=torch.float64)
    # Samples in rows of one hop, so that overlapping frames are added whole rows at a time.
    overlap = n_fft // hop
    summed = rows.new_zeros(len(rows), len(places) + overlap - 1, hop)
    weights = rows.new_zeros(len(places) + overlap - 1, hop)
    parts = window.to(rows).view(overlap, hop)
    phasor = torch.complex(*analysis.phasors(0, 1)[1:])[0]
    done = 0
    for block in places.split(max(LEAST, BLOCK // max(1, len(rows)))):
        spectra, phasor = _at(block, analysis, phasor)
        made = torch.fft.irfft(spectra, n=n_fft).unflatten(-1, (overlap, hop)).transpose(0, 1)
        for shift, part in enumerate(parts):
            there = slice(done + shift, done + shift + len(block))
            summed[:, there].addcmul_(made[:, :, shift], part, value=1 / LARGER)
            weights[there].add_(part.square())
        done += len(block)
    kept = slice(n_fft // 2, n_fft // 2 + stretched_length(samples, factor))
    stretched = summed.flatten(1)[:, kept].div_(weights.flatten()[kept])
    return stretched.reshape(*signal.shape[:-1], stretched.shape[-1])


def _check(factor: float, n_fft: int, hop: int) -> None:
    if not (factor > 0 and math.isfinite(factor)):
        raise ValueError(f"factor: found {factor}; allowed is a finite number above 0")
    if hop < 1 or n_fft % hop or n_fft < 4 * hop:
        raise ValueError(
            f"hop: found {hop}; allowed is n_fft ({n_fft}) divided by a whole number of 4 or more"
        )


class _Analysis:
    """The input's frames, transformed when they are asked for.

    Args:
        padded: (rows, samples).
        window: (n_fft,), float64, times what the spectra are to be enlarged by.
        hop: samples from one frame to the next.

    Attributes:
        frames: how many there are.
    """

    def __init__(self, padded: Tensor, window: Tensor, hop: int) -> None:
        self.padded, self.window, self.hop = padded, window, hop
        self.frames = (padded.shape[-1] - len(window)) // hop + 1

    def phasors(self, first: int, stop: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return magnitude, cosine and sine of each bin's angle for frames ``first`` to ``stop``.

        Each is (frames, rows, bins), real. A bin of zero has the angle zero, and silence follows
        the last frame.
        """
        n_fft, held = len(self.window), min(stop, self.frames)
        samples = self.padded[:, first * self.hop : (held - 1) * self.hop + n_fft]
        # In double precision: in single, the rounding of a loud bin would decide the phase of a
        # faint one, and a bin that is faint once and loud later keeps that phase. The samples are
        # converted before they are copied to overlapping frames, which is a quarter of the work.
        frames = samples.double().unfold(-1, n_fft, self.hop) * self.window
        spectra = torch.fft.rfft(frames).transpose(0, 1)
        # Real and imaginary parts apart: most of what follows is several times as fast so.
        real, imaginary = (
            part.to(self.padded.dtype, memory_format=torch.contiguous_format)
            for part in (spectra.real, spectra.imag)
        )
        if held < stop:
            real, imaginary = (
                F.pad(part, (0, 0, 0, 0, 0, stop - held)) for part in (real, imaginary)
            )
        real += FAINT
        magnitude = torch.addcmul(real.square(), imaginary, imaginary).sqrt_()
        inverse = magnitude.reciprocal()
        return magnitude, real.mul_(inverse), imaginary.mul_(inverse)


def _at(places: Tensor, analysis: _Analysis, phasor: Tensor) -> tuple[Tensor, Tensor]:
    """Return the spectra at ``places`` and the phasors that follow the last of them.

    Args:
        places: (block,) where in the input each output frame lies, in frames; float64.
        analysis: the input.
        phasor: (rows, bins), complex, of the first of ``places``.

    Returns:
        (block, rows, bins) and (rows, bins), both complex.
    """
    before = places.long()
    first = int(before[0])
    magnitude, cosine, sine = analysis.phasors(first, int(before[-1]) + 2)
    left = (before - first).to(phasor.device)
    share = (places - before).to(magnitude)[:, None, None]
    level = magnitude.index_select(0, left).lerp_(magnitude.index_select(0, left + 1), share)
    # The product of phasors is the sum of angles, without their arcs, sines and cosines.
    advance = torch.complex(
        torch.addcmul(cosine[1:] * cosine[:-1], sine[1:], sine[:-1]),
        torch.addcmul(sine[1:] * cosine[:-1], cosine[1:], sine[:-1], value=-1),
    ).unbind()
    turned = phasor.new_empty(len(places) + 1, *phasor.shape)
    turned[0] = phasor
    steps = turned.unbind()
    for frame, here in enumerate((before - first).tolist()):
        torch.mul(steps[frame], advance[here], out=steps[frame + 1])
    # Rounding moves a long product off the unit circle; a step of Newton's method brings it back.
    power = torch.view_as_real(steps[-1]).square().sum(-1)
    return turned[:-1] * level, steps[-1] * (1.5 - 0.5 * power)


class Stretch(nn.Module):
    """`stretch` with its parameters.

    Args:
        factor: above 1 is faster and shorter.
        n_fft: length of the window and the transform (samples).
        hop: samples from one frame to the next.

    Raises:
        ValueError: what `stretch` refuses.
    """

    def __init__(self, factor: float, n_fft: int = N_FFT, hop: int = HOP) -> None:
        super().__init__()
        _check(factor, n_fft, hop)
        self.factor, self.n_fft, self.hop = factor, n_fft, hop

    def forward(self, signal: Tensor) -> Tensor:
        """Stretch (..., samples)."""
        return stretch(signal, self.factor, self.n_fft, self.hop)
