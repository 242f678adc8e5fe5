"""A separator of one network a target, each of which maps magnitudes to magnitudes."""

from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from mssbench.models.base import Compared, Separator
from mssbench.models.spectrogram import spectrogram, waveform
from mssbench.models.wiener import wiener


class MagnitudeSeparator(Separator):
    """Estimates each target's magnitude spectrogram from the mixture's with a network of its own.

    The waveforms are made with the phase of the mixture or, in evaluation, by the multichannel
    Wiener filter, whose first estimates are the networks' own magnitudes with that phase. It finds
    one spatial covariance a target and bin, for the whole of what it is given at once.

    Args:
        targets: the sources, in the order of the output.
        channels: audio channels of the mixture and of the estimates.
        n_fft: length of an STFT frame (samples), whose window is a Hann window.
        hop: distance of two frames (samples).
        wiener_iterations: of the multichannel Wiener filter; None does without. The targets should
            then make up the mixture.
        network: makes one target's network, which maps (batch, channels, bins, frames) to the same
            shape.

    Raises:
        ValueError: a single target is to be filtered.
    """

    probes = ("final", "magnitudes")

    def __init__(
        self,
        *,
        targets: tuple[str, ...],
        channels: int,
        n_fft: int,
        hop: int,
        wiener_iterations: int | None,
        network: Callable[[], nn.Module],
    ) -> None:
        super().__init__()
        if wiener_iterations is not None and len(targets) < 2:
            raise ValueError(
                f"wiener_iterations is {wiener_iterations}; with the one target {targets[0]} it "
                "must be null, since a Wiener filter shares the mixture out among several"
            )
        self.targets, self.channels = targets, channels
        self.n_fft, self.hop = n_fft, hop
        self.wiener_iterations = wiener_iterations
        self.networks = nn.ModuleList(network() for _ in targets)

    def forward(self, mixture: Tensor) -> dict[str, Tensor]:
        """Map (batch, channels, samples) to ``final``, (batch, targets, channels, samples)."""
        self.check(mixture)
        spectra = self.analyse(mixture)
        return {"final": self.synthesise(self.magnitudes(spectra), spectra, mixture.shape[-1])}

    def compare(self, mixture: Tensor, sources: Tensor, probes: Collection[str]) -> Compared:
        """Compare magnitudes, (batch, targets, channels, bins, frames), or waveforms."""
        self.check(mixture)
        spectra = self.analyse(mixture)
        magnitudes = self.magnitudes(spectra)
        compared = {}
        if "magnitudes" in probes:
            compared["magnitudes"] = magnitudes, self.analyse(sources).abs()
        if "final" in probes:
            compared["final"] = self.synthesise(magnitudes, spectra, mixture.shape[-1]), sources
        return compared

    def analyse(self, waves: Tensor) -> Tensor:
        """Return complex spectrograms, whose last frame is centred on the end or behind it."""
        return spectrogram(pad(waves, (0, -waves.shape[-1] % self.hop)), self.n_fft, self.hop)

    def magnitudes(self, spectra: Tensor) -> Tensor:
        """Estimate the targets' magnitudes (batch, targets, channels, bins, frames).

        Args:
            spectra: complex, of the mixture (batch, channels, bins, frames).
        """
        mixture = spectra.abs()
        return torch.stack([network(mixture) for network in self.networks], dim=1)

    def synthesise(self, magnitudes: Tensor, mixture: Tensor, samples: int) -> Tensor:
        """Return waveforms (batch, targets, channels, samples) from estimated magnitudes."""
        if self.wiener_iterations is not None and not self.training:
            spectra = wiener(magnitudes, mixture, self.wiener_iterations, initial="phase")
        else:
            phase = mixture.angle().unsqueeze(1).expand_as(magnitudes)
            spectra = torch.polar(magnitudes, phase)
        whole = samples + -samples % self.hop
        return waveform(spectra, self.n_fft, self.hop, whole)[..., :samples]
