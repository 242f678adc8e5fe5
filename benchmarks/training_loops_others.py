"""Loops over the same songs with Conv-TasNet of other packages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from data_crops import FileCrops
from data_songs import WORKERS
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from mssbench.data.songs import find_songs

NAMES = {
    "N": "n_filters",
    "B": "bn_chan",
    "H": "hid_chan",
    "Sc": "skip_chan",
    "X": "n_blocks",
    "R": "n_repeats",
}
"""What asteroid calls the letters of the paper."""

TORCHAUDIO_NAMES = {
    "N": "enc_num_feats",
    "B": "msk_num_feats",
    "H": "msk_num_hidden_feats",
    "X": "msk_num_layers",
    "R": "msk_num_stacks",
}
"""What torchaudio calls them; its residual and skip paths have the same width."""


def torchaudio_model(params: dict[str, Any]) -> nn.Module:
    """Return torchaudio's model of that size, which takes (batch, 1, samples)."""
    from torchaudio.models import ConvTasNet as Theirs

    given = {name: params[letter] for letter, name in TORCHAUDIO_NAMES.items() if letter in params}
    # Without any, both have the sizes of the paper's best model.
    model: nn.Module = Theirs(num_sources=2, msk_activate="sigmoid", **given)
    return model


def asteroid_model(params: dict[str, Any]) -> nn.Module | None:
    """Return asteroid's model of that size, or None where there is no asteroid."""
    try:
        from asteroid.models import ConvTasNet as Theirs
    except ImportError:
        return None
    given = {NAMES[letter]: value for letter, value in params.items()}
    model: nn.Module = Theirs(2, mask_act="sigmoid", **given)
    return model


class Pairs(Dataset[tuple[Tensor, Tensor]]):
    """Crops as asteroid's recipes take them: a mixture (samples) and its sources (2, samples)."""

    def __init__(self, crops: FileCrops) -> None:
        self.crops = crops

    def __len__(self) -> int:
        return len(self.crops)

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        mono = self.crops[number].mean(1)
        return mono[0], torch.stack([mono[1:4].sum(0), mono[4]])


def recipe(
    songs: Path, batch: int, crop: int, steps: int, model: nn.Module
) -> Callable[[], None] | None:
    """Return rounds of asteroid's recipes' loop: its System in Lightning's Trainer.

    Args:
        songs: folder of the songs.
        batch: examples a step.
        crop: samples of an example.
        steps: of a round.
        model: asteroid's.

    Returns:
        None where there is no Lightning.
    """
    try:
        import pytorch_lightning as pl
        from asteroid.engine.system import System
    except ImportError:
        return None
    data = Pairs(FileCrops(find_songs(songs), crop, 0, steps * batch))
    loader = DataLoader(data, batch_size=batch, num_workers=WORKERS, persistent_workers=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)
    system = System(model, optimiser, nn.functional.l1_loss, loader)
    quiet: dict[str, Any] = dict.fromkeys(
        ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
    )

    def take() -> None:
        # Gradients are clipped as in asteroid's recipe for Conv-TasNet.
        how: dict[str, Any] = {"devices": 1, "limit_val_batches": 0, **quiet}
        trainer = pl.Trainer(max_epochs=1, gradient_clip_val=5.0, **how)
        trainer.fit(system)

    return take
