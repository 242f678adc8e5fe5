"""Estimates that tests make up themselves, and what separation makes of them."""

import numpy as np
import torch
from torch import nn

from mssbench.models.base import Separator
from mssbench.separation import SeparationConfig, separate_stream


def noise(channels, samples, seed=0):
    return np.random.default_rng(seed).standard_normal((channels, samples)).astype(np.float32)


class Given(Separator):
    """Says what it is told, whatever it hears: estimates (targets, channels, samples)."""

    def __init__(self, targets, estimates):
        super().__init__()
        self.targets, self.channels = targets, estimates.shape[1]
        self.said, self.at = torch.from_numpy(estimates), 0

    def forward(self, mixture):
        length = mixture.shape[-1]
        pieces = []
        for _ in mixture:
            piece = self.said[..., self.at : self.at + length]
            pieces.append(nn.functional.pad(piece, (0, length - piece.shape[-1])))
            self.at += length
        return {"final": torch.stack(pieces)}


def joined(blocks):
    blocks = list(blocks)
    return {t: np.concatenate([block[t] for block in blocks], axis=1) for t in blocks[0]}


def processed(mixture, estimates, segment=100, **post):
    """Post-process ``{target: waveform}`` of a mixture; the same with all other targets."""
    model = Given(tuple(estimates), np.stack(list(estimates.values())))
    return separated(model, mixture, segment, **post)


def separated(model, mixture, segment=100, overlap=0.0, **post):
    config = SeparationConfig(segment, overlap, **post)
    return joined(
        separate_stream(model, lambda a, b: mixture[:, a:b], mixture.shape[1], config, batch=2)
    )
