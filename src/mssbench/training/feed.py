"""Batches as a model hears them: on its device, at one level, augmented or downmixed."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count

import torch
from torch import Tensor

from mssbench.augmentation.chain import Chain
from mssbench.training.crops import Crops, downmix, with_mixture
from mssbench.training.levels import Levels
from mssbench.training.resident import ResidentCrops, batches

Change = Callable[[Tensor, int], Tensor]
"""From a batch (batch, stems, channels, samples) and its number to what is heard instead."""


class Feed:
    """Crops made ready for a model.

    Args:
        crops: the crops.
        device: where to train.
        change: what is done to each batch on the device.
        held: the same crops held on the device, if they are to be read from there.
        normalise: whether each crop is divided by its song's level.

    Attributes:
        steps_per_epoch: batches in an epoch.
    """

    def __init__(
        self,
        crops: Crops,
        device: torch.device,
        change: Change,
        *,
        held: Crops | ResidentCrops | None = None,
        normalise: bool = False,
    ) -> None:
        self.device, self.change = device, change
        self.crops = held or crops
        self.steps_per_epoch = crops.steps_per_epoch
        self.levels = Levels(crops) if normalise else None

    def batches(self, first: int, last: int) -> Iterator[Tensor]:
        """Yield batches ``first`` to ``last - 1``, (batch, stems, channels, samples)."""
        read = batches(self.crops, first, last, self.device)
        for n, batch in zip(range(first, last), read, strict=True):
            stems = batch.to(self.device, non_blocking=True)
            if self.levels:
                stems = self.levels.normalised(stems, n)
            yield self.change(stems, n)


def augmented(chain: Chain) -> Change:
    """Return the change of training batches: the sources augmented, then mixed again."""

    def change(stems: Tensor, n: int) -> Tensor:
        return with_mixture(chain(stems[:, 1:], n)) if chain.steps else stems

    return change


def downmixed(channels: int) -> Change:
    """Return the change of validation batches: the channels that the model has."""
    return lambda stems, n: downmix(stems, channels)


class Mixtures:
    """The mixtures of a feed's batches, from the first one on, each time that they are asked for.

    Args:
        feed: the batches.
        stems: names of their stems.
    """

    def __init__(self, feed: Feed, stems: Sequence[str]) -> None:
        self.feed, self.position = feed, list(stems).index("mixture")

    def __iter__(self) -> Iterator[Tensor]:
        for n in count():
            (stems,) = self.feed.batches(n, n + 1)
            yield stems[:, self.position]
