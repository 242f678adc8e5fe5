"""The U-Net on magnitudes that Wave-U-Net is compared with (U7 and U7a).

D. Stoller, S. Ewert and S. Dixon, "Wave-U-Net: A Multi-Scale Neural Network for End-to-End Audio
Source Separation", ISMIR 2018, and its released code, after A. Jansson et al., "Singing Voice
Separation with Deep U-Net Convolutional Networks", ISMIR 2017.
"""

from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, leaky_relu, pad, relu

from mssbench.models.base import Variant
from mssbench.models.magnitudes import MagnitudeSeparator

KERNEL = 5
LEAK = 0.2
"""Slope of the LeakyReLU for negative values."""
DROPOUT = 0.5
EPSILON = 1e-3
"""What TensorFlow and Keras add to a variance before they divide by its root."""


class UNet(nn.Module):
    """Strided convolutions down, transposed ones up, and a mask in [0, 1] at the end.

    Each level halves both axes and doubles the channels; all but the lowest are handed over to
    the way up. The zero padding is TensorFlow's "same": one row in front, two behind, and the
    transposed convolutions are cut alike.

    Args:
        levels: how often both axes are halved.
        filters: channels of the first level.
        norm: makes the normalisation of that many channels.
        norm_mask: whether the mask is normalised too, before its sigmoid.
        dropped: layers on the way up (0, 1, ...) behind which there is dropout while training.
        drop_skips: whether that dropout falls on what is handed over as well.
    """

    def __init__(
        self,
        *,
        levels: int,
        filters: int,
        norm: Callable[[int], nn.Module],
        norm_mask: bool,
        dropped: range,
        drop_skips: bool,
    ) -> None:
        super().__init__()
        self.widths = [filters * 2**level for level in range(levels)]
        self.dropped, self.drop_skips = dropped, drop_skips
        self.down = nn.ModuleList(
            nn.Conv2d(inputs, outputs, KERNEL, stride=2)
            for inputs, outputs in zip([1, *self.widths[:-1]], self.widths, strict=True)
        )
        self.down_norms = nn.ModuleList(norm(width) for width in self.widths)
        above = self.widths[-2::-1]
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(inputs, outputs, KERNEL, stride=2, padding=1)
            for inputs, outputs in zip(
                [self.widths[-1], *(2 * width for width in above)], [*above, 1], strict=True
            )
        )
        self.up_norms = nn.ModuleList(norm(width) for width in above)
        self.up_norms.append(norm(1) if norm_mask else nn.Identity())

    def forward(
        self, image: Tensor, modulate: Callable[[int, Tensor], Tensor] | None = None
    ) -> Tensor:
        """Return a mask for an image, both (batch, 1, height, width), multiples of 2^levels.

        Args:
            image: what is looked at.
            modulate: changes what a level (0, 1, ...) on the way down has normalised.
        """
        signal = image
        skips = []
        for level, (convolution, norm) in enumerate(zip(self.down, self.down_norms, strict=True)):
            signal = norm(convolution(pad(signal, (1, 2, 1, 2))))
            if modulate is not None:
                signal = modulate(level, signal)
            signal = leaky_relu(signal, LEAK)
            skips.append(signal)
        skips.pop()
        for layer, (convolution, norm) in enumerate(zip(self.up, self.up_norms, strict=True)):
            signal = norm(convolution(signal)[..., :-1, :-1])
            if skips:
                signal = self.join(layer, relu(signal), skips.pop())
        return torch.sigmoid(signal)

    def join(self, layer: int, signal: Tensor, skip: Tensor) -> Tensor:
        """Put what comes from below and what was handed over together, with their dropout."""
        drop = self.training and layer in self.dropped
        if self.drop_skips:
            return dropout(torch.cat((skip, signal), dim=1), DROPOUT, drop)
        return torch.cat((dropout(signal, DROPOUT, drop), skip), dim=1)


class ShiftedNorm(nn.Module):
    """A batch normalisation that learns a bias and no gain: the default of TensorFlow's slim.

    Args:
        channels: of the images.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        # A decay of 0.999 is the share that is kept; torch's momentum is the one replaced.
        self.norm = nn.BatchNorm2d(channels, eps=EPSILON, momentum=0.001, affine=False)
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Normalise (batch, channels, height, width)."""
        normalised: Tensor = self.norm(images) + self.bias
        return normalised


def check_bins(n_fft: int, levels: int) -> None:
    """Check that a U-Net can halve the bins without the topmost.

    Raises:
        ValueError: it cannot.
    """
    if n_fft % 2 ** (levels + 1):
        raise ValueError(
            f"n_fft is {n_fft}; with {levels} levels it must be a multiple of {2 ** (levels + 1)}"
        )


def frames_seen(levels: int) -> int:
    """Return how many frames to each side a U-Net's mask depends on at most.

    On the way up, of a level's frame i those from 2 i - 1 to 2 i + 3 are made; on the way down it
    is made of these. So the sums over the levels stay below 4 * 2^levels at both sides.
    """
    return 4 * 2**levels


def image_of(magnitudes: Tensor, levels: int) -> Tensor:
    """Drop the topmost bin and continue the frames by silence to what the levels can halve.

    Args:
        magnitudes: (..., bins, frames).
        levels: how often both axes are halved.
    """
    return pad(magnitudes[..., :-1, :], (0, -magnitudes.shape[-1] % 2**levels))


class SpectrogramUNet(MagnitudeSeparator):
    """One U-Net a target, which masks the mixture's magnitudes and looks at their logarithm.

    With the defaults it has 19,643,618 trainable values (computed from the released code). It
    hears log(1 + |X|) without the topmost bin, whose mask is one half. All the frames are heard
    at once: a crop of 127 hops, 97,536 samples with the defaults, gives 128 as in the released
    code, whose first frame begins with the crop while ours is centred there; other numbers are
    padded to a multiple of 2^levels. U7 and U7a differ in the loss alone: U7 is trained with
    ``final: {kind: mse, weight: 1}``, U7a with ``magnitudes: {kind: mae, weight: 1}``.

    Args:
        targets: the sources, one network each.
        levels: how often time and frequency are halved.
        filters: channels of the first level; each level doubles them.
        n_fft: length of a frame (samples), a multiple of 2^(levels + 1).
        hop: distance of two frames (samples).

    Raises:
        ValueError: n_fft cannot be halved that often, or the hop is not below it.
    """

    variants: ClassVar[dict[str, Variant]] = {"U7, U7a": Variant({}, 8192)}

    def __init__(
        self,
        *,
        targets: tuple[str, ...] = ("accompaniment", "vocals"),
        levels: int = 6,
        filters: int = 16,
        n_fft: int = 1024,
        hop: int = 768,
    ) -> None:
        super().__init__(targets=targets, channels=1, n_fft=n_fft, hop=hop)
        check_bins(n_fft, levels)
        self.levels = levels
        self.sees(frames_seen(levels), grid=2**levels)
        self.networks = nn.ModuleList(
            UNet(
                levels=levels,
                filters=filters,
                norm=ShiftedNorm,
                norm_mask=False,
                dropped=range(3),
                drop_skips=True,
            )
            for _ in targets
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def estimate(self, magnitudes: Tensor) -> Tensor:
        """Mask (batch, 1, bins, frames); gives (batch, targets, 1, bins, frames)."""
        image = torch.log1p(image_of(magnitudes, self.levels))
        masks = torch.stack([network(image) for network in self.networks], dim=1)
        masks = pad(masks[..., : magnitudes.shape[-1]], (0, 0, 0, 1), value=0.5)
        return masks * magnitudes.unsqueeze(1)
