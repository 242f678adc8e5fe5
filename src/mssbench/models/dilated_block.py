"""The block that Conv-TasNet's separator is made of."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from mssbench.models.fused_block import FusedBlock
from mssbench.models.normalisation import CumulativeNorm, GlobalNorm


def spare_memory(frames: Tensor, H: int) -> Tensor | None:
    """Return memory (H, frames) for the blocks of a network, None where gradients are recorded."""
    return None if torch.is_grad_enabled() else frames.new_empty(H, frames.shape[-1])


class DilatedBlock(nn.Module):
    """1 x 1 convolution, PReLU, norm, depthwise convolution, PReLU, norm, 1 x 1 convolution.

    The last convolution is the residual and the skip convolution of the paper side by side.

    Args:
        B: channels of the input.
        H: channels inside.
        outputs: channels of the output.
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

    def forward(self, frames: Tensor, spare: Tensor | None = None) -> Tensor:
        """Map (batch, B, frames) to (batch, outputs, frames).

        Args:
            frames: the input.
            spare: (H, frames), memory that will be overwritten, where no gradient is asked for:
                blocks that share it spare the system the work of providing it anew.
        """
        if self.causal or frames.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
            return self.layered(frames)
        slopes = self.activation1.weight.item(), self.activation2.weight.item()
        return self.fused(frames, spare) if min(slopes) > 0 else self.layered(frames)

    def layered(self, frames: Tensor) -> Tensor:
        """Apply one layer after the other."""
        hidden = self.norm1(self.activation1(self.expand(frames)))
        reach = self.dilation * (self.depthwise.kernel_size[0] - 1)
        around = (reach, 0) if self.causal else (reach // 2, reach // 2)
        hidden = self.norm2(self.activation2(self.depthwise(pad(hidden, around))))
        outputs: Tensor = self.output(hidden)
        return outputs

    def fused(self, frames: Tensor, spare: Tensor | None = None) -> Tensor:
        """Do the same faster: with global norms, slopes above 0 and on a CPU."""
        outputs: Tensor = FusedBlock.apply(
            frames,
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
