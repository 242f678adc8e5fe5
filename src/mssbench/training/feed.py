"""Batches as a model hears them: on its device, at one level, augmented or downmixed."""

from collections.abc import Callable, Iterator, Sequence
from itertools import count

import torch
from torch import Tensor

from mssbench.augmentation.chain import Chain
from mssbench.training.crops import Crops
from mssbench.training.distributed import ALONE, Ranks
from mssbench.training.levels import Levels
from mssbench.training.resident import ResidentCrops, batches
from mssbench.training.shares import all_of, share_of
from mssbench.training.stems import downmix, with_mixture

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
        ranks: the processes that train together; each gets its share of every batch.
        mixing: whether ``change`` looks across the batch. Each process then changes the whole of
            it before it takes its share, so that all hear what one process would.

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
        ranks: Ranks = ALONE,
        mixing: bool = False,
    ) -> None:
        self.device, self.change, self.ranks = device, change, ranks
        self.crops: Crops = crops
        self.source: Crops | ResidentCrops = held or crops
        self.steps_per_epoch = crops.steps_per_epoch
        self.levels = Levels(crops) if normalise else None
        self.mixing = mixing

    def size(self, n: int) -> int:
        """Return how many examples batch ``n`` has in all processes."""
        return len(self.crops.places(n)[0])

    def part(self, n: int) -> tuple[int, int]:
        """Return this process's rank in batch ``n`` and how many share it.

        Where a batch has fewer examples than there are processes, each computes all of it.
        """
        ranks = self.ranks
        alone = ranks.count == 1 or self.size(n) < ranks.count
        return (0, 1) if alone else (ranks.rank, ranks.count)

    def weight(self, n: int) -> float:
        """Return what this process's mean over its share counts in the mean over batch ``n``."""
        rank, ranks = self.part(n)
        if ranks == 1:
            return 1 / self.ranks.count
        own = share_of(self.size(n), rank, ranks)
        return (own.stop - own.start) / self.size(n)

    def pieces(self, n: int, wanted: int) -> int:
        """Return in how many pieces each process computes batch ``n``, the same for all.

        Args:
            n: number of the batch.
            wanted: pieces in which one process alone would compute it.
        """
        if self.ranks.count == 1:
            return wanted
        _, ranks = self.part(n)
        # Pieces of one process's size, or smaller, as long as each process has an example for each.
        return max(1, min(-(-wanted // ranks), self.size(n) // ranks))

    def batches(self, first: int, last: int) -> Iterator[Tensor]:
        """Yield this process's share of the batches ``first`` to ``last - 1``.

        Each is (examples, stems, channels, samples).
        """
        part = all_of if self.mixing else self.part
        read = batches(self.source, first, last, self.device, part)
        for n, batch in zip(range(first, last), read, strict=True):
            heard = self.heard(batch, n, part(n))
            yield heard[share_of(len(heard), *self.part(n))] if self.mixing else heard

    def whole(self, n: int) -> Tensor:
        """Return all of batch ``n``, (batch, stems, channels, samples)."""
        return self.heard(self.source.batch(n), n, all_of(n))

    def heard(self, batch: Tensor, n: int, part: tuple[int, int]) -> Tensor:
        """Return what is heard of a part of batch ``n``."""
        stems = batch.to(self.device, non_blocking=True)
        if self.levels:
            stems = self.levels.normalised(stems, n, *part)
        return self.change(stems, n)


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
            yield self.feed.whole(n)[:, self.position]
