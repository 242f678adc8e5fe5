"""Demucs, its first version.

A. Défossez, N. Usunier, L. Bottou and F. Bach, "Music Source Separation in the Waveform Domain",
arXiv 1911.13254 (2019), and the code released with it.
"""

import math
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from mssbench.models.base import Separator, Variant
from mssbench.models.cropping import centre
from mssbench.models.row_convolutions import RowConv1d, RowConvTranspose1d

EPSILON = 1e-5
"""What the released code adds to a standard deviation before it divides by it."""


def rescale(layer: nn.Module, reference: float) -> None:
    """Bring the initial weights of a convolution closer to a standard deviation of ``reference``.

    Weights and biases are divided by the root of the weights' deviation over the reference. Other
    layers are left alone.
    """
    if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d):
        factor = (layer.weight.detach().std() / reference).sqrt()
        layer.weight.data /= factor
        if layer.bias is not None:
            layer.bias.data /= factor


def rewriting(width: int, kernel: int, glu: bool) -> list[nn.Module]:
    """Return the layers that turn ``width`` channels into as many others."""
    if glu:
        return [RowConv1d(width, 2 * width, kernel), nn.GLU(dim=1)]
    return [RowConv1d(width, width, kernel), nn.ReLU(inplace=True)]


class Recurrent(nn.Module):
    """A bidirectional LSTM of two layers and a linear map back to its ``width`` channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, num_layers=2, bidirectional=True, batch_first=True)
        self.linear = nn.Linear(2 * width, width)

    def forward(self, signal: Tensor) -> Tensor:
        """Map (batch, width, time) to the same shape."""
        states, _ = self.lstm(signal.transpose(1, 2))
        mapped: Tensor = self.linear(states)
        return mapped.transpose(1, 2)


class Demucs(Separator):
    """Strided convolutions down, an LSTM, and transposed convolutions up, with skips added.

    With the defaults it has 648,548,208 trainable values, with C = 64 265,679,496. The paper's
    loss is ``final: {kind: mae, weight: 1}``. Layers are named as in the released code, so that
    its weights can be loaded.

    Convolutions are not padded. A mixture of any length is completed by zeros on both sides until
    they fit, and the estimates are cut again. The released code trains on excerpts that are longer
    than the target by what is lost, 5,460 samples a side, where this one puts zeros there. It
    also brings every song's mixture (mono) to a mean of 0 and a deviation of 1, for which see
    ``standardise``. At test the paper averages over 10 shifts of the song, an experiment's
    ``separation: {shifts: 10}``.

    Args:
        channels: audio channels of the mixture and of the estimates.
        targets: the sources.
        C: channels of the first encoder block; each further one has twice as many.
        L: encoder blocks, and decoder blocks.
        K: taps of the strided convolutions.
        S: their stride.
        kernel: taps of the convolution that a decoder block begins with (the code's ``context``).
        lstm: whether there is an LSTM.
        glu: whether a gated linear unit follows a block's inner convolution; else a ReLU.
        rewrite: whether a block has an inner convolution, of 1 tap in the encoder.
        rescaled: standard deviation that initial weights are brought closer to; None leaves them
            as torch draws them.
        standardise: bring what the network hears to a mean of 0 and a deviation of 1 (mono, each
            example by itself), and its estimates back.

    Raises:
        ValueError: the stride is longer than the taps.
    """

    variants: ClassVar[dict[str, Variant]] = {
        "Demucs": Variant({}, 44_100),
        "light": Variant({"C": 64}, 44_100),
        "no LSTM": Variant({"lstm": False}, 44_100),
        "no GLU": Variant({"glu": False}, 44_100),
        "no rewrite": Variant({"rewrite": False}, 44_100),
        "context 1": Variant({"kernel": 1}, 44_100),
        "no rescale": Variant({"rescaled": None}, 44_100),
    }

    def __init__(
        self,
        *,
        channels: int = 2,
        targets: tuple[str, ...] = ("drums", "bass", "other", "vocals"),
        C: int = 100,
        L: int = 6,
        K: int = 8,
        S: int = 4,
        kernel: int = 3,
        lstm: bool = True,
        glu: bool = True,
        rewrite: bool = True,
        rescaled: float | None = 0.1,
        standardise: bool = False,
    ) -> None:
        super().__init__()
        if S > K:
            raise ValueError(f"S is {S}; it must be at most K, which is {K}")
        if rescaled is not None and rescaled <= 0:
            raise ValueError(f"rescaled is {rescaled:g}; it must be above 0")
        self.channels, self.targets = channels, targets
        self.K, self.S, self.standardise = K, S, standardise
        self.lost = kernel - 1
        self.grid = S**L
        if not lstm and not standardise:
            below = sum(S**level for level in range(L))
            self.reach = below * (2 * (K - 1) + S * (kernel - 1 if rewrite else 0))
        widths = [C * 2**level for level in range(L)]
        self.encoder = nn.ModuleList(
            nn.Sequential(
                RowConv1d(inputs, width, K, S),
                nn.ReLU(inplace=True),
                *(rewriting(width, 1, glu) if rewrite else []),
            )
            for inputs, width in zip([channels, *widths[:-1]], widths, strict=True)
        )
        self.lstm = Recurrent(widths[-1]) if lstm else nn.Identity()
        self.decoder = nn.ModuleList(
            nn.Sequential(
                *(rewriting(width, kernel, glu) if rewrite else []),
                RowConvTranspose1d(width, outputs, K, S),
                nn.ReLU(inplace=True),
            )
            for width, outputs in zip(widths[::-1], widths[-2::-1], strict=False)
        )
        self.decoder.append(
            nn.Sequential(
                *(rewriting(C, kernel, glu) if rewrite else []),
                RowConvTranspose1d(C, len(targets) * channels, K, S),
            )
        )
        if rescaled is not None:
            for layer in self.modules():
                rescale(layer, rescaled)

    def fitting_length(self, samples: int) -> int:
        """Return the shortest length that fits all strides and gives ``samples`` at least."""
        for _ in self.encoder:
            frames = max(1, math.ceil((samples - self.K) / self.S) + 1)
            samples = frames + self.lost
        for _ in self.decoder:
            samples = (samples - 1) * self.S + self.K
        return samples

    def forward(self, mixture: Tensor) -> dict[str, Tensor]:
        """Map (batch, channels, samples) to ``final``, (batch, targets, channels, samples)."""
        self.check(mixture)
        samples = mixture.shape[-1]
        missing = self.fitting_length(samples) - samples
        around = missing // 2, missing - missing // 2
        if self.standardise:
            mono = mixture.mean(1, keepdim=True)
            mean, scale = mono.mean(-1, keepdim=True), EPSILON + mono.std(-1, keepdim=True)
            signal = centre(self.network(pad((mixture - mean) / scale, around)), samples)
            signal = signal * scale + mean
        else:
            signal = centre(self.network(pad(mixture, around)), samples)
        return {"final": signal.unflatten(1, (len(self.targets), self.channels))}

    def network(self, signal: Tensor) -> Tensor:
        """Map (batch, channels, time), of a fitting length, to all estimates' channels."""
        skips = []
        for block in self.encoder:
            signal = block(signal)
            skips.append(signal)
        signal = self.lstm(signal)
        for block in self.decoder:
            skip = centre(skips.pop(), signal.shape[-1])
            # In place where no gradient needs what was there.
            signal = block(signal + skip if torch.is_grad_enabled() else signal.add_(skip))
        return signal
