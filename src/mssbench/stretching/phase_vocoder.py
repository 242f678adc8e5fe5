"""Tempo stretching by phase vocoder: another duration at the same pitch."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

N_FFT, HOP = 2048, 512

# Frames worked on at once: few enough that a song of any length needs little memory.
BLOCK = 64

# Added to each bin: far below what single precision resolves, but a zero has a direction then.
FAINT = 1e-18


def stretched_length(samples: int, factor: float) -> int:
    """Return the number of samples that ``samples`` have at ``factor`` times the tempo."""
    return round(samples / factor)


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
    rounded = window.to(signal)
    padded = F.pad(rows, (n_fft // 2, n_fft // 2))
    frames = padded.unfold(-1, n_fft, hop).transpose(0, 1)
    places = torch.arange(0, len(frames), factor, dtype=torch.float64)
    # Samples in rows of one hop, so that overlapping frames are added whole rows at a time.
    overlap = n_fft // hop
    summed = rows.new_zeros(len(rows), len(places) + overlap - 1, hop)
    by_frame = summed.transpose(0, 1)
    weights = rows.new_zeros(len(places) + overlap - 1, hop)
    phasor = _phasors(_spectra(frames[:1], window, signal.dtype)[0])[1]
    done = 0
    for block in places.split(BLOCK):
        spectra, phasor = _at(block, frames, window, phasor)
        made = torch.fft.irfft(spectra, n=n_fft) * rounded
        for shift in range(overlap):
            there = slice(done + shift, done + shift + len(block))
            part = slice(shift * hop, (shift + 1) * hop)
            by_frame[there] += made[..., part]
            weights[there] += rounded[part].square()
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


def _spectra(frames: Tensor, window: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the transforms (frames, rows, bins), rounded to the complex numbers of ``dtype``."""
    # In double precision by the window's: in single, the rounding of a loud bin would decide the
    # phase of a faint one, and a bin that is faint once and loud later keeps that phase.
    return torch.fft.rfft(frames * window).to(dtype.to_complex())


def _phasors(spectra: Tensor) -> tuple[Tensor, Tensor]:
    """Return magnitude and ``e^(i angle)`` of each bin; a bin of zero has the angle zero."""
    shifted = spectra + FAINT
    parts = torch.view_as_real(shifted)
    power = torch.addcmul(parts[..., 0].square(), parts[..., 1], parts[..., 1])
    inverse = power.rsqrt()
    return power * inverse, shifted * inverse


def _at(places: Tensor, frames: Tensor, window: Tensor, phasor: Tensor) -> tuple[Tensor, Tensor]:
    """Return the spectra at ``places`` and the phasors that follow the last of them.

    Args:
        places: (block,) where in the input each output frame lies, in frames; float64.
        frames: (frames, rows, n_fft), all of the input.
        window: (n_fft,), float64.
        phasor: (rows, bins) of the first of ``places``.

    Returns:
        (block, rows, bins) and (rows, bins), both complex.
    """
    before = places.long()
    first, stop = int(before[0]), int(before[-1]) + 2
    read = _spectra(frames[first:stop], window, phasor.real.dtype)
    if len(frames) < stop:  # silence follows the last frame
        read = F.pad(read, (0, 0, 0, 0, 0, stop - len(frames)))
    magnitudes, phasors = _phasors(read)
    left = (before - first).to(window.device)
    share = (places - before).to(magnitudes)[:, None, None]
    level = torch.lerp(magnitudes[left], magnitudes[left + 1], share)
    # The product of phasors is the sum of angles, without their arcs, sines and cosines.
    advance = phasors[1:] * phasors[:-1].conj()
    turned = phasor.new_empty(len(places) + 1, *phasor.shape)
    turned[0] = phasor
    for frame, here in enumerate((before - first).tolist()):
        torch.mul(turned[frame], advance[here], out=turned[frame + 1])
    # Rounding moves a long product off the unit circle.
    return turned[:-1] * level, turned[-1] / turned[-1].abs()


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
