"""Mean losses over many batches, summed on the device so that no step waits for it."""

from collections.abc import Mapping

import torch
from torch import Tensor


class Means:
    """Means over items of a total loss and of its parts.

    Args:
        parts: names of the parts.
        device: where the losses are computed.

    Attributes:
        sums: float64 (2 + parts,): the sums over items of the total and the parts, and the number
            of items.
    """

    def __init__(self, parts: tuple[str, ...], device: torch.device) -> None:
        self.names = ("loss", *parts)
        self.sums = torch.zeros(len(self.names) + 1, dtype=torch.float64, device=device)

    def add(
        self, total: Tensor, parts: Mapping[str, Tensor], items: float, skip: Tensor | None = None
    ) -> None:
        """Count the mean losses of ``items`` (or a share of them), unless ``skip`` is true."""
        ones = torch.ones_like(total)
        row = torch.stack([total, *parts.values(), ones]).detach().double() * items
        self.sums += row if skip is None else torch.where(skip, torch.zeros_like(row), row)

    def values(self) -> dict[str, float]:
        """Return ``loss`` and the parts; NaN where no item was counted."""
        sums = self.sums.tolist()
        items = sums.pop() or float("nan")
        return dict(zip(self.names, (value / items for value in sums), strict=True))

    def reset(self) -> None:
        """Forget what was counted."""
        self.sums.zero_()
