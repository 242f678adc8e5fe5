"""The gradients of the fused block of Conv-TasNet, for one example at a time."""

from typing import NamedTuple

import torch
from torch import Tensor

from mssbench.models.folded_norm import Norm, norm_gradient
from mssbench.models.fused_parts import Example, Filter, Weights, overlaps, tiles
from mssbench.models.products import product


class Inner(NamedTuple):
    """The gradient of what the second PReLU is given, and its sums for each tap.

    They are over the frames that the tap writes.
    """

    gradient: Tensor  # (frames, H)
    alone: Tensor  # (H, P)
    with_input: Tensor  # (H, P), with what the tap reads for the frame


def output_gradients(
    w: Weights, totals: Weights, norm: Norm, example: Example, gradient: Tensor
) -> Inner:
    """Go back from the output to what the second PReLU was given.

    Args:
        w: the parameters.
        totals: their gradients, which this example's are added to.
        norm: the second.
        example: what was kept.
        gradient: of the output, (frames, O).

    """
    dilation, _, expanded, convolved = example
    slope, length = w.slope2.item(), len(expanded)
    # The products of the convolution's gradient with its input tell the norm all it needs.
    products = gradient.T @ convolved
    sums = gradient.sum(0)
    totals.output.addcmul_(products, norm.scale).addr_(sums, norm.shift)
    accumulate(totals.output_bias, sums)
    of_norm = norm_gradient(norm, w.gain2, (w.output * products).sum(0), sums @ w.output)
    accumulate(totals.gain2, of_norm.gain)
    accumulate(totals.bias2, of_norm.bias)
    constant = torch.full_like(w.gain2, of_norm.constant)
    inner = product(gradient, (w.output * norm.scale).T, constant)
    alone, with_input = inner.new_zeros(2, w.taps.shape[1], w.taps.shape[0])
    work = torch.empty_like(inner[next(tiles(inner))])
    for rows in tiles(inner):
        tile = inner[rows].add_(convolved[rows], alpha=of_norm.factor)
        prelu_gradient(tile, convolved[rows], slope, totals.slope2)
        total = tile.sum(0)
        for tap, written, read, none in overlaps(rows, dilation, len(alone), length):
            part = torch.mul(tile[written], expanded[read], out=work[written])
            with_input[tap] += part.sum(0)
            alone[tap] += total
            if none.start != none.stop:
                alone[tap] -= tile[none].sum(0)
    return Inner(inner, alone.T, with_input.T)


def input_gradients(
    w: Weights,
    totals: Weights,
    norm: Norm,
    example: Example,
    given: Inner,
) -> Tensor:
    """Go back from what the second PReLU was given to the input.

    Args:
        w: the parameters.
        totals: their gradients, which this example's are added to.
        norm: the first.
        example: what was kept.
        given: what `output_gradients` returns.

    Returns:
        The gradient of the input, (frames, B).
    """
    dilation, frames, expanded, _ = example
    slope = w.slope1.item()
    alone, with_input = given.alone, given.with_input
    totals.taps.addcmul_(with_input, norm.scale[:, None]).addcmul_(alone, norm.shift[:, None])
    # The middle tap writes every frame.
    accumulate(totals.taps_bias, alone[:, alone.shape[1] // 2])
    of_norm = norm_gradient(norm, w.gain1, (w.taps * with_input).sum(-1), (w.taps * alone).sum(-1))
    accumulate(totals.gain1, of_norm.gain)
    accumulate(totals.bias1, of_norm.bias)
    taps = w.taps.T.contiguous().flip(0) * norm.scale
    depthwise = Filter(taps, torch.full_like(w.gain1, of_norm.constant), dilation)
    inner = torch.empty_like(expanded)
    for rows in tiles(expanded):
        tile = inner[rows]
        depthwise.apply(given.gradient, rows, out=tile)
        tile.add_(expanded[rows], alpha=of_norm.factor)
        prelu_gradient(tile, expanded[rows], slope, totals.slope1)
        if totals.expand_bias is not None:
            totals.expand_bias.add_(tile.sum(0))
    totals.expand.addmm_(inner.T, frames)
    return product(inner, w.expand.T)


def accumulate(total: Tensor | None, value: Tensor) -> None:
    """Add ``value`` to ``total``, unless the block has no such parameter."""
    if total is not None:
        total += value


def prelu_gradient(gradient: Tensor, result: Tensor, slope: float, total: Tensor) -> None:
    """Make ``gradient`` that of a PReLU's input, and add that of its slope to ``total``."""
    total += torch.dot(gradient.flatten(), result.clamp(max=0).flatten()) / slope
    backward = torch.ops.aten.leaky_relu_backward.grad_input
    backward(gradient, result, slope, True, grad_input=gradient)
