"""A list of augmentations, one after the other."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import torch
from torch import Tensor, nn

from mssbench.augmentation.base import Augmentation
from mssbench.augmentation.config import AugmentationConfig, TempoConfig
from mssbench.augmentation.flip_sign import FlipSign
from mssbench.augmentation.gain import Gain
from mssbench.augmentation.random_channel import RandomChannel
from mssbench.augmentation.remix import Remix, RemixGroups, RemixHalf
from mssbench.augmentation.shift import Shift
from mssbench.augmentation.swap_channels import SwapChannels
from mssbench.augmentation.tempo import Tempo

MODULES: dict[str, type[Augmentation]] = {
    "gain": Gain,
    "flip_sign": FlipSign,
    "swap_channels": SwapChannels,
    "shift": Shift,
    "remix": Remix,
    "remix_groups": RemixGroups,
    "remix_half": RemixHalf,
    "random_channel": RandomChannel,
    "tempo": Tempo,
}


def generator(seed: int, n: int, position: int) -> torch.Generator:
    """Return the random numbers of the augmentation at ``position`` for batch ``n``, on the CPU."""
    sequence = np.random.SeedSequence(seed, spawn_key=(n, position))
    # As many bits of a seed as torch's generator heeds.
    (bits,) = sequence.generate_state(1, np.uint32)
    return torch.Generator().manual_seed(int(bits))


def build(config: AugmentationConfig) -> Augmentation:
    """Return the module that a configuration asks for."""
    if isinstance(config, TempoConfig):
        law = config.tempos()
        return Tempo(law.factors, law.probabilities, config.n_fft, config.hop)
    parameters = asdict(config)
    return MODULES[parameters.pop("kind")](**parameters)


class Chain(nn.Module):
    """Augmentations in the order of their list; what batch n becomes depends on seed and n alone.

    Args:
        configs: what to do, in this order.
        seed: decides, with a batch's number, all that is drawn for it.
    """

    def __init__(self, configs: Sequence[AugmentationConfig], seed: int) -> None:
        super().__init__()
        self.steps = nn.ModuleList(build(config) for config in configs)
        self.seed = seed

    def forward(self, sources: Tensor, n: int) -> Tensor:
        """Change the sources (batch, sources, channels, samples) of batch ``n``."""
        for position, step in enumerate(self.steps):
            sources = step(sources, generator(self.seed, n, position))
        return sources
