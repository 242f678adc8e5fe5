"""A block of Conv-TasNet as one operation, for the CPU.

The result is that of the layers one after the other, to rounding. Time is saved in three ways:

- No normalised sequence is written. A global layer norm is scale * x + shift for each channel, so
  the second one becomes part of the 1 x 1 convolution that follows.
- The depthwise convolution is a sum of shifted products, and it and all that lies between the
  1 x 1 convolutions works on a few channels at a time, whose frames stay in the processor's cache.
- The PReLUs overwrite their input, which can be told from their output as long as the slope is
  above 0. Of the sums that the gradients of the norms need, most follow from the gradients of the
  convolutions' weights.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import leaky_relu

from mssbench.models.folded_norm import Moments, Norm, norm_gradient

TILE = 2**18
"""Values worked on at a time: 1 MiB as float32, half of a usual second-level cache."""


class Weights(NamedTuple):
    """The parameters of a block: H channels between B of the input and O of the output."""

    expand: Tensor  # (H, B)
    expand_bias: Tensor | None
    slope1: Tensor  # (1,)
    gain1: Tensor  # (H,)
    bias1: Tensor  # (H,)
    taps: Tensor  # (H, P)
    taps_bias: Tensor | None
    slope2: Tensor
    gain2: Tensor
    bias2: Tensor
    output: Tensor  # (O, H)
    output_bias: Tensor | None


def tiles(sequence: Tensor) -> Iterator[slice]:
    """Cut the channels of (channels, frames) so that a part has about `TILE` values."""
    channels, frames = sequence.shape
    step = max(1, TILE // frames)
    return (slice(first, first + step) for first in range(0, channels, step))


def overlaps(dilation: int, taps: int, frames: int) -> Iterator[tuple[int, slice, slice]]:
    """Yield each tap of a centred filter with the frames it writes and those it reads."""
    for tap in range(taps):
        ahead = (tap - taps // 2) * dilation
        if abs(ahead) < frames:
            written, read = max(0, -ahead), max(0, ahead)
            length = frames - abs(ahead)
            yield tap, slice(written, written + length), slice(read, read + length)


def filtered(sequence: Tensor, taps: Tensor, dilation: int, out: Tensor) -> None:
    """Filter each channel of (channels, frames) by its taps (channels, P), zeros around it."""
    middle = taps.shape[-1] // 2
    torch.mul(sequence, taps[:, middle, None], out=out)
    for tap, written, read in overlaps(dilation, taps.shape[-1], sequence.shape[-1]):
        if tap != middle:
            out[:, written].addcmul_(sequence[:, read], taps[:, tap, None])


class Example(NamedTuple):
    """One example of a batch. Without gradients, the two last are one memory."""

    dilation: int
    frames: Tensor  # (B, frames), the input
    expanded: Tensor  # (H, frames), after the first PReLU
    convolved: Tensor  # (H, frames), after the second PReLU


class FusedBlock(torch.autograd.Function):
    """1 x 1 convolution, PReLU, norm, depthwise convolution, PReLU, norm, 1 x 1 convolution."""

    @staticmethod
    def forward(
        ctx: Any, frames: Tensor, dilation: int, spare: Tensor | None, *parameters: Any
    ) -> Tensor:
        """Map (batch, B, frames) to (batch, O, frames).

        Args:
            ctx: for `backward`.
            frames: the input.
            dilation: of the depthwise convolution (frames).
            spare: (H, frames), memory to work in, if no gradient will be asked for.
            parameters: those of `Weights`.
        """
        w = Weights(*parameters)
        batch, _, length = frames.shape
        if spare is None:
            expanded = frames.new_empty(batch, len(w.taps), length)
            convolved = torch.empty_like(expanded)
        else:
            expanded = convolved = spare.expand(batch, -1, -1)
        outputs = frames.new_empty(batch, len(w.output), length)
        norms = []
        for i in range(batch):
            example = Example(dilation, frames[i], expanded[i], convolved[i])
            norms.append(forward_example(w, example, outputs[i]))
        if spare is None:
            ctx.save_for_backward(frames, expanded, convolved, *parameters)
            ctx.norms, ctx.dilation = norms, dilation
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the input and of the parameters."""
        frames, expanded, convolved, *parameters = ctx.saved_tensors
        w = Weights(*parameters)
        zeros: list[Any] = [None if value is None else torch.zeros_like(value) for value in w]
        totals = Weights(*zeros)
        inputs = torch.empty_like(frames)
        for i, (norm1, norm2) in enumerate(ctx.norms):
            example = Example(ctx.dilation, frames[i], expanded[i], convolved[i])
            inner = output_gradients(w, totals, norm2, example, gradient[i])
            inputs[i] = input_gradients(w, totals, norm1, example, inner)
        return inputs, None, None, *totals


