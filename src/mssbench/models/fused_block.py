"""A block of Conv-TasNet as one operation, for the CPU.

The result is that of the layers one after the other, to rounding. Time is saved in four ways:

- Sequences lie in memory frame by frame, (frames, channels). So the 1 x 1 convolutions are plain
  matrix products, which add the bias, apply the PReLU or add the residual path as they write.
- No normalised sequence is written. A global layer norm is scale * x + shift for each channel, so
  each becomes part of the convolution that follows.
- The depthwise convolution is a sum of shifted products. It and all that lies between the matrix
  products works on a few frames at a time, which stay in the processor's cache.
- The PReLUs overwrite their input, which can be told from their output as long as the slope is
  above 0. Of the sums that the gradients of the norms need, most follow from the gradients of the
  convolutions' weights.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import leaky_relu_

from mssbench.models.folded_norm import Moments, Norm
from mssbench.models.fused_gradients import input_gradients, output_gradients
from mssbench.models.fused_parts import Example, Filter, Weights, overlaps, tiles
from mssbench.models.products import product


class FusedBlock(torch.autograd.Function):
    """1 x 1 convolution, PReLU, norm, depthwise convolution, PReLU, norm, 1 x 1 convolution."""

    @staticmethod
    def forward(
        ctx: Any, state: Tensor, dilation: int, spare: Tensor | None, *parameters: Any
    ) -> Tensor:
        """Return the last O channels of ``state`` plus what the layers make of its first B.

        Args:
            ctx: for `backward`.
            state: (batch, frames, channels).
            dilation: of the depthwise convolution (frames).
            spare: (frames, H), memory to work in, if no gradient will be asked for.
            parameters: those of `Weights`.
        """
        w = Weights(*parameters)
        outputs, kept, norms = [], [], []
        for own in state.contiguous():
            expanded, norm1 = forward_to_norm1(w, own[:, : w.expand.shape[1]])
            convolved = torch.empty_like(expanded) if spare is None else spare
            norm2 = forward_to_norm2(w, norm1, dilation, expanded, convolved)
            bias = w.output @ norm2.shift
            if w.output_bias is not None:
                bias += w.output_bias
            plus = own[:, -len(bias) :].contiguous()
            outputs.append(product(convolved, w.output * norm2.scale, bias, plus=plus))
            kept += [own, expanded, convolved]
            norms.append((norm1, norm2))
        if spare is None:
            ctx.save_for_backward(*kept, *parameters)
            ctx.norms, ctx.dilation = norms, dilation
        return outputs[0].unsqueeze(0) if len(outputs) == 1 else torch.stack(outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the input and of the parameters."""
        kept = ctx.saved_tensors
        w = Weights(*kept[3 * len(ctx.norms) :])
        B = w.expand.shape[1]
        zeros: list[Any] = [None if value is None else torch.zeros_like(value) for value in w]
        totals = Weights(*zeros)
        states = gradient.new_zeros(*gradient.shape[:2], kept[0].shape[1])
        states[..., -len(w.output) :] = gradient
        for i, (norm1, norm2) in enumerate(ctx.norms):
            state, expanded, convolved = kept[3 * i : 3 * i + 3]
            example = Example(ctx.dilation, state[:, :B], expanded, convolved)
            inner = output_gradients(w, totals, norm2, example, gradient[i].contiguous())
            states[i, :, :B] += input_gradients(w, totals, norm1, example, inner)
        return states, None, None, *totals


def forward_to_norm1(w: Weights, frames: Tensor) -> tuple[Tensor, Norm]:
    """Return ``expanded`` for one example, (frames, B), and the norm that follows."""
    expanded = product(frames, w.expand, w.expand_bias, then=w.slope1.item())
    moments = Moments()
    for rows in tiles(expanded):
        moments.add(expanded[rows])
    return expanded, moments.norm(w.gain1, w.bias1)


def forward_to_norm2(w: Weights, norm: Norm, dilation: int, expanded: Tensor, out: Tensor) -> Norm:
    """Write ``convolved`` for one example; return the norm that follows.

    Args:
        w: the parameters.
        norm: the first.
        dilation: of the depthwise convolution (frames).
        expanded: (frames, H).
        out: the result, (frames, H).
    """
    taps = w.taps.T.contiguous()
    taps, shifts = taps * norm.scale, taps * norm.shift
    constant = shifts.sum(0) if w.taps_bias is None else shifts.sum(0) + w.taps_bias
    depthwise = Filter(taps, constant, dilation)
    slope, moments = w.slope2.item(), Moments()
    for rows in tiles(expanded):
        tile = out[rows]
        depthwise.apply(expanded, rows, out=tile)
        # Around the sequence are zeros, which the norm has not shifted.
        for tap, _, _, none in overlaps(rows, dilation, len(taps), len(expanded)):
            if none.start != none.stop:
                tile[none] -= shifts[tap]
        moments.add(leaky_relu_(tile, slope))
    return moments.norm(w.gain2, w.bias2)
