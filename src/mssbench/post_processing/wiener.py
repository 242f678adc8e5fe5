"""The multichannel Wiener filter, made of estimates and applied to their mixture."""

from dataclasses import dataclass

from torch import Tensor

from mssbench.models.wiener import refined
from mssbench.post_processing.spectral import check_frames, filtered
from mssbench.post_processing.stacks import Stacks
from mssbench.training.structure import Count


@dataclass(frozen=True)
class WienerConfig:
    """How the powers and directions of the sources are found and used.

    As in `mssbench.models.wiener`, which names its source; the first estimates are the model's,
    with their phases. All sum to the mixture but for a small regularisation.

    Attributes:
        iterations: how often powers and directions are found anew.
        frames: a direction is that of so many frames at a time, as in Open-Unmix; memory grows
            with it.
        n_fft: length of a frame (samples), an even multiple of the hop.
        hop: distance of two frames (samples).
        residual: whether what the estimates lack of the mixture is one more source, which is not
            kept; for models that do not estimate all sources. With a single estimate it always is.

    Raises:
        UserError: n_fft is no even multiple of the hop.
    """

    iterations: Count = 1
    frames: Count = 300
    n_fft: Count = 2048
    hop: Count = 512
    residual: bool = False

    def __post_init__(self) -> None:
        check_frames("wiener", self.n_fft, self.hop)


def wiener_filtered(stacks: Stacks, config: WienerConfig) -> Stacks:
    """Yield a song's mixture, filtered by what its estimates say of the sources."""

    def keep(mixture: Tensor, estimates: Tensor) -> Tensor:
        return refined(estimates[None], mixture[None], config.iterations)[0]

    return filtered(
        stacks,
        keep,
        n_fft=config.n_fft,
        hop=config.hop,
        frames=config.frames,
        residual=config.residual,
    )
