"""Separators that estimate magnitudes and leave the mixture's phases as they are."""

from abc import abstractmethod
from collections.abc import Collection

import torch
from torch import Tensor

from mssbench.models.base import Compared, Separator
from mssbench.models.spectrogram import spectrogram, waveform


class MagnitudeSeparator(Separator):
    """A separator on the magnitudes of a short-time Fourier transform.

    Waveforms may have any length. The probe ``magnitudes`` compares scaled magnitudes, (batch,
    targets, channels, bins, frames), without an inverse transform.

    Args:
        targets: the sources that are estimated.
        channels: audio channels.
        n_fft: length of a frame (samples).
        hop: distance of two frames (samples).
        window: (n_fft,); None for a periodic Hann window.
        scale: factor on the magnitudes that the network hears and gives.

    Raises:
        ValueError: the hop is longer than a frame.
    """

    domain = "magnitudes"
    probes: tuple[str, ...] = ("final", "magnitudes")
    window: Tensor | None

    def __init__(
        self,
        *,
        targets: tuple[str, ...],
        channels: int,
        n_fft: int,
        hop: int,
        window: Tensor | None = None,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        if hop >= n_fft:
            raise ValueError(f"hop is {hop}; it must be below n_fft, which is {n_fft}")
        self.targets = targets
        self.channels = channels
        self.n_fft, self.hop = n_fft, hop
        self.grid = hop
        self.scale = scale
        self.register_buffer("window", window, persistent=False)

    def sees(self, frames: int, *, grid: int = 1) -> None:
        """State how much of a mixture the estimates of a frame depend on.

        Args:
            frames: at most so many to each side.
            grid: frames by which magnitudes may be delayed for the estimates to be delayed alike.
        """
        # A sample lies in frames that reach half of one to each side, and so do theirs.
        self.reach = self.n_fft + frames * self.hop
        self.grid = grid * self.hop

    @abstractmethod
    def estimate(self, magnitudes: Tensor) -> Tensor:
        """Estimate the targets' magnitudes.

        Args:
            magnitudes: the mixture's, scaled (batch, channels, bins, frames).

        Returns:
            The targets', on the same scale (batch, targets, channels, bins, frames).
        """

    def forward(self, mixture: Tensor) -> dict[str, Tensor]:
        """Map (batch, channels, samples) to ``final``, (batch, targets, channels, samples)."""
        self.check(mixture)
        spectra = self.transform(mixture)
        estimates = self.estimate(self.scale * spectra.abs())
        return {"final": self.invert(estimates, spectra, mixture.shape[-1])}

    def compare(self, mixture: Tensor, sources: Tensor, probes: Collection[str]) -> Compared:
        """Return waveforms for ``final`` and scaled magnitudes for ``magnitudes``."""
        self.check(mixture)
        spectra = self.transform(mixture)
        return self.compare_estimates(
            self.estimate(self.scale * spectra.abs()), spectra, sources, probes
        )

    def compare_estimates(
        self, estimates: Tensor, spectra: Tensor, sources: Tensor, probes: Collection[str]
    ) -> Compared:
        """Return what losses compare for estimated magnitudes.

        Args:
            estimates: (batch, targets, channels, bins, frames).
            spectra: the mixture's, complex (batch, channels, bins, frames).
            sources: true waveforms (batch, targets, channels, samples).
            probes: which of ``self.probes`` are wanted.
        """
        compared = {}
        if "magnitudes" in probes:
            compared["magnitudes"] = (estimates, self.magnitudes(sources))
        if "final" in probes:
            compared["final"] = (self.invert(estimates, spectra, sources.shape[-1]), sources)
        return compared

    def magnitudes(self, waves: Tensor) -> Tensor:
        """Return the scaled magnitudes (..., bins, frames) of waveforms (..., samples)."""
        return self.scale * self.transform(waves).abs()

    def transform(self, waves: Tensor) -> Tensor:
        """Return the complex spectra of waveforms (..., samples).

        Returns:
            (..., bins, frames) with 1 + ceil(samples / hop) frames.
        """
        return spectrogram(waves, self.n_fft, self.hop, self.window)

    def invert(self, estimates: Tensor, spectra: Tensor, samples: int) -> Tensor:
        """Return the waveforms of scaled magnitudes with the phases of ``spectra``.

        A bin in which the mixture is silent has no phase, and its estimate is dropped.

        Args:
            estimates: (batch, targets, channels, bins, frames).
            spectra: the mixture's, complex (batch, channels, bins, frames).
            samples: length of the waveforms.
        """
        estimated = estimates / self.scale * torch.sgn(spectra).unsqueeze(1)
        return waveform(estimated, self.n_fft, self.hop, samples, self.window)
