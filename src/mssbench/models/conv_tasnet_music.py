"""Conv-TasNet for music, and the mask estimator and front end that others build on.

A. Défossez, N. Usunier, L. Bottou and F. Bach, "Demucs: Deep Extractor for Music Sources",
arXiv 1911.13254, and its released code, which follows the first version of the Conv-TasNet paper.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from mssbench.models.base import Separator, Variant
from mssbench.models.dilated_block import DilatedBlock, spare_memory
from mssbench.models.filter_bands import FilterGroup
from mssbench.models.framing import analysed, synthesised
from mssbench.models.normalisation import FrameNorm, GlobalNorm
from mssbench.models.products import pointwise


def xavier_normal(model: nn.Module) -> None:
    """Initialise all weights, the norms' too, as the released code does.

    A norm's gains and biases are arrays of three dimensions there, and all arrays of more than one
    are drawn anew: from a normal distribution of variance 2 / (channels + 1) in their case. Only
    the slopes of the PReLUs keep their 0.25.
    """
    for layer in model.modules():
        for weights in layer.parameters(recurse=False):
            if isinstance(layer, FrameNorm | GlobalNorm):
                nn.init.xavier_normal_(weights[None, :, None])
            elif weights.dim() > 1:
                nn.init.xavier_normal_(weights)
    for layer in model.modules():
        if isinstance(layer, FrontEnd):
            # A matrix there, from N values to those of a frame.
            nn.init.xavier_normal_(layer.decoder.weight.flatten(1))


class MaskEstimator(nn.Module):
    """Estimates masks from encoded frames: no skip paths, no biases, ReLU at the end.

    Args:
        N: channels of the encoded mixture.
        B: channels of the bottleneck and of the residual paths.
        H: channels inside a block.
        P: taps of the dilated filters, an odd number.
        X: blocks in a stack; block x has a dilation of 2^x frames.
        R: stacks.
        C: sources.
    """

    def __init__(self, *, N: int, B: int, H: int, P: int, X: int, R: int, C: int) -> None:
        super().__init__()
        self.sources, self.hidden_channels = C, H
        self.bottleneck = nn.Sequential(FrameNorm(N), nn.Conv1d(N, B, 1, bias=False))
        self.blocks = nn.ModuleList(
            DilatedBlock(B=B, H=H, outputs=B, P=P, dilation=2**x, bias=False)
            for _ in range(R)
            for x in range(X)
        )
        self.mask = nn.Conv1d(B, C * N, 1, bias=False)

    def forward(self, encoded: Tensor) -> Tensor:
        """Map (batch, N, frames) to masks (batch, C, N, frames)."""
        norm, convolution = self.bottleneck
        frames = pointwise(norm(encoded), convolution).transpose(1, 2)
        spare = spare_memory(frames, self.hidden_channels)
        for block in self.blocks:
            frames = block(frames, spare)
        masks = pointwise(frames.transpose(1, 2), self.mask, "relu")
        return masks.unflatten(1, (self.sources, -1))


class FrontEnd(nn.Module):
    """The encoder and the decoder: filters of L samples at a hop of L / 2, without biases.

    Args:
        channels: audio channels.
        N: filters.
        L: length of these filters (samples), an even number.

    Raises:
        ValueError: L is odd.
    """

    def __init__(self, channels: int, N: int, L: int) -> None:
        super().__init__()
        if L % 2:
            raise ValueError(f"L is {L}; it must be even")
        self.encoder = nn.Conv1d(channels, N, L, stride=L // 2, bias=False)
        self.decoder = nn.ConvTranspose1d(N, channels, L, stride=L // 2, bias=False)

    def encode(self, mixture: Tensor) -> Tensor:
        """Return the non-negative representation (batch, N, frames) of (batch, channels, samples).

        The mixture is completed with zeros to a whole number of frames.
        """
        length, hop = self.encoder.kernel_size[0], self.encoder.stride[0]
        samples = mixture.shape[-1]
        missing = length - samples if samples < length else -samples % hop
        return torch.relu(analysed(pad(mixture, (0, missing)), self.encoder))

    def decode(self, encoded: Tensor, samples: int) -> Tensor:
        """Return (batch, sources, channels, samples) of (batch, sources, N, frames)."""
        return synthesised([encoded], self.decoder)[..., :samples]


class ConvTasNetMusic(Separator):
    """Conv-TasNet as Demucs was compared with, for four instruments in stereo.

    Each frame is normalised over its channels before the bottleneck. With the defaults it has
    10,977,872 trainable values. The released code scales each song by the mean and the standard
    deviation of its mono mixture, outside the network, and trains with
    `loss: {final: {kind: mae, weight: 1}}`. There the samples behind the last whole frame stay
    silent; here a last frame with zeros estimates them.

    Args:
        targets: the sources.
        channels: audio channels of the mixture and of the estimates, encoded together.
        N: filters of the encoder and of the decoder.
        L: length of these filters (samples), an even number; their hop is L / 2.
        B: channels of the bottleneck and of the residual paths.
        H: channels inside a block.
        P: taps of the dilated filters, an odd number.
        X: blocks in a stack; block x has a dilation of 2^x frames.
        R: stacks.

    Raises:
        ValueError: L is odd or P is even.
    """

    variants: ClassVar[dict[str, Variant]] = {
        "X8": Variant({"X": 8}, rate=44100),
        "X10": Variant({"X": 10}, rate=44100),
    }

    def __init__(
        self,
        *,
        targets: tuple[str, ...] = ("drums", "bass", "other", "vocals"),
        channels: int = 2,
        N: int = 256,
        L: int = 20,
        B: int = 256,
        H: int = 512,
        P: int = 3,
        X: int = 10,
        R: int = 4,
    ) -> None:
        super().__init__()
        self.targets = targets
        self.channels = channels
        self.front_end = FrontEnd(channels, N, L)
        self.masks = MaskEstimator(N=N, B=B, H=H, P=P, X=X, R=R, C=len(targets))
        xavier_normal(self)

    def filter_groups(self, rate: int) -> list[FilterGroup]:
        """Return the encoder's filters, as `mssbench.models.filter_bands` asks for them."""
        return [FilterGroup("", self.front_end.encoder.weight, rate)]

    def forward(self, mixture: Tensor) -> dict[str, Tensor]:
        """Map (batch, channels, samples) to ``final``, (batch, targets, channels, samples)."""
        self.check(mixture)
        encoded = self.front_end.encode(mixture)
        masked = self.masks(encoded) * encoded.unsqueeze(1)
        return {"final": self.front_end.decode(masked, mixture.shape[-1])}
