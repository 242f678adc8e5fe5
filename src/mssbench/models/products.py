"""Matrix products of rows with weights, by the library that does them fastest on this processor."""

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu_, linear

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


def pointwise(sequence: Tensor, convolution: nn.Module) -> Tensor:
    """Apply a convolution of one tap to (batch, channels, frames).

    On a CPU the result lies in memory frame by frame.
    """
    if by_rows(sequence):
        assert isinstance(convolution, nn.Conv1d)
        return linear(sequence.mT, convolution.weight[..., 0], convolution.bias).mT
    convolved: Tensor = convolution(sequence)
    return convolved


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
    slope: float | None = None,
    plus: Tensor | None = None,
) -> Tensor:
    """Return ``rows @ weights.T + bias`` in new memory; no gradient goes through it.

    Args:
        rows: (rows, inputs).
        weights: (outputs, inputs).
        bias: (outputs,).
        slope: if given, a leaky ReLU of this slope for negative values follows.
        plus: if given, this is added, (rows, outputs). Not along with a slope.

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
        return out if slope is None else leaky_relu_(out, slope)
    assert POINTWISE is not None
    if plus is not None:
        return POINTWISE.binary(rows, plus, weights, bias, "add")
    if slope is not None:
        return POINTWISE(rows, weights, bias, "leaky_relu", [slope], "")
    return POINTWISE(rows, weights, bias, "none", [], "")
