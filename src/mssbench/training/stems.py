"""The stems of a batch: their sum, their downmix, and which of them a model should say."""

from collections.abc import Sequence

import torch
from torch import Tensor


def with_mixture(sources: Tensor) -> Tensor:
    """Return the stems (batch, 5, channels, samples): the sum of the four sources before them."""
    return torch.cat([sources.sum(dim=1, keepdim=True), sources], dim=1)


def downmix(stems: Tensor, channels: int) -> Tensor:
    """Return stems (batch, 5, channels, samples) as a model hears them: averaged, if it has one."""
    return stems.mean(dim=2, keepdim=True) if channels < stems.shape[2] else stems


def targets(stems: Tensor, names: Sequence[str], wanted: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return what a model hears and what it should say.

    Args:
        stems: (batch, stems, channels, samples).
        names: of the stems, ``mixture`` among them.
        wanted: stems, or ``accompaniment``, which is the mixture without the vocals where no stem
            is called so.

    Returns:
        The mixture (batch, channels, samples) and the targets (batch, wanted, channels, samples).
    """
    of = dict(zip(names, stems.unbind(1), strict=True))
    if "accompaniment" in wanted and "accompaniment" not in names:
        of["accompaniment"] = of["mixture"] - of["vocals"]
    return of["mixture"], torch.stack([of[name] for name in wanted], dim=1)
