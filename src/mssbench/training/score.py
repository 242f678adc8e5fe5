"""The scores in dB that may decide which epoch is best; higher is better."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean, median
from typing import Protocol

import torch
from torch import Tensor

from mssbench.training.distributed import ALONE, Ranks
from mssbench.training.losses import si_sdr

WINDOW_SECONDS = 1.0


class Score(Protocol):
    """A score of the validation songs."""

    def add(self, estimate: Tensor, truth: Tensor, songs: Sequence[int]) -> None:
        """Count estimated and true waveforms (items, targets, channels, samples).

        Args:
            estimate: of this process's items.
            truth: of the same.
            songs: number of the song that each item is of.
        """

    def value(self, ranks: Ranks = ALONE) -> float:
        """Return the score in dB of what all processes counted; NaN where all is silent."""

    def reset(self) -> None:
        """Forget what was counted."""


class MeanSiSdr:
    """Mean SI-SDR in dB over the signals that are not silent, summed on the device.

    Args:
        device: where the estimates are.
    """

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(2, dtype=torch.float64, device=device)

    def add(self, estimate: Tensor, truth: Tensor, songs: Sequence[int] = ()) -> None:
        """Count a batch of estimated and true waveforms (..., samples), whatever their songs."""
        active = truth.square().sum(-1) > 0
        ratios = si_sdr(estimate, truth) * active
        self.sums += torch.stack([ratios.sum(), active.sum()]).double()

    def value(self, ranks: Ranks = ALONE) -> float:
        """Return the mean in dB; NaN where nothing but silence was counted."""
        sums = self.sums.clone()
        ranks.add_up(sums)
        total, count = sums.tolist()
        return total / count if count else float("nan")

    def reset(self) -> None:
        """Forget what was counted."""
        self.sums.zero_()


class MedianSdr:
    """Median SDR in dB: over the seconds of a song, then, of its targets' mean, over the songs.

    A window's SDR is 10 log10 of the energy of the true source over that of the error, in all
    channels: the plain ratio, without the filters of BSSEval, in whose place it decides between
    epochs. Windows of one second do not overlap; what fills none is left out, but an item
    shorter than a second is one window. Windows in which the true source is silent do not count.

    Args:
        rate: sampling rate in Hz.
    """

    def __init__(self, rate: int) -> None:
        self.window = round(WINDOW_SECONDS * rate)
        self.items: list[tuple[Sequence[int], Tensor]] = []

    def add(self, estimate: Tensor, truth: Tensor, songs: Sequence[int]) -> None:
        """Count estimated and true waveforms (items, targets, channels, samples)."""
        length = min(self.window, truth.shape[-1])

        def energies(waves: Tensor) -> Tensor:
            return waves.square().sum(2).unfold(-1, length, length).sum(-1)

        # Infinite where the estimate is perfect, NaN where it is so of silence.
        ratios = 10 * torch.log10(energies(truth) / energies(estimate - truth))
        self.items.append((songs, ratios))

    def value(self, ranks: Ranks = ALONE) -> float:
        """Return the median in dB; NaN where nothing but silence was counted."""
        found: dict[tuple[int, int], list[float]] = defaultdict(list)
        rows = [(list(songs), ratios.tolist()) for songs, ratios in self.items]
        for songs, items in (row for given in ranks.gather(rows) for row in given):
            for song, targets in zip(songs, items, strict=True):
                for target, ratios in enumerate(targets):
                    # Silence is -inf, or NaN.
                    found[song, target] += [ratio for ratio in ratios if ratio > -float("inf")]
        of_songs: dict[int, list[float]] = defaultdict(list)
        for (song, _), ratios in found.items():
            of_songs[song] += [median(ratios)] if ratios else []
        means = [fmean(medians) for medians in of_songs.values() if medians]
        return median(means) if means else float("nan")

    def reset(self) -> None:
        """Forget what was counted."""
        self.items.clear()


def build_score(name: str, rate: int, device: torch.device) -> Score | None:
    """Return the score that ``training.score`` names, or None where a loss decides."""
    if name == "si_sdr":
        return MeanSiSdr(device)
    return MedianSdr(rate) if name == "median_sdr" else None
