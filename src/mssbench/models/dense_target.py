"""A network that estimates one target's magnitudes: a body of dense blocks and what follows it."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import glu, relu

from mssbench.models.dense_block import (
    BlockOutput,
    DenseBlock,
    Kernel,
    SameConvolution,
    composite,
)
from mssbench.models.dense_bodies import MultiBand, MultiScale, SingleScale


@dataclass(frozen=True)
class Head:
    """What follows the body of every network: a dense block and a convolution.

    Attributes:
        k: growth rate of the block.
        L: its layers.
        output: see `BlockOutput`.
        compression: see `DenseBlock`.
        kernel: of the block.
        gated: whether the convolution is a normalised 1x1 one with a gated linear unit; otherwise
            it spans two bins.
    """

    k: int
    L: int
    output: BlockOutput
    compression: float | None
    kernel: Kernel = (2, 1)
    gated: bool = True


class BinScale(nn.Module):
    """Scales each bin and adds an offset to it, both learned.

    Args:
        bins: how many there are.
    """

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(bins, 1))
        self.offset = nn.Parameter(torch.zeros(bins, 1))

    def forward(self, maps: Tensor) -> Tensor:
        """Return (..., bins, frames) of the same shape."""
        return self.scale * maps + self.offset


class TargetNetwork(nn.Module):
    """Estimates one target's magnitudes, which are never negative.

    Args:
        body: maps the mixture's magnitudes to ``body.outputs`` channels.
        channels: audio channels.
        head: what follows the body.
        bins: if not None, each of so many bins is scaled at the input and at the output.

    Attributes:
        reach: frames to each side that an estimate depends on at most.
        grid: frames by which a delayed mixture gives an estimate that is delayed alike.
    """

    def __init__(
        self,
        body: MultiScale | MultiBand | SingleScale,
        channels: int,
        head: Head,
        bins: int | None,
    ) -> None:
        super().__init__()
        self.scale_in = nn.Identity() if bins is None else BinScale(bins)
        self.body = body
        self.block = DenseBlock(
            body.outputs,
            head.k,
            head.L,
            head.kernel,
            output=head.output,
            compression=head.compression,
        )
        self.reach, self.grid = body.reach + self.block.reach, body.grid
        self.gated = head.gated
        self.convolution: nn.Module
        if head.gated:
            self.convolution = composite(self.block.outputs, 2 * channels, (1, 1), rectified=False)
        else:
            self.convolution = SameConvolution(self.block.outputs, channels, (2, 1))
        self.scale_out = nn.Identity() if bins is None else BinScale(bins)

    def forward(self, magnitudes: Tensor) -> Tensor:
        """Map (batch, channels, bins, frames) to the same shape."""
        maps = self.convolution(self.block(self.body(self.scale_in(magnitudes))))
        return relu(self.scale_out(glu(maps, dim=1) if self.gated else maps))
