"""What all augmentations are."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn


class Augmentation(nn.Module, ABC):
    """A random change of training examples; it has no weights."""

    @abstractmethod
    def forward(self, sources: Tensor, random: torch.Generator) -> Tensor:
        """Change a batch.

        Args:
            sources: (batch, sources, channels, samples), without the mixture.
            random: on the CPU; decides all that is drawn.

        Returns:
            The changed batch, on the device of ``sources``; that itself is left as it is.
        """


def each_source(values: Tensor, sources: Tensor) -> Tensor:
    """Bring a value a source, (batch, sources), to the device and the dimensions of ``sources``."""
    return values.to(sources.device, non_blocking=True)[..., None, None]
