"""RA: an encoder, residual blocks that separate in the latent space, and a decoder.

G. Brunner, N. Naas, S. Palsson, O. Richter and R. Wattenhofer, "Monaural Music Source Separation
using a ResNet Latent Separator Network", ICTAI 2019; what the paper leaves open as in its released
code. Tensors are (batch, channels, bins, frames).
"""

from collections.abc import Collection
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from mssbench.models.base import Compared, Separator, Variant
from mssbench.models.resnet_layers import (
    STRIDE,
    ResidualBlock,
    decoder,
    encoder,
    frames_seen,
    truncated_normal,
)
from mssbench.models.spectrogram import spectrogram, waveform

SHORTEST = 2 * STRIDE
"""Frames that leave the latent space two, the fewest that can be reflected there."""

CLIP = (1e-10, 1e10)
"""Range that masks are computed in."""


class ResNetLatent(Separator):
    """Maps the mixture's complex spectrogram to the sources', each from a slice of the latents.

    With the defaults it has 9,175,848 trainable values (encoder 1,486,208, separator 7,084,032,
    decoder 605,608), with a decoder for each of four targets 10,992,672.

    The probes: ``spectra`` are the sources' spectrograms as real and imaginary parts, ``sum`` is
    their sum beside the mixture's, ``final`` are waveforms. With J targets, the paper's loss is
    ``loss: {spectra: {kind: mse, weight: J}}`` (up to a constant factor), the released code's
    ``{spectra: {kind: mse, weight: J}, sum: {kind: mse, weight: w}}`` with w = 0.25 by default and
    1 for its trained model. It trains on 140 frames, which a crop of 35,584 samples has.

    Args:
        targets: the sources, in the order of the slices.
        channels: audio channels of the mixture and of the estimates.
        n_fft: length of an STFT frame (samples), a multiple of 8 and at least 32.
        hop: distance of two frames (samples).
        nf: channels of the first convolution; the latent space has K = 4 * nf.
        res_blocks: residual blocks of the separator.
        shared_decoder: whether one decoder serves all targets; False gives each its own.
        batch_statistics: whether batch normalisation uses the statistics of the batch in
            evaluation, too, as the released code does without meaning to. Its batches of 8
            consecutive segments are those of `mssbench.separation`. False uses running ones.
        mask_exponent: a of the masks M_j = |S_j|^a / sum_k |S_k|^a that give the estimates in
            evaluation, their phase being the mixture's; the paper recommends about 1, its code
            uses 2. None leaves the decoder's spectrograms as they are.

    Raises:
        ValueError: the latent channels cannot be shared out evenly, n_fft is not as it
            must be or the exponent is not above 0.
    """

    domain = "spectrogram"
    probes = ("final", "spectra", "sum")
    variants: ClassVar[dict[str, Variant]] = {
        "RA shared decoder": Variant({}, 44100),
        "RA separate decoders": Variant({"shared_decoder": False}, 44100),
    }

    def __init__(
        self,
        *,
        targets: tuple[str, ...] = ("vocals", "drums", "bass", "other"),
        channels: int = 1,
        n_fft: int = 1024,
        hop: int = 256,
        nf: int = 64,
        res_blocks: int = 6,
        shared_decoder: bool = True,
        batch_statistics: bool = True,
        mask_exponent: float | None = None,
    ) -> None:
        super().__init__()
        J, K = len(targets), 4 * nf
        if K % J:
            raise ValueError(f"nf is {nf}; 4 * nf must be a multiple of the {J} targets")
        if n_fft % 8 or n_fft < 32:
            raise ValueError(f"n_fft is {n_fft}; it must be a multiple of 8 and at least 32")
        if mask_exponent is not None and not mask_exponent > 0:
            raise ValueError(f"mask_exponent is {mask_exponent}; it must be above 0")
        self.targets, self.channels = targets, channels
        self.n_fft, self.hop = n_fft, hop
        self.mask_exponent = mask_exponent
        self.grid = STRIDE * hop
        if not batch_statistics:
            self.reach = n_fft + hop * frames_seen(res_blocks)
        self.encoder = encoder(channels, nf, batch_statistics)
        self.separator = nn.Sequential(
            *(ResidualBlock(K, batch_statistics) for _ in range(res_blocks))
        )
        self.decoders = nn.ModuleList(
            decoder(K // J, channels, nf, batch_statistics)
            for _ in range(1 if shared_decoder else J)
        )
        self.apply(truncated_normal)

    def forward(self, mixture: Tensor) -> dict[str, Tensor]:
        """Map (batch, channels, samples) to ``final``, (batch, targets, channels, samples)."""
        self.check(mixture)
        spectra = self.analyse(mixture)
        return {"final": self.synthesise(self.separate(spectra), spectra, mixture.shape[-1])}

    def compare(self, mixture: Tensor, sources: Tensor, probes: Collection[str]) -> Compared:
        """Compare spectrograms, (batch, targets, 2 * channels, bins, frames), or waveforms.

        A channel's real part is followed by its imaginary part; ``sum`` has no targets.
        """
        self.check(mixture)
        spectra = self.analyse(mixture)
        estimates = self.separate(spectra)
        compared = {}
        if "spectra" in probes:
            compared["spectra"] = estimates, as_real(self.analyse(sources))
        if "sum" in probes:
            compared["sum"] = estimates.sum(1), as_real(spectra)
        if "final" in probes:
            compared["final"] = self.synthesise(estimates, spectra, mixture.shape[-1]), sources
        return compared

    def latent(self, mixture: Tensor) -> Tensor:
        """Return each target's latent vectors (batch, targets, K / J, bins, frames).

        Both axes are a quarter as long as the spectrogram's, whose frames zeros complete.

        Args:
            mixture: waveforms (batch, channels, samples).
        """
        self.check(mixture)
        return self.separated_latents(self.analyse(mixture))

    def analyse(self, waves: Tensor) -> Tensor:
        """Return complex spectrograms, whose last frame is centred on the end or behind it."""
        return spectrogram(waves, self.n_fft, self.hop)

    def separated_latents(self, spectra: Tensor) -> Tensor:
        """Map the mixture's complex spectrogram to what `latent` returns."""
        frames = spectra.shape[-1]
        missing = max(SHORTEST, frames + -frames % STRIDE) - frames
        latent: Tensor = self.separator(self.encoder(pad(as_real(spectra), (0, missing))))
        return latent.unflatten(1, (len(self.targets), -1))

    def separate(self, spectra: Tensor) -> Tensor:
        """Map the mixture's complex spectrogram to the sources', as `compare` shows them."""
        latents = self.separated_latents(spectra)
        # A shared decoder serves the sources one by one: each is normalised on its own.
        decoders = list(self.decoders) * (len(self.targets) // len(self.decoders))
        estimates = [d(latents[:, j]) for j, d in enumerate(decoders)]
        return torch.stack(estimates, dim=1)[..., : spectra.shape[-1]]

    def synthesise(self, estimates: Tensor, mixture: Tensor, samples: int) -> Tensor:
        """Return waveforms, in evaluation masked if so configured.

        Args:
            estimates: as `separate` gives them.
            mixture: complex spectrogram (batch, channels, bins, frames).
            samples: length of the waveforms.
        """
        spectra = torch.view_as_complex(
            estimates.unflatten(2, (self.channels, 2)).movedim(3, -1).contiguous()
        )
        if self.mask_exponent is not None and not self.training:
            spectra = masks(spectra, self.mask_exponent) * mixture.unsqueeze(1)
        return waveform(spectra, self.n_fft, self.hop, samples)


def masks(estimates: Tensor, exponent: float) -> Tensor:
    """Return each target's share |S_j|^a / sum_k |S_k|^a of every channel and bin.

    Args:
        estimates: complex S (batch, targets, channels, bins, frames).
        exponent: a.
    """
    powers = estimates.abs() ** exponent
    return powers.clamp(*CLIP) / powers.sum(1, keepdim=True).clamp(*CLIP)


def as_real(spectra: Tensor) -> Tensor:
    """Map complex (..., channels, bins, frames) to real (..., 2 * channels, bins, frames)."""
    return torch.view_as_real(spectra).movedim(-1, -3).flatten(-4, -3)
