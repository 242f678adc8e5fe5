"""Songs brought to one level before a model hears them."""

import numpy as np
import torch
from torch import Tensor

from mssbench.data.loudness import deviation
from mssbench.data.sample_format import decoded
from mssbench.training.crops import Crops


class Levels:
    """The level of each song that crops are cut from.

    Args:
        crops: say which songs a batch's crops come from. All of each mixture is read once.
    """

    def __init__(self, crops: Crops) -> None:
        self.crops = crops
        self._levels = np.array([level(stems[0]) for stems in crops.audio], dtype=np.float32)

    def normalised(self, stems: Tensor, n: int, rank: int = 0, ranks: int = 1) -> Tensor:
        """Return batch ``n`` (batch, stems, channels, samples), each crop over its song's level.

        Args:
            stems: the batch, or a rank's share of it.
            n: number of the batch.
            rank: whose share, as `Crops.batch` counts.
            ranks: how many there are.
        """
        songs, _ = self.crops.share(n, rank, ranks)
        levels = torch.from_numpy(self._levels[songs]).to(stems.device, non_blocking=True)
        return stems / levels[:, None, None, None]


def level(mixture: np.ndarray) -> float:
    """Return the `deviation` of a stored mixture (channels, samples)."""
    return deviation(lambda start, stop: decoded(mixture[:, start:stop]), mixture.shape[-1])
