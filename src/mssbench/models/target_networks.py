"""A separator of one network a target, each of which maps magnitudes to magnitudes."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from mssbench.models.dense_target import TargetNetwork
from mssbench.models.magnitudes import MagnitudeSeparator
from mssbench.models.spectrogram import waveform
from mssbench.models.wiener import wiener


class TargetNetworks(MagnitudeSeparator):
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
        ValueError: a single target is to be filtered, or the hop is longer than a frame.
    """

    def __init__(
        self,
        *,
        targets: tuple[str, ...],
        channels: int,
        n_fft: int,
        hop: int,
        wiener_iterations: int | None,
        network: Callable[[], TargetNetwork],
    ) -> None:
        super().__init__(targets=targets, channels=channels, n_fft=n_fft, hop=hop)
        if wiener_iterations is not None and len(targets) < 2:
            raise ValueError(
                f"wiener_iterations is {wiener_iterations}; with the one target {targets[0]} it "
                "must be null, since a Wiener filter shares the mixture out among several"
            )
        self.wiener_iterations = wiener_iterations
        networks = [network() for _ in targets]
        self.networks = nn.ModuleList(networks)
        if wiener_iterations is None:
            self.sees(networks[0].reach, grid=networks[0].grid)

    def estimate(self, magnitudes: Tensor) -> Tensor:
        """Estimate the targets' magnitudes (batch, targets, channels, bins, frames).

        Args:
            magnitudes: of the mixture (batch, channels, bins, frames).
        """
        return torch.stack([network(magnitudes) for network in self.networks], dim=1)

    def invert(self, estimates: Tensor, spectra: Tensor, samples: int) -> Tensor:
        """Return waveforms (batch, targets, channels, samples) from estimated magnitudes."""
        if self.wiener_iterations is None or self.training:
            return super().invert(estimates, spectra, samples)
        filtered = wiener(estimates, spectra, self.wiener_iterations, initial="phase")
        return waveform(filtered, self.n_fft, self.hop, samples)
