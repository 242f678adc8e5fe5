"""The bodies of dense networks: blocks at one resolution, at several, and for each band.

N. Takahashi and Y. Mitsufuji, "Multi-scale Multi-band DenseNets for Audio Source Separation",
WASPAA 2017. Tensors are (batch, channels, bins, frames), kernels (bins, frames).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad

from mssbench.models.dense_block import (
    BlockOutput,
    DenseBlock,
    Kernel,
    SameConvolution,
    composite,
)


@dataclass(frozen=True)
class Growth:
    """How the dense blocks of one body grow, and what they look at.

    Attributes:
        k_first: growth rate of the first block.
        k: of all others.
        L: layers of every block but the one at the bottom.
        L_bottom: layers of that one.
        first_kernel: of the convolution before the blocks.
        kernel: of the blocks.
        output: see `BlockOutput`.
        compression: see `DenseBlock`.
    """

    k_first: int
    k: int
    L: int
    L_bottom: int
    first_kernel: Kernel
    kernel: Kernel
    output: BlockOutput
    compression: float | None

    def block(self, inputs: int, *, first: bool = False, bottom: bool = False) -> DenseBlock:
        """Return a block that reads ``inputs`` channels."""
        return DenseBlock(
            inputs,
            self.k_first if first else self.k,
            self.L_bottom if bottom else self.L,
            self.kernel,
            output=self.output,
            compression=self.compression,
        )


class SingleScale(nn.Module):
    """A plain DenseNet's body: dense blocks one after the other, all at full resolution.

    Args:
        channels: of the input.
        width: channels of the first convolution.
        blocks: how many, none of them at a bottom.
        growth: of the blocks.

    Attributes:
        outputs: channels of the output.
        reach: frames to each side that an output depends on at most.
        grid: frames by which a delayed input gives an output that is delayed alike.
    """

    def __init__(self, channels: int, width: int, blocks: int, growth: Growth) -> None:
        super().__init__()
        self.layers = nn.Sequential(SameConvolution(channels, width, growth.first_kernel))
        self.outputs = width
        self.reach, self.grid = growth.first_kernel[1] // 2, 1
        for number in range(blocks):
            block = growth.block(self.outputs, first=number == 0)
            self.layers.append(block)
            self.reach += block.reach
            self.outputs = block.outputs

    def forward(self, magnitudes: Tensor) -> Tensor:
        """Map any number of bins and frames to ``outputs`` channels of as many."""
        maps: Tensor = self.layers(magnitudes)
        return maps


class MultiScale(nn.Module):
    """MDenseNet's body: dense blocks at ever lower, then ever higher resolution.

    On the way down, pairs of bins and of frames are averaged behind each block. On the way up, a
    transposed convolution doubles both axes and the block of the same scale joins in. Zeros
    complete the input to what can be halved.

    Args:
        channels: of the input.
        width: channels of the first convolution.
        scales: s, how often the resolution is halved; there are 2 s + 1 blocks.
        growth: of the blocks.

    Attributes:
        outputs: channels of the output.
        reach: as for `SingleScale`.
        grid: as for `SingleScale`.
    """

    def __init__(self, channels: int, width: int, scales: int, growth: Growth) -> None:
        super().__init__()
        self.grid = 2**scales
        self.reach = growth.first_kernel[1] // 2
        self.first = SameConvolution(channels, width, growth.first_kernel)
        self.down, self.doubling, self.up = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        widths = [width]
        for scale in range(scales):
            block = growth.block(widths[-1], first=scale == 0)
            self.down.append(block)
            # Of pairs of this scale's frames one of the next is made, and two of that one.
            self.reach += 2**scale * (block.reach + 1)
            widths.append(block.outputs)
        self.bottom = growth.block(widths[-1], bottom=True)
        self.outputs = self.bottom.outputs
        self.reach += self.grid * self.bottom.reach
        for scale, skipped in reversed(list(enumerate(widths[1:]))):
            same = self.outputs
            self.doubling.append(
                nn.Sequential(nn.BatchNorm2d(same), nn.ConvTranspose2d(same, same, 2, stride=2))
            )
            block = growth.block(same + skipped)
            self.up.append(block)
            self.reach += 2**scale * (block.reach + 1)
            self.outputs = block.outputs

    def forward(self, magnitudes: Tensor) -> Tensor:
        """Map any number of bins and frames to ``outputs`` channels of as many."""
        bins, frames = magnitudes.shape[-2:]
        whole = pad(magnitudes, (0, -frames % self.grid, 0, -bins % self.grid))
        maps = self.first(whole)
        skips = []
        for down in self.down:
            skips.append(down(maps))
            maps = avg_pool2d(skips[-1], 2)
        maps = self.bottom(maps)
        for doubling, up in zip(self.doubling, self.up, strict=True):
            maps = up(torch.cat((doubling(maps), skips.pop()), dim=1))
        return maps[..., :bins, :frames]


class MultiBand(nn.Module):
    """MMDenseNet's body: a `MultiScale` for each band and one for all bins, side by side.

    Where bands differ in channels, a 1x1 convolution gives the narrower as many as the widest.

    Args:
        bands: from the lowest to the highest.
        full: for all bins.
        splits: the bins at which one band ends and the next begins.

    Attributes:
        outputs: channels of the output, the bands' in front.
        reach: as for `SingleScale`.
        grid: as for `SingleScale`.
    """

    def __init__(
        self, bands: Sequence[MultiScale], full: MultiScale, splits: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.splits = splits
        self.bands, self.full = nn.ModuleList(bands), full
        width = max(band.outputs for band in bands)
        self.widening = nn.ModuleList(
            nn.Identity()
            if band.outputs == width
            else composite(band.outputs, width, (1, 1), rectified=False)
            for band in bands
        )
        self.outputs = width + full.outputs
        self.reach = max(network.reach for network in (*bands, full))
        self.grid = max(network.grid for network in (*bands, full))

    def forward(self, magnitudes: Tensor) -> Tensor:
        """Map any number of frames to ``outputs`` channels of as many."""
        edges = (0, *self.splits, magnitudes.shape[-2])
        networks = zip(self.bands, self.widening, pairwise(edges), strict=True)
        bands = [
            widening(band(magnitudes[..., low:high, :])) for band, widening, (low, high) in networks
        ]
        return torch.cat((torch.cat(bands, dim=-2), self.full(magnitudes)), dim=1)
