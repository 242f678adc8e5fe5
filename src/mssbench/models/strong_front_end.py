"""An encoder and a decoder with filters of several lengths and a spectrogram.

D. Samuel, A. Ganeshan and J. Naradowsky, "Meta-learning Extractors for Music Source Separation",
ICASSP 2020, section 2.2, and its released code; the multi-band Conv-TasNet of Papantonakis,
Garoufis and Maragos (EUSIPCO 2022) has it, too, without normalising the spectrogram.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from mssbench.models.filter_bands import FilterGroup
from mssbench.models.spectrogram import hann, spectrogram

FLOOR = 1e-8
"""Added to the power before its logarithm."""


class LogSpectrogram(nn.Module):
    """Logarithmic power of the short-time Fourier transform, mapped to learned bands.

    Around the excerpt lie zeros, not its mirror image as in the released code.

    Args:
        channels: audio channels.
        bands: channels of the output.
        n_fft: length of a frame (samples); the hop is a quarter.
        normalised: whether each bin is standardised by `set_statistics`, then scaled and shifted
            by learned values. Until they are set, the mean is 0 and the deviation 1.
    """

    window: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, channels: int, bands: int, n_fft: int, normalised: bool) -> None:
        super().__init__()
        bins = channels * (n_fft // 2 + 1)
        self.n_fft = n_fft
        self.normalised = normalised
        self.register_buffer("window", hann(n_fft, torch.empty(0)))
        if normalised:
            self.register_buffer("mean", torch.zeros(bins, 1))
            self.register_buffer("deviation", torch.ones(bins, 1))
            self.scale = nn.Parameter(torch.ones(bins, 1))
            self.shift = nn.Parameter(torch.zeros(bins, 1))
        self.bands = nn.Conv1d(bins, bands, 1)

    def levels(self, waves: Tensor) -> Tensor:
        """Return log10 of the power, (batch, channels * bins, frames), of waveforms.

        Args:
            waves: (batch, channels, samples).
        """
        spectra = spectrogram(waves, self.n_fft, self.n_fft // 4, self.window)
        power = spectra.real.square() + spectra.imag.square()
        return torch.log10(power + FLOOR).flatten(1, 2)

    def set_statistics(self, batches: Iterable[Tensor]) -> None:
        """Set each bin's mean and standard deviation to those of some mixtures.

        Args:
            batches: waveforms (batch, channels, samples) at the rate of this encoder; at least two
                frames together.
        """
        count, total, squares = 0, torch.zeros(()), torch.zeros(())
        with torch.no_grad():
            for waves in batches:
                levels = self.levels(waves).double()
                count += levels.shape[0] * levels.shape[-1]
                total = total.to(levels) + levels.sum((0, 2))
                squares = squares.to(levels) + levels.square().sum((0, 2))
            mean = total / count
            variance = (squares - count * mean.square()).clamp(min=0) / (count - 1)
            self.mean.copy_(mean[:, None])
            # A bin that never changes is not scaled.
            self.deviation.copy_(torch.where(variance > 0, variance.sqrt(), 1.0)[:, None])

    def forward(self, waves: Tensor, frames: int) -> Tensor:
        """Return the bands of (batch, channels, samples), interpolated to ``frames`` frames."""
        levels = self.levels(waves)
        if self.normalised:
            levels = (levels - self.mean) / self.deviation * self.scale + self.shift
        return interpolate(self.bands(levels), frames, mode="linear", align_corners=True)


class StrongEncoder(nn.Module):
    """Filters of several lengths and a spectrogram, mixed by two 1 x 1 convolutions.

    Args:
        channels: audio channels.
        N: channels of the representation; each length has N / 4 filters.
        L: length of the shortest filters (samples); the others are 2, 4, ... times as long.
        hop: of all filters (samples).
        lengths: number of lengths.
        bands: channels that the spectrogram is mapped to.
        n_fft: length of the spectrogram's frames (samples).
        normalised: as for `LogSpectrogram`.
    """

    def __init__(
        self,
        *,
        channels: int,
        N: int,
        L: int,
        hop: int,
        lengths: int,
        bands: int,
        n_fft: int,
        normalised: bool,
    ) -> None:
        super().__init__()
        self.filters = nn.ModuleList(
            nn.Conv1d(channels, N // 4, taps, stride=hop, padding=(taps - hop) // 2, bias=False)
            for taps in (L * 2**i for i in range(lengths))
        )
        self.spectrogram = LogSpectrogram(channels, bands, n_fft, normalised)
        self.mix = nn.Sequential(
            nn.Conv1d(lengths * (N // 4) + bands, N, 1, bias=False),
            nn.ReLU(),
            nn.Conv1d(N, N, 1, bias=False),
        )

    def filter_groups(self, rate: int) -> list[FilterGroup]:
        """Return the filters of each length, as `mssbench.models.filter_bands` asks for them."""
        weights = (layer.get_parameter("weight") for layer in self.filters)
        return [FilterGroup(f"{each.shape[-1]} taps", each, rate) for each in weights]

    def forward(self, waves: Tensor) -> Tensor:
        """Map (batch, channels, samples), a multiple of the hop, to (batch, N, samples / hop)."""
        # Filters of one number lie side by side, whatever their lengths.
        filtered = torch.stack([layer(waves) for layer in self.filters], dim=2).flatten(1, 2)
        bands = self.spectrogram(waves, filtered.shape[-1])
        encoded: Tensor = self.mix(torch.cat((torch.relu(filtered), bands), dim=1))
        return encoded


class StrongDecoder(nn.Module):
    """A 1 x 1 convolution, then transposed filters of several lengths, whose outputs are summed.

    Args:
        channels: audio channels.
        N: channels of the representation; N / 2 are left for the shortest filters, N / 4 for the
            next, and so on.
        L: length of the shortest filters (samples); the others are 2, 4, ... times as long.
        hop: of all filters (samples).
        lengths: number of lengths.
    """

    def __init__(self, *, channels: int, N: int, L: int, hop: int, lengths: int) -> None:
        super().__init__()
        self.widths = [N // 2 ** (i + 1) for i in range(lengths)]
        self.mix = nn.Conv1d(N, sum(self.widths), 1, bias=False)
        self.filters = nn.ModuleList(
            nn.ConvTranspose1d(
                width, channels, taps, stride=hop, padding=(taps - hop) // 2, bias=False
            )
            for width, taps in zip(self.widths, (L * 2**i for i in range(lengths)), strict=True)
        )

    def forward(self, encoded: Tensor) -> Tensor:
        """Map (batch, N, frames) to waveforms (batch, channels, frames * hop)."""
        parts = torch.relu(self.mix(encoded)).split(self.widths, dim=1)
        waves = [layer(part) for layer, part in zip(self.filters, parts, strict=True)]
        return torch.stack(waves).sum(0)
