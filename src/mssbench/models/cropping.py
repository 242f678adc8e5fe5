"""The middle of a signal, for networks that lose samples at both ends."""

from torch import Tensor


def centre(signal: Tensor, samples: int) -> Tensor:
    """Return the middle ``samples`` of a signal (..., time).

    Where they cannot lie in the middle, one sample more is cut from the end.
    """
    start = (signal.shape[-1] - samples) // 2
    return signal[..., start : start + samples]
