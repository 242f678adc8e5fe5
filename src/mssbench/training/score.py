"""The score that decides which epoch is best."""

import torch
from torch import Tensor

from mssbench.training.losses import si_sdr


class MeanSiSdr:
    """Mean SI-SDR in dB over the signals that are not silent, summed on the device.

    Args:
        device: where the estimates are.
    """

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(2, dtype=torch.float64, device=device)

    def add(self, estimate: Tensor, truth: Tensor) -> None:
        """Count a batch of estimated and true waveforms (..., samples)."""
        active = truth.square().sum(-1) > 0
        ratios = si_sdr(estimate, truth) * active
        self.sums += torch.stack([ratios.sum(), active.sum()]).double()

    def value(self) -> float:
        """Return the mean in dB; NaN where nothing but silence was counted."""
        total, count = self.sums.tolist()
        return total / count if count else float("nan")

    def reset(self) -> None:
        """Forget what was counted."""
        self.sums.zero_()
