"""Our training loop against a plain one in PyTorch, with the same model, batch and crop."""

import math
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from data_crops import FileCrops
from data_songs import WORKERS, rendition
from torch import Tensor, nn
from torch.utils.data import DataLoader
from training_loops_others import asteroid_model, recipe, torchaudio_model
from training_steps import table

from mssbench.data.rendition import Rendition
from mssbench.data.songs import find_songs
from mssbench.models.conv_tasnet import ConvTasNet
from mssbench.progress import Progress
from mssbench.training import loop
from mssbench.training.config import TrainingConfig
from mssbench.training.keeper import Keeper
from mssbench.training.precision import reproducible
from mssbench.training.update import FiniteSteps

RATE = 44100
SIZES: dict[str, dict[str, Any]] = {
    "paper": {},
    "small": {"N": 64, "B": 32, "H": 64, "Sc": 32, "X": 6, "R": 2},
}
"""The best model of the paper, and one so small that reading counts."""
Round = Callable[[], None]
"""Takes a round of steps."""


@dataclass(frozen=True)
class Work:
    """What each loop has to do.

    Attributes:
        size: of the model, a name in `SIZES`.
        batch: examples a step.
        crop: samples of an example.
        steps: of a round.
        device: where to train.
    """

    size: str
    batch: int
    crop: int
    steps: int
    device: torch.device

    @property
    def params(self) -> dict[str, Any]:
        """The arguments of the model."""
        return SIZES[self.size]


def ours(made: Rendition, work: Work) -> Round:
    """Return rounds of the loop of `mssbench train`, each an epoch."""
    config = {
        "dataset": {"name": "benchmark"},
        "rendition": {"rate": RATE, "channels": "mono", "format": made.sample_format},
        "split": {"kind": "all"},
        "model": {"name": "conv_tasnet", "params": work.params},
        "training": {
            "crops": {"kind": "random", "samples": work.crop, "steps_per_epoch": work.steps},
            "batch_size": work.batch,
            "optimiser": {"name": "adam", "lr": 1e-4},
            "epochs": 10**6,
            "patience": 10**6,
            "loss": {"final": {"kind": "mae", "weight": 1.0}},
        },
        "seed": 0,
    }
    training = loop.Training(TrainingConfig.from_dict(config), made, work.device)
    update, state = FiniteSteps(training.model, training.state.optimiser), training.state

    def take() -> None:
        with tempfile.TemporaryDirectory() as folder, reproducible(work.device):
            keeper = Keeper(Path(folder), {}, math.inf, lambda: False)
            training.finish_steps(
                update, keeper, Progress("steps", work.steps, "steps", shown=False)
            )
            state.means.values()  # a GPU is waited for
        state.epoch += 1
        state.begin_epoch()

    return take


def plain(songs: Path, work: Work, model: nn.Module, separate: Callable[[Tensor], Tensor]) -> Round:
    """Return rounds of a loop as it is usually written, each an epoch of a DataLoader.

    Two processes read crops of the WAV files with soundfile and stay between the epochs.

    Args:
        songs: folder of the songs.
        work: what to do.
        model: the model.
        separate: gives its estimates (batch, targets, samples) of mixtures (batch, 1, samples).
    """
    data = FileCrops(find_songs(songs), work.crop, 0, work.steps * work.batch)
    loader = DataLoader(
        data,
        batch_size=work.batch,
        num_workers=WORKERS,
        persistent_workers=True,
        pin_memory=work.device.type == "cuda",
    )
    model.to(work.device).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-4)

    def take() -> None:
        for stems in loader:
            mono = stems.to(work.device, non_blocking=True).mean(2, keepdim=True)
            # Both have an accompaniment, the sum of what is not vocals, and vocals.
            truth = torch.cat([mono[:, 1:4].sum(1), mono[:, 4]], 1)
            loss = nn.functional.l1_loss(separate(mono[:, 0]), truth)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            loss.item()  # as most loops show or add up the loss of each step

    return take


def measure(folder: Path, wavs: Path, work: Work, rounds: int) -> None:
    """Print a line for each loop; they take turns."""
    made, model = rendition(folder, wavs, RATE, "mono", "int16"), ConvTasNet(**work.params)
    loops = {
        "mssbench": ours(made, work),
        "plain loop, our model": plain(wavs, work, model, lambda m: model(m)["final"][:, :, 0]),
    }
    other = torchaudio_model(work.params)
    loops["plain loop, torchaudio's model"] = plain(wavs, work, other, other)
    theirs = asteroid_model(work.params)
    if theirs is None:
        print("asteroid is not installed, so its rows are left out; put it on PYTHONPATH")
    else:
        loops["plain loop, asteroid's model"] = plain(wavs, work, theirs, theirs)
        copy = asteroid_model(work.params)
        assert copy is not None
        trained = recipe(wavs, work.batch, work.crop, work.steps, copy)
        if trained:
            loops["asteroid's recipe (Lightning)"] = trained
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in loops}
    for number in range(rounds + 1):
        for name, take in loops.items():
            before = spent()
            take()
            clock, used = ((b - a) / work.steps for a, b in zip(before, spent(), strict=True))
            if number:  # the first round starts the workers
                found[name].append((clock, used))
    table(
        "loop | size | batch | crop | steps a second | ours is faster by | of the processor (s) "
        "| ours takes less by"
    )
    medians = {
        name: [statistics.median(values) for values in zip(*each, strict=True)]
        for name, each in found.items()
    }
    own_clock, own_used = medians["mssbench"]
    for name, (clock, used) in medians.items():
        print(
            f"| {name} | {work.size} | {work.batch} | {work.crop} | {1 / clock:.3g} "
            f"| {clock / own_clock:.2f} | {used:.3g} | {used / own_used:.2f} |",
            flush=True,
        )


def spent() -> tuple[float, float]:
    """Return the time by the clock, and that of the processor of this process and its workers."""
    process = psutil.Process()
    all_of_them = [process, *process.children(recursive=True)]
    times = [one.cpu_times() for one in all_of_them]
    return time.perf_counter(), sum(one.user + one.system for one in times)
