"""Conditioned-U-Net: one U-Net for all sources, told by a vector which one to estimate.

G. Meseguer-Brocal and G. Peeters, "Conditioned-U-Net: Introducing a Control Mechanism in the
U-Net for Multiple Source Separations", ISMIR 2019, and its released code.
"""

from collections.abc import Collection
from itertools import pairwise
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, pad, relu

from mssbench.models.base import Compared, Variant
from mssbench.models.magnitudes import MagnitudeSeparator
from mssbench.models.spectrogram_u_net import (
    DROPOUT,
    EPSILON,
    UNet,
    check_bins,
    frames_seen,
    image_of,
)

# Keras keeps a share of 0.9 of its running statistics; torch's momentum is what is replaced.
MOMENTUM = 0.1
DEVIATION = 0.02
"""Standard deviation of all initial weights."""


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Return the batch normalisation of the released code's U-Net."""
    return nn.BatchNorm2d(channels, eps=EPSILON, momentum=MOMENTUM)


class Control(nn.Module):
    """The dense control network: from which source is wanted to the gains and the biases of FiLM.

    Every layer is a dense one with ReLU; all but the first go on with dropout and a batch
    normalisation, so training needs two conditions at least in a batch.

    Args:
        sources: length of the one-hot vector.
        widths: of the layers.
        conditions: number of gains, and of biases.
    """

    def __init__(self, sources: int, widths: tuple[int, ...], conditions: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Linear(inputs, outputs) for inputs, outputs in pairwise((sources, *widths))
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm1d(width, eps=EPSILON, momentum=MOMENTUM) for width in widths[1:]
        )
        self.dropout = nn.Dropout(DROPOUT)
        self.gain = nn.Linear(widths[-1], conditions)
        self.bias = nn.Linear(widths[-1], conditions)

    def forward(self, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Map (batch, sources) to gains and biases, (batch, conditions) each."""
        signal = relu(self.layers[0](wanted))
        for layer, norm in zip(self.layers[1:], self.norms, strict=True):
            signal = norm(self.dropout(relu(layer(signal))))
        return self.gain(signal), self.bias(signal)


class ConditionedUNet(MagnitudeSeparator):
    """A U-Net that masks magnitudes and whose way down is modulated for the wanted source.

    With the defaults it has 9,844,847 trainable values (9.845 M), with complex FiLM 12,159,875
    (12.16 M); 9,823,315 of them are the U-Net's. The topmost bin has the mask of the one below.
    Longer excerpts than the paper's 128 frames are heard at once, padded to a multiple of
    2^levels frames; a crop of 127 hops, 32,512 samples, gives those 128.

    The loss is ``magnitudes: {kind: mae, weight: 1}``. Left out of the released code are
    conditions on sums of sources, on parts of one and on none, and the division of a song's
    mixture and of its sources by the largest value of each; so estimates have their true level.

    Args:
        targets: the sources, in the order of the one-hot vector.
        film: ``simple`` has one gain and one bias a level, ``complex`` one a channel.
        control: widths of the control network's layers.
        trained: the sources that an example trains: ``all`` of them, or ``one`` drawn at random
            from torch's generator, as the paper does; then a batch needs two examples. It
            concerns `compare` in training mode alone.
        levels: how often time and frequency are halved.
        filters: channels of the first level; each level doubles them.
        n_fft: length of a frame (samples), a multiple of 2^(levels + 1).
        hop: distance of two frames (samples): 256 in the released code's settings, 768 in the
            paper.

    Raises:
        ValueError: n_fft cannot be halved that often, or the hop is not below it.
    """

    variants: ClassVar[dict[str, Variant]] = {
        "simple": Variant({}, 8192),
        "complex": Variant({"film": "complex", "control": (16, 256, 1024)}, 8192),
    }

    def __init__(
        self,
        *,
        targets: tuple[str, ...] = ("bass", "drums", "other", "vocals"),
        film: Literal["simple", "complex"] = "simple",
        control: tuple[int, ...] = (16, 64, 256),
        trained: Literal["all", "one"] = "all",
        levels: int = 6,
        filters: int = 16,
        n_fft: int = 1024,
        hop: int = 256,
    ) -> None:
        super().__init__(targets=targets, channels=1, n_fft=n_fft, hop=hop)
        check_bins(n_fft, levels)
        self.levels = levels
        self.sees(frames_seen(levels), grid=2**levels)
        self.trained = trained
        self.network = UNet(
            levels=levels,
            filters=filters,
            norm=batch_norm,
            norm_mask=True,
            dropped=range(1, levels - 2),
            drop_skips=False,
        )
        # How many gains each level has.
        self.shares = self.network.widths if film == "complex" else [1] * levels
        self.control = Control(len(targets), control, sum(self.shares))
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                nn.init.normal_(layer.weight, std=DEVIATION)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def masks(self, magnitudes: Tensor, wanted: Tensor) -> Tensor:
        """Return the masks of one source each.

        Args:
            magnitudes: (batch, 1, bins, frames).
            wanted: number of the source (batch,).

        Returns:
            (batch, 1, bins, frames), in [0, 1].
        """
        vectors = one_hot(wanted, len(self.targets)).to(magnitudes.dtype)
        gains, biases = (part.split(self.shares, dim=1) for part in self.control(vectors))

        def modulate(level: int, signal: Tensor) -> Tensor:
            return gains[level][..., None, None] * signal + biases[level][..., None, None]

        masks = self.network(image_of(magnitudes, self.levels), modulate)
        return pad(masks[..., : magnitudes.shape[-1]], (0, 0, 0, 1), mode="replicate")

    def estimate(self, magnitudes: Tensor) -> Tensor:
        """Mask (batch, 1, bins, frames); gives (batch, targets, 1, bins, frames)."""
        count = len(self.targets)
        wanted = torch.arange(count, device=magnitudes.device).repeat(len(magnitudes))
        masks = self.masks(magnitudes.repeat_interleave(count, dim=0), wanted)
        return masks.unflatten(0, (-1, count)) * magnitudes.unsqueeze(1)

    def compare(self, mixture: Tensor, sources: Tensor, probes: Collection[str]) -> Compared:
        """Return waveforms and magnitudes, of one drawn source while training with ``one``."""
        if self.trained == "all" or not self.training:
            return super().compare(mixture, sources, probes)
        self.check(mixture)
        spectra = self.transform(mixture)
        magnitudes = self.scale * spectra.abs()
        examples = torch.arange(len(mixture), device=mixture.device)
        wanted = torch.randint(len(self.targets), examples.shape, device=mixture.device)
        estimates = self.masks(magnitudes, wanted) * magnitudes
        return self.compare_estimates(
            estimates.unsqueeze(1), spectra, sources[examples, wanted].unsqueeze(1), probes
        )
