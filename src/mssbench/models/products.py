"""Matrix products of rows with weights, by the library that does them fastest on this processor."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu_, linear

Squash = Literal["sigmoid", "relu"]

# torch's own compiler calls these operations. They are oneDNN's products, which are up to twice as
# fast as those behind `torch.mm` on processors that are not Intel's, and they do what follows a
# product while its results are in the cache. A build of torch without oneDNN has them not.
POINTWISE = getattr(torch.ops.mkldnn, "_linear_pointwise", None)


def by_rows(sequence: Tensor) -> bool:
    """Return whether a sequence is best worked on as the rows of matrices.

    Not on a GPU, where convolutions have kernels of their own, nor with mixed precision, nor where
    torch records or compiles a program, to which layers say more.
    """
    return not (
        sequence.device.type != "cpu"
        or torch.is_autocast_enabled("cpu")
        or torch.jit.is_tracing()
        or torch.compiler.is_compiling()
    )


def pointwise(sequence: Tensor, convolution: nn.Module, squash: Squash | None = None) -> Tensor:
    """Apply a convolution of one tap to (batch, channels, frames).

    On a CPU the result lies in memory frame by frame.

    Args:
        sequence: the input.
        convolution: of one tap.
        squash: what follows, if anything.
    """
    then = (lambda result: result) if squash is None else getattr(torch, squash)
    if not by_rows(sequence):
        result: Tensor = then(convolution(sequence))
        return result
    assert isinstance(convolution, nn.Conv1d)
    frames, weights = sequence.transpose(1, 2), convolution.weight[..., 0]
    if torch.is_grad_enabled():
        result = then(linear(frames, weights, convolution.bias))
    else:
        rows = product(frames.flatten(0, 1), weights, convolution.bias, then=squash)
        result = rows.unflatten(0, frames.shape[:2])
    return result.transpose(1, 2)


def has_pointwise(rows: Tensor) -> bool:
    """Return whether oneDNN can multiply ``rows``."""
    return (
        POINTWISE is not None
        and rows.dtype == torch.float32
        and rows.device.type == "cpu"
        and rows.numel() > 0
        and torch.backends.mkldnn.is_available()
        and bool(torch.backends.mkldnn.enabled)
    )


def product(
    rows: Tensor,
    weights: Tensor,
    bias: Tensor | None = None,
    *,
    then: Squash | float | None = None,
    plus: Tensor | None = None,
) -> Tensor:
    """Return ``rows @ weights.T + bias`` in new memory; no gradient goes through it.

    Args:
        rows: (rows, inputs).
        weights: (outputs, inputs).
        bias: (outputs,).
        then: what follows, if anything: a function, or the slope of a leaky ReLU for negative
            values.
        plus: if given, this is added, (rows, outputs). Nothing may follow.

    Returns:
        (rows, outputs).
    """
    rows, weights = rows.detach(), weights.detach()
    if not has_pointwise(rows):
        out = rows @ weights.T
        if bias is not None:
            out += bias
        if plus is not None:
            out += plus
        if isinstance(then, float):
            return leaky_relu_(out, then)
        return out if then is None else getattr(torch, f"{then}_")(out)
    assert POINTWISE is not None
    if plus is not None:
        return POINTWISE.binary(rows, plus, weights, bias, "add")
    if isinstance(then, float):
        return POINTWISE(rows, weights, bias, "leaky_relu", [then], "")
    return POINTWISE(rows, weights, bias, then or "none", [], "")
