"""Meta-TasNet's mask estimator, whose weights are generated for each instrument.

All instruments are worked on in parallel, (batch, instruments, channels, frames).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import conv1d

GROUPS, EPSILON = 8, 1e-8
"""Of the normalisations: groups of channels of each instrument, and added to the variance."""


class Weights(nn.Module):
    """Weights of one layer for each instrument.

    Args:
        start: the first values of independent weights, (instruments, *shape).
        E1: length of an instrument's embedding; None for independent weights.
        E2: values between the two linear maps that generate weights from it.
    """

    def __init__(self, start: Tensor, E1: int | None, E2: int) -> None:
        super().__init__()
        self.shape = start.shape
        if E1 is None:
            self.values = nn.Parameter(start)
        else:
            self.generator = nn.Sequential(
                nn.Linear(E1, E2), nn.Linear(E2, math.prod(self.shape[1:]))
            )
        self.generated = E1 is not None

    def forward(self, embeddings: Tensor | None) -> Tensor:
        """Return the weights (instruments, ...) for embeddings (instruments, E1)."""
        if not self.generated:
            return self.values
        values: Tensor = self.generator(embeddings).view(self.shape)
        return values


class Mix(nn.Module):
    """A 1 x 1 convolution without bias, other for each instrument."""

    def __init__(
        self, instruments: int, inputs: int, outputs: int, E1: int | None, E2: int
    ) -> None:
        super().__init__()
        start = torch.empty(instruments, outputs, inputs).uniform_(-1, 1) / inputs**0.5
        self.weights = Weights(start, E1, E2)

    def forward(self, sequence: Tensor, embeddings: Tensor | None) -> Tensor:
        """Map (batch, instruments, inputs, frames) to (batch, instruments, outputs, frames)."""
        return torch.matmul(self.weights(embeddings), sequence)


class ActiveNorm(nn.Module):
    """A PReLU, whose slope all instruments share, then a group normalisation of each."""

    def __init__(self, instruments: int, channels: int, E1: int | None, E2: int) -> None:
        super().__init__()
        self.activation = nn.PReLU()
        start = torch.stack((torch.ones(channels), torch.zeros(channels)))
        self.affine = Weights(start.repeat(instruments, 1, 1), E1, E2)

    def forward(self, sequence: Tensor, embeddings: Tensor | None) -> Tensor:
        """Map (batch, instruments, channels, frames) to the same shape."""
        scale, shift = self.affine(embeddings).transpose(0, 1).flatten(1)
        groups = GROUPS * int(sequence.shape[1])  # a tensor where torch traces
        active = self.activation(sequence).flatten(1, 2)
        # Not the function of torch.nn, which refuses a single frame.
        return torch.group_norm(active, groups, scale, shift, EPSILON).view(sequence.shape)


class Block(nn.Module):
    """A block of dilated convolutions with a residual and a skip output."""

    def __init__(
        self, instruments: int, B: int, H: int, *, P: int, dilation: int, E1: int | None, E2: int
    ) -> None:
        super().__init__()
        self.dilation = dilation
        self.expand = Mix(instruments, B, H, E1, E2)
        self.norm1 = ActiveNorm(instruments, H, E1, E2)
        start = torch.empty(instruments, H, P).uniform_(-1, 1) / P**0.5
        self.taps = Weights(start, E1, E2)
        self.norm2 = ActiveNorm(instruments, H, E1, E2)
        self.residual = Mix(instruments, H, B, E1, E2)
        self.skip = Mix(instruments, H, B, E1, E2)

    def forward(self, frames: Tensor, embeddings: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the next block's input and the skip output, both (batch, instruments, B, ...)."""
        hidden = self.norm1(self.expand(frames, embeddings), embeddings)
        taps = self.taps(embeddings).flatten(0, 1).unsqueeze(1)
        reach = self.dilation * (taps.shape[-1] // 2)
        convolved = conv1d(
            hidden.flatten(1, 2), taps, padding=reach, dilation=self.dilation, groups=len(taps)
        )
        hidden = self.norm2(convolved.view(hidden.shape), embeddings)
        return frames + self.residual(hidden, embeddings), self.skip(hidden, embeddings)


class InstrumentMasks(nn.Module):
    """Masks of all instruments, which sum to one.

    Args:
        instruments: how many.
        inputs: channels of what each instrument's masks are estimated from.
        N: channels of a mask.
        B: channels of the bottleneck, of the residual and of the skip paths.
        H: channels inside a block.
        P: taps of the dilated filters, an odd number.
        X: blocks in a stack; block x has a dilation of 2^x frames.
        R: stacks.
        E1: length of an instrument's embedding; None for independent weights.
        E2: values between the two linear maps that generate a layer's weights from it.
    """

    def __init__(
        self,
        *,
        instruments: int,
        inputs: int,
        N: int,
        B: int,
        H: int,
        P: int,
        X: int,
        R: int,
        E1: int | None,
        E2: int,
    ) -> None:
        super().__init__()
        self.embeddings = None if E1 is None else nn.Embedding(instruments, E1)
        self.input_norm = ActiveNorm(instruments, inputs, E1, E2)
        self.bottleneck = Mix(instruments, inputs, B, E1, E2)
        self.bottleneck_norm = ActiveNorm(instruments, B, E1, E2)
        self.blocks = nn.ModuleList(
            Block(instruments, B, H, P=P, dilation=2**x, E1=E1, E2=E2)
            for _ in range(R)
            for x in range(X)
        )
        self.skip_norm = ActiveNorm(instruments, B, E1, E2)
        self.mask = Mix(instruments, B, N, E1, E2)
        self.mask_norm = ActiveNorm(instruments, N, E1, E2)

    def forward(self, latents: Tensor) -> Tensor:
        """Map (batch, instruments, inputs, frames) to masks (batch, instruments, N, frames)."""
        embeddings = None if self.embeddings is None else self.embeddings.weight
        frames = self.bottleneck(self.input_norm(latents, embeddings), embeddings)
        frames, skips = self.blocks[0](self.bottleneck_norm(frames, embeddings), embeddings)
        for block in self.blocks[1:]:
            frames, skip = block(frames, embeddings)
            skips = skips + skip
        masks = self.mask(self.skip_norm(skips, embeddings), embeddings)
        return torch.softmax(self.mask_norm(masks, embeddings), dim=1)
