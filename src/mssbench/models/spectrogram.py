"""The short-time Fourier transform of the models that work on spectrograms, and its inverse."""

import torch
from torch import Tensor
from torch.nn.functional import pad


def spectrogram(waves: Tensor, n_fft: int, hop: int, window: Tensor | None = None) -> Tensor:
    """Return the short-time Fourier transform of waveforms.

    Frame t is centred on sample t * hop; the signal is continued by zeros at both ends. So the
    frames of an excerpt are those of the song, but for the first and the last few. The last frame
    is centred on the last sample or behind it: else the inverse would divide by next to nothing
    there, where the hop is half a window or more.

    Args:
        waves: (..., samples).
        n_fft: length of a frame (samples).
        hop: distance of two frames (samples).
        window: (n_fft,); None for a periodic Hann window.

    Returns:
        Complex (..., bins, frames): n_fft // 2 + 1 bins and 1 + ceil(samples / hop) frames.
    """
    whole = pad(waves, (0, -waves.shape[-1] % hop))
    spectra = torch.stft(
        whole.reshape(-1, whole.shape[-1]),
        n_fft,
        hop,
        window=hann(n_fft, waves) if window is None else window,
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    return spectra.reshape(*waves.shape[:-1], *spectra.shape[-2:])


def waveform(
    spectra: Tensor, n_fft: int, hop: int, samples: int, window: Tensor | None = None
) -> Tensor:
    """Return the waveforms (..., samples) whose `spectrogram` is nearest to ``spectra``.

    Args:
        spectra: complex (..., bins, frames).
        n_fft: length of a frame (samples).
        hop: distance of two frames (samples).
        samples: length of the waveforms.
        window: (n_fft,), as given to `spectrogram`; None for a periodic Hann window.
    """
    waves = torch.istft(
        spectra.reshape(-1, *spectra.shape[-2:]),
        n_fft,
        hop,
        window=hann(n_fft, spectra.real) if window is None else window,
        center=True,
        length=samples + -samples % hop,
    )
    return waves.reshape(*spectra.shape[:-2], -1)[..., :samples]


def hann(n_fft: int, like: Tensor) -> Tensor:
    """Return a periodic Hann window (n_fft,) of the type and on the device of ``like``."""
    return torch.hann_window(n_fft, dtype=like.dtype, device=like.device)
