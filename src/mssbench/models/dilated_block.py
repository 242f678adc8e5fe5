"""The block that Conv-TasNet's separator is made of."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from mssbench.models.fused_block import FusedBlock
from mssbench.models.normalisation import CumulativeNorm, GlobalNorm
from mssbench.models.products import by_rows


def spare_memory(state: Tensor, H: int) -> Tensor | None:
    """Return memory for the blocks of a network, None where gradients are recorded.

    Args:
        state: (batch, frames, channels), what they are given.
        H: channels inside a block.
    """
    return None if torch.is_grad_enabled() else state.new_empty(state.shape[1], H)


class DilatedBlock(nn.Module):
    """1 x 1 convolution, PReLU, norm, depthwise convolution, PReLU, norm, 1 x 1 convolution.

    The last convolution is the residual and the skip convolution of the paper side by side. So what
    the block is given is the frames, B channels, and beside them the sum of the skip paths so far,
    if there are such. What it makes of the frames is added to the last channels of all, as many as
    it has outputs, and these it returns.

    Args:
        B: channels of the frames.
        H: channels inside.
        outputs: channels of the output: B, those of the skip path, or both.
        P: taps of the dilated filters, an odd number.
        dilation: distance between those taps (frames).
        bias: whether the convolutions have biases.
        norm: ``gLN``, or ``cLN`` for a block that never looks ahead.

    Raises:
        ValueError: P is even.
    """

    def __init__(
        self,
        *,
        B: int,
        H: int,
        outputs: int,
        P: int,
        dilation: int,
        bias: bool,
        norm: Literal["gLN", "cLN"] = "gLN",
    ) -> None:
        super().__init__()
        if P % 2 == 0:
            raise ValueError(f"P is {P}; it must be odd")
        layer = GlobalNorm if norm == "gLN" else CumulativeNorm
        self.dilation = dilation
        self.causal = norm == "cLN"
        self.expand = nn.Conv1d(B, H, 1, bias=bias)
        self.activation1, self.norm1 = nn.PReLU(), layer(H)
        self.depthwise = nn.Conv1d(H, H, P, dilation=dilation, groups=H, bias=bias)
        self.activation2, self.norm2 = nn.PReLU(), layer(H)
        self.output = nn.Conv1d(H, outputs, 1, bias=bias)

    def forward(self, state: Tensor, spare: Tensor | None = None) -> Tensor:
        """Map (batch, frames, channels) to (batch, frames, outputs).

        Args:
            state: the frames and the skips.
            spare: (frames, H), memory that will be overwritten, where no gradient is asked for:
                blocks that share it spare the system the work of providing it anew.
        """
        if self.causal or not by_rows(state):
            return self.layered(state)
        slopes = self.activation1.weight.item(), self.activation2.weight.item()
        return self.fused(state, spare) if min(slopes) > 0 else self.layered(state)

    def layered(self, state: Tensor) -> Tensor:
        """Apply one layer after the other."""
        frames = state[..., : self.expand.in_channels].transpose(1, 2)
        hidden = self.norm1(self.activation1(self.expand(frames)))
        reach = self.dilation * (self.depthwise.kernel_size[0] - 1)
        around = (reach, 0) if self.causal else (reach // 2, reach // 2)
        hidden = self.norm2(self.activation2(self.depthwise(pad(hidden, around))))
        output: Tensor = self.output(hidden).transpose(1, 2)
        return state[..., -output.shape[-1] :] + output

    def fused(self, state: Tensor, spare: Tensor | None = None) -> Tensor:
        """Do the same faster: with global norms, slopes above 0 and on a CPU."""
        outputs: Tensor = FusedBlock.apply(
            state,
            self.dilation,
            spare,
            self.expand.weight[..., 0],
            self.expand.bias,
            self.activation1.weight,
            self.norm1.weight,
            self.norm1.bias,
            self.depthwise.weight[:, 0],
            self.depthwise.bias,
            self.activation2.weight,
            self.norm2.weight,
            self.norm2.bias,
            self.output.weight[..., 0],
            self.output.bias,
        )
        return outputs
