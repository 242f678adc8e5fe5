"""The multichannel Wiener filter, made of estimates and applied to their mixture."""

from dataclasses import dataclass

from torch import Tensor

from mssbench.models.wiener import refined
from mssbench.post_processing.spectral import Framing, filtered
from mssbench.post_processing.stacks import Stacks
from mssbench.training.structure import Count


@dataclass(frozen=True)
class WienerConfig(Framing):
    """How the powers and directions of the sources are found and used.

    As in `mssbench.models.wiener`, which names its source; the first estimates are the model's,
    with their phases. All sum to the mixture but for a small regularisation.

    Attributes:
        iterations: how often powers and directions are found anew.
        frames: a direction is that of so many frames at a time, as in Open-Unmix; memory grows
            with it.
    """

    iterations: Count = 1
    frames: Count = 300
    KEY = "wiener"


def wiener_filtered(stacks: Stacks, config: WienerConfig) -> Stacks:
    """Yield a song's mixture, filtered by what its estimates say of the sources."""

    def keep(mixture: Tensor, estimates: Tensor) -> Tensor:
        return refined(estimates[None], mixture[None], config.iterations)[0]

    return filtered(stacks, keep, config, config.frames)
