"""Convolutions that on a CPU become one matrix product where the sequence is short.

oneDNN's convolutions put the weights in an order of their own first, at every call. Where a layer
is wide and has few frames, that takes longer than all else; a product reads them as they lie.
"""

from torch import Tensor, nn
from torch.nn.functional import linear, pad

from mssbench.models.products import by_rows


def is_short(sequence: Tensor, hop: int, weights: Tensor) -> bool:
    """Return whether a product is faster than a convolution: as measured, see ``benchmarks``.

    Args:
        sequence: (batch, channels, time).
        hop: steps of time to a frame.
        weights: (channels, ...).
    """
    frames = sequence.shape[0] * (sequence.shape[-1] // hop)
    return by_rows(sequence) and 2 * frames < len(weights)


class RowConv1d(nn.Conv1d):
    """A convolution without padding, dilation or groups."""

    def forward(self, signal: Tensor) -> Tensor:
        """Map (batch, inputs, time) to (batch, outputs, frames)."""
        if not is_short(signal, self.stride[0], self.weight):
            return super().forward(signal)
        # (batch, frames, inputs, taps)
        windows = signal.transpose(1, 2).unfold(1, self.kernel_size[0], self.stride[0])
        return linear(windows.flatten(2), self.weight.flatten(1), self.bias).transpose(1, 2)


class RowConvTranspose1d(nn.ConvTranspose1d):
    """A transposed convolution without padding, dilation or groups."""

    def forward(self, frames: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Map (batch, inputs, frames) to (batch, outputs, time)."""
        taps, hop = self.kernel_size[0], self.stride[0]
        if taps != 2 * hop or not is_short(frames, 1, self.weight):
            return super().forward(frames, output_size)
        # (batch, frames, outputs, taps)
        pieces = linear(frames.transpose(1, 2), self.weight.flatten(1).T)
        before, after = pieces.unflatten(2, self.weight.shape[1:]).split(hop, dim=3)
        signal = pad(before, (0, 0, 0, 0, 0, 1)) + pad(after, (0, 0, 0, 0, 1, 0))
        if self.bias is not None:
            signal = signal + self.bias[:, None]
        # From (batch, frames + 1, outputs, hop).
        return signal.transpose(1, 2).flatten(2)
