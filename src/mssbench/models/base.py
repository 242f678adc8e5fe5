"""What a model is: a separator, which is trained, or a baseline, which is not."""

from abc import ABC, abstractmethod

import numpy as np
from torch import Tensor, nn

from mssbench.errors import UserError


class Separator(nn.Module, ABC):
    """A network that estimates sources from a mixture.

    Attributes:
        targets: the sources it estimates, in the order of its output.
        channels: audio channels of the mixture and of every estimate.
        multiple: the mixture's length must be a multiple of this (samples).
        context: samples lost at each side of the output; 0 where it is as long as the input.
    """

    targets: tuple[str, ...]
    channels: int
    multiple: int
    context: int = 0

    @abstractmethod
    def forward(self, mixture: Tensor) -> dict[str, Tensor]:
        """Separate a batch of mixtures.

        Args:
            mixture: waveforms (batch, channels, samples).

        Returns:
            The estimates under ``"final"``, (batch, targets, channels, samples), and any other
            points of the network that a loss may look at, of the same shape.
        """

    def check(self, mixture: Tensor) -> None:
        """Check a mixture's shape.

        Raises:
            UserError: the channels or the length do not suit the model.
        """
        name = type(self).__name__
        channels, samples = mixture.shape[-2:]
        if channels != self.channels:
            raise UserError(
                f"{name}: the mixture has {channels} channels, the model is made for "
                f"{self.channels}; set the model's parameter channels, or choose another rendition"
            )
        if samples == 0 or samples % self.multiple:
            raise UserError(
                f"{name}: the mixture has {samples} samples; it needs a multiple of "
                f"{self.multiple}: choose crops and segments of such a length"
            )


class Baseline(ABC):
    """A separation that nothing is learned for: the mixture itself, or an oracle.

    Attributes:
        targets: the sources it estimates.
    """

    targets: tuple[str, ...]

    @abstractmethod
    def separate(self, stems: np.ndarray) -> dict[str, np.ndarray]:
        """Estimate the targets of one song.

        Args:
            stems: the song's stems (5, channels, samples), in the order of ``STEMS``.

        Returns:
            Target -> waveform (channels, samples), float32.
        """


Model = Separator | Baseline