def forward_example(w: Weights, example: Example, output: Tensor) -> tuple[Norm, Norm]:
    """Write one example's ``expanded``, ``convolved`` and ``output``; return its norms."""
    dilation, frames, expanded, convolved = example
    slope1, slope2 = w.slope1.item(), w.slope2.item()
    torch.mm(w.expand, frames, out=expanded)
    moments = Moments(expanded)
    for rows in tiles(expanded):
        if w.expand_bias is not None:
            expanded[rows] += w.expand_bias[rows, None]
        moments.add(rows, leaky_relu(expanded[rows], slope1, inplace=True))
    norm1 = moments.norm(w.gain1, w.bias1)
    moments = Moments(convolved)
    for rows in tiles(expanded):
        filtered(norm1.apply(rows, expanded[rows]), w.taps[rows], dilation, out=convolved[rows])
        if w.taps_bias is not None:
            convolved[rows] += w.taps_bias[rows, None]
        moments.add(rows, leaky_relu(convolved[rows], slope2, inplace=True))
    norm2 = moments.norm(w.gain2, w.bias2)
    bias = w.output @ norm2.shift
    if w.output_bias is not None:
        bias += w.output_bias
    torch.addmm(bias[:, None], w.output * norm2.scale, convolved, out=output)
    return norm1, norm2


def output_gradients(
    w: Weights, totals: Weights, norm: Norm, example: Example, gradient: Tensor
) -> Tensor:
    """Go back from the output to ``convolved``.

    Args:
        w: the parameters.
        totals: their gradients, which this example's are added to.
        norm: the second.
        example: what was kept.
        gradient: of the output, (O, frames).

    Returns:
        The gradient of ``convolved``.
    """
    convolved, slope = example.convolved, w.slope2.item()
    # The products of the convolution's gradient with its input tell the norm all it needs.
    products = gradient @ convolved.T
    sums = gradient.sum(-1)
    accumulate(totals.output, products * norm.scale + torch.outer(sums, norm.shift))
    accumulate(totals.output_bias, sums)
    of_norm = norm_gradient(norm, w.gain2, (w.output * products).sum(0), sums @ w.output)
    accumulate(totals.gain2, of_norm.gain)
    accumulate(totals.bias2, of_norm.bias)
    inner = (w.output * norm.scale).T @ gradient
    for rows in tiles(inner):
        tile = inner[rows].addcmul_(convolved[rows], of_norm.factor).add_(of_norm.constant)
        prelu_gradient(tile, convolved[rows], slope, totals.slope2)
    return inner


def input_gradients(
    w: Weights, totals: Weights, norm: Norm, example: Example, gradient: Tensor
) -> Tensor:
    """Go back from ``convolved`` to the input.

    Args:
        w: the parameters.
        totals: their gradients, which this example's are added to.
        norm: the first.
        example: what was kept.
        gradient: of ``convolved``; overwritten.

    Returns:
        The gradient of the input.
    """
    expanded, slope = example.expanded, w.slope1.item()
    length, taps = expanded.shape[-1], w.taps.shape[-1]
    # For each tap, the gradient's sum over the frames that it writes, alone and with its input.
    alone, with_input = torch.zeros_like(w.taps), torch.zeros_like(w.taps)
    backwards = w.taps.flip(-1)
    for rows in tiles(expanded):
        tile, active = gradient[rows].clone(), expanded[rows]
        for tap, written, read in overlaps(example.dilation, taps, length):
            alone[rows, tap] = tile[:, written].sum(-1)
            with_input[rows, tap] = (tile[:, written] * active[:, read]).sum(-1)
        filtered(tile, backwards[rows], example.dilation, out=gradient[rows])
    totals.taps.addcmul_(with_input, norm.scale[:, None]).addcmul_(alone, norm.shift[:, None])
    # The middle tap writes every frame.
    accumulate(totals.taps_bias, alone[:, taps // 2])
    of_norm = norm_gradient(norm, w.gain1, (w.taps * with_input).sum(-1), (w.taps * alone).sum(-1))
    accumulate(totals.gain1, of_norm.gain)
    accumulate(totals.bias1, of_norm.bias)
    for rows in tiles(expanded):
        tile = gradient[rows].mul_(norm.scale[rows, None])
        tile.addcmul_(expanded[rows], of_norm.factor).add_(of_norm.constant)
        prelu_gradient(tile, expanded[rows], slope, totals.slope1)
    totals.expand.addmm_(gradient, example.frames.T)
    accumulate(totals.expand_bias, gradient.sum(-1))
    return w.expand.T @ gradient


def accumulate(total: Tensor | None, value: Tensor) -> None:
    """Add ``value`` to ``total``, unless the block has no such parameter."""
    if total is not None:
        total += value


def prelu_gradient(gradient: Tensor, result: Tensor, slope: float, total: Tensor) -> None:
    """Make ``gradient`` that of a PReLU's input, and add that of its slope to ``total``."""
    total += torch.dot(gradient.flatten(), result.clamp(max=0).flatten()) / slope
    backward = torch.ops.aten.leaky_relu_backward.grad_input
    backward(gradient, result, slope, True, grad_input=gradient)
