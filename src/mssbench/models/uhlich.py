"""A feed-forward and a recurrent network on magnitudes, one a target.

In the style of S. Uhlich, F. Giron and Y. Mitsufuji, "Deep Neural Network Based Instrument
Extraction from Music", ICASSP 2015, and of S. Uhlich et al., "Improving Music Source Separation
Based on Deep Neural Networks Through Data Augmentation and Network Blending", ICASSP 2017: the
systems UHL1 (feed-forward) and UHL2 (recurrent) of SiSEC 2016. There is no released code, and
what those systems do behind the networks, a multichannel Wiener filter on all estimates, is not
part of these models.
"""

import math
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from mssbench.models.base import Variant
from mssbench.models.magnitudes import MagnitudeSeparator

TARGETS = ("bass", "drums", "other", "vocals")
FLOOR = 1e-8
"""Added to the mean norm of frames, which silence would have be 0."""


class FeedForward(MagnitudeSeparator):
    """Fully connected ReLU layers, from the frames around each frame to that frame of a target.

    As in the paper, every layer is as wide as its output, and the frames are divided by their
    mean Euclidean norm, which the output is multiplied by; so an estimate is as loud as the
    mixture is. With the defaults it has 2,897,424 trainable values a target, 11,589,696 in all.
    C, K and the transform are recalled, not read from the paper: UNVERIFIED. Left out are the
    initial weights from least squares, layer by layer; here they are He's. The loss is
    ``magnitudes: {kind: mse, weight: 1}``, on magnitudes divided by the root of n_fft.

    Args:
        targets: the sources, one network each.
        channels: audio channels; each network sees and estimates all of them together.
        C: frames of context on each side.
        K: layers.
        n_fft: length of a frame (samples).
        hop: distance of two frames (samples).

    Raises:
        ValueError: the hop is not below n_fft.
    """

    variants: ClassVar[dict[str, Variant]] = {"FNN": Variant({}, 44100)}

    def __init__(
        self,
        *,
        targets: tuple[str, ...] = TARGETS,
        channels: int = 1,
        C: int = 3,
        K: int = 5,
        n_fft: int = 1024,
        hop: int = 512,
    ) -> None:
        scale = 1 / math.sqrt(n_fft)
        super().__init__(targets=targets, channels=channels, n_fft=n_fft, hop=hop, scale=scale)
        self.C = C
        self.sees(C)
        width = channels * (n_fft // 2 + 1)
        widths = [(2 * C + 1) * width, *[width] * K]
        self.networks = nn.ModuleList(
            nn.Sequential(
                *(
                    nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU())
                    for inputs, outputs in pairwise(widths)
                )
            )
            for _ in targets
        )
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def estimate(self, magnitudes: Tensor) -> Tensor:
        """Map (batch, channels, bins, frames) to (batch, targets, channels, bins, frames)."""
        around = pad(magnitudes.flatten(1, 2), (self.C, self.C)).unfold(-1, 2 * self.C + 1, 1)
        gain = torch.linalg.vector_norm(around, dim=1).mean(-1)[..., None] + FLOOR
        normalised = around.permute(0, 2, 3, 1).flatten(2) / gain
        estimates = torch.stack([gain * network(normalised) for network in self.networks], dim=1)
        return estimates.transpose(-1, -2).unflatten(2, magnitudes.shape[1:3])


class BidirectionalLSTM(nn.Module):
    """Layers of bidirectional LSTMs and a dense layer with ReLU.

    Args:
        width: values of a frame, of the input and of the output.
        units: of each direction.
        layers: of the LSTM.
        dropout: share of values dropped between the LSTM layers while training.
    """

    def __init__(self, width: int, units: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(
            width, units, layers, batch_first=True, dropout=dropout, bidirectional=True
        )
        self.output = nn.Linear(2 * units, width)

    def forward(self, frames: Tensor) -> Tensor:
        """Map (batch, frames, width) to the same shape, without negative values."""
        states, _ = self.recurrent(frames)
        return relu(self.output(states))


class BidirectionalLSTMSeparator(MagnitudeSeparator):
    """Three layers of bidirectional LSTMs a target, from the mixture's magnitudes to the target's.

    SiSEC 2018's description, known at second hand, has layers of 500 cells, frames of 4,096
    samples and hops of 1,024. Taken as 500 each direction they make 34,518,098 trainable values a
    target, torch's second bias of each gate among them; taken as 250 each, 13,761,098. Neither is
    the 30.03 M that is recalled from the MMDenseLSTM paper (UNVERIFIED), so its network differs.
    The loss is ``magnitudes: {kind: mse, weight: 1}``; dividing magnitudes by the root of n_fft
    is our choice.

    Args:
        targets: the sources, one network each.
        channels: audio channels; each network sees and estimates all of them together.
        units: of each layer and direction.
        layers: of the LSTM.
        dropout: share of values dropped between layers while training; UNVERIFIED.
        n_fft: length of a frame (samples).
        hop: distance of two frames (samples).

    Raises:
        ValueError: the hop is not below n_fft, or the dropout is not in [0, 1].
    """

    variants: ClassVar[dict[str, Variant]] = {
        "BLSTM": Variant({}, 44100),
        "BLSTM 250": Variant({"units": 250}, 44100),
    }

    def __init__(
        self,
        *,
        targets: tuple[str, ...] = TARGETS,
        channels: int = 2,
        units: int = 500,
        layers: int = 3,
        dropout: float = 0.0,
        n_fft: int = 4096,
        hop: int = 1024,
    ) -> None:
        scale = 1 / math.sqrt(n_fft)
        super().__init__(targets=targets, channels=channels, n_fft=n_fft, hop=hop, scale=scale)
        width = channels * (n_fft // 2 + 1)
        self.networks = nn.ModuleList(
            BidirectionalLSTM(width, units, layers, dropout) for _ in targets
        )

    def estimate(self, magnitudes: Tensor) -> Tensor:
        """Map (batch, channels, bins, frames) to (batch, targets, channels, bins, frames)."""
        frames = magnitudes.flatten(1, 2).transpose(1, 2)
        estimates = torch.stack([network(frames) for network in self.networks], dim=1)
        return estimates.transpose(-1, -2).unflatten(2, magnitudes.shape[1:3])
