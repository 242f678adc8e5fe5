"""The hours of one full training at paper scale, extrapolated from some steps on this device."""

import math

import torch
from training_steps import Steps, changed, reason, steady, table, trained

from mssbench.training.config import RandomCropsConfig, TrainingConfig

STUDIES = (
    *("overview", "htmd_net", "multiband", "meta_tasnet"),
    *("wavenet_mss", "resnet_latent", "mm_densenet"),
)
SONGS, SONG_SECONDS, KEPT_BACK = 100, 240, 14
"""MUSDB18's training songs, the mean length of its 150 songs (10 h), and its validation songs."""


def steps_of(config: TrainingConfig) -> int:
    """Return the steps of all epochs; of consecutive windows, as many as MUSDB18 has."""
    options = config.training
    crops = options.crops
    if isinstance(crops, RandomCropsConfig):
        return options.epochs * crops.steps_per_epoch
    kind = config.split["kind"]
    songs = SONGS - KEPT_BACK if kind == "musdb14" else SONGS
    if kind == "random":
        songs = round(config.split["train_share"] * SONGS)
    windows = songs * math.ceil(SONG_SECONDS * config.rendition.rate / crops.samples)
    return options.epochs * math.ceil(windows / options.batch_size)


def systems(studies: list[str], only: list[str] | None) -> dict[str, TrainingConfig]:
    """Return how each is trained, by study and experiment; the same training of two comes once.

    Args:
        studies: names of studies.
        only: beginnings of ``study/experiment``; None for all.
    """
    found: dict[str, TrainingConfig] = {}
    for study in studies:
        for experiment, config in trained(study).items():
            name = f"{study}/{experiment}"
            wanted = not only or any(name.startswith(beginning) for beginning in only)
            if wanted and config not in found.values():
                found[name] = config
    return found


def measure(
    studies: list[str],
    only: list[str] | None,
    batch: int | None,
    seconds: float,
    device: torch.device,
) -> None:
    """Print a line for each system.

    Args:
        studies: names of studies.
        only: beginnings of ``study/experiment``; None for all.
        batch: examples of the steps that are taken; their time counts in proportion for a step of
            the paper's batch. None takes that.
        seconds: of steps of one system.
        device: where.
    """
    table(
        "system | batch | crop | steps | measured with a batch of | steps taken | s a step | hours"
    )
    for name, config in systems(studies, only).items():
        options, steps = config.training, steps_of(config)
        own = min(batch or options.batch_size, options.batch_size)
        try:
            taken = Steps(changed(config, batch_size=own, augmentation=None), device)
            spent, count = steady(taken.take, seconds)
        except Exception as error:  # whatever it is belongs into the table
            print(f"| {name} | {reason(error)} |", flush=True)
            continue
        step = spent * options.batch_size / own
        print(
            f"| {name} | {options.batch_size} | {options.crops.samples} | {steps:,} | {own} "
            f"| {count} | {step:.3g} | {steps * step / 3600:,.3g} |",
            flush=True,
        )
        del taken
