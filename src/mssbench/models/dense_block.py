"""The dense block of MMDenseNet and its convolutions.

N. Takahashi and Y. Mitsufuji, "Multi-scale Multi-band DenseNets for Audio Source Separation",
WASPAA 2017. Tensors are (batch, channels, bins, frames), kernels (bins, frames). How weights start
is not known from there; they start as torch's do.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

Kernel = tuple[int, int]

BlockOutput = Literal["last", "all"]
"""What a dense block gives: the maps of its last layer, or its input and the maps of all."""


class SameConvolution(nn.Conv2d):
    """A convolution whose output is as large as its input; the odd zero of an even kernel is last.

    Args:
        inputs: channels of the input.
        outputs: channels of the output.
        kernel: its extent.
    """

    def __init__(self, inputs: int, outputs: int, kernel: Kernel) -> None:
        super().__init__(inputs, outputs, kernel)
        below, before = ((size - 1) // 2 for size in kernel)
        self.zeros = (before, kernel[1] - 1 - before, below, kernel[0] - 1 - below)

    def forward(self, maps: Tensor) -> Tensor:
        """Return ``outputs`` channels."""
        return super().forward(pad(maps, self.zeros))


def composite(inputs: int, outputs: int, kernel: Kernel, *, rectified: bool = True) -> nn.Module:
    """Return batch normalisation, ReLU if ``rectified``, and convolution."""
    rectifier = [nn.ReLU()] if rectified else []
    convolution = SameConvolution(inputs, outputs, kernel)
    return nn.Sequential(nn.BatchNorm2d(inputs), *rectifier, convolution)


class DenseBlock(nn.Module):
    """Layers each of which reads the maps of all before it and adds k maps.

    The convolution of a concatenation is a sum of convolutions: each layer's maps are normalised,
    rectified and convolved once, for all the layers that follow. So the parameters are those of
    the reimplementation whose count is known; where every reader normalises them anew, as in the
    original DenseNet, there are a few more.

    Args:
        inputs: channels of the input.
        k: growth rate, maps of a layer.
        L: layers.
        kernel: of the convolutions.
        output: see `BlockOutput`.
        compression: if not None, a 1x1 convolution makes of the output this share of its channels,
            rounded down.

    Attributes:
        outputs: channels of the output.
        reach: frames to each side that an output depends on at most.

    Raises:
        ValueError: the compression is not above 0 and at most 1.
    """

    def __init__(
        self,
        inputs: int,
        k: int,
        L: int,
        kernel: Kernel,
        *,
        output: BlockOutput = "last",
        compression: float | None = None,
    ) -> None:
        super().__init__()
        if compression is not None and not 0 < compression <= 1:
            raise ValueError(f"compression is {compression}; it must be above 0 and at most 1")
        self.k = k
        self.keep_all = output == "all"
        self.reach = L * (kernel[1] // 2)
        self.layers = nn.ModuleList(
            composite(k if layer else inputs, (L - layer) * k, kernel) for layer in range(L)
        )
        self.outputs = inputs + L * k if self.keep_all else k
        self.compression: nn.Module = nn.Identity()
        if compression is not None:
            kept = max(1, int(compression * self.outputs))
            self.compression = composite(self.outputs, kept, (1, 1), rectified=False)
            self.outputs = kept

    def forward(self, maps: Tensor) -> Tensor:
        """Map ``inputs`` channels to ``outputs`` ones."""
        kept, newest = [maps], maps
        # What the layers so far contribute to all that follow, the next one's k maps in front.
        contributions: Tensor | None = None
        for layer in self.layers:
            contribution = layer(newest)
            contributions = contribution if contributions is None else contributions + contribution
            newest, contributions = contributions[:, : self.k], contributions[:, self.k :]
            kept.append(newest)
        compressed: Tensor = self.compression(torch.cat(kept, dim=1) if self.keep_all else newest)
        return compressed
