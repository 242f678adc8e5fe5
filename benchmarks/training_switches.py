"""How fast a step is with each switch of `training` changed from its default."""

import statistics
from typing import Any

import torch
from training_steps import Steps, changed, reason, steady, table, trained

from mssbench.training.config import TrainingConfig

SYSTEMS = {
    "HTMD-Net": ("htmd_net", "mse-mae"),
    "Wave-U-Net": ("overview", "wave-u-net"),
    "RA": ("resnet_latent", "ra"),
    "Meta-TasNet": ("meta_tasnet", "meta-tasnet"),
    "MMDenseNet": ("mm_densenet", "mm-dense-net"),
}
"""Study and experiment at paper scale."""
SWITCHES: dict[str, dict[str, Any]] = {
    "bf16": {"precision": "bf16"},
    "fp16": {"precision": "fp16"},
    "compile": {"compile": True},
    "channels_last": {"channels_last": True},
    "tf32": {"tf32": True},
    "deterministic": {"deterministic": True},
}
OF_A_GPU = ("fp16", "tf32", "deterministic")
UNFUSED = "not fused"
"""A key of the optimiser: what the one kernel for all weights of Adam saves."""


def columns(device: torch.device) -> list[str]:
    """Return the switches that mean something on a device."""
    return [name for name in (*SWITCHES, UNFUSED) if device.type == "cuda" or name not in OF_A_GPU]


def measured(
    config: TrainingConfig, names: list[str], seconds: float, device: torch.device
) -> dict[str, str]:
    """Return the cells of a system: samples a second as it is, and with each switch times that.

    The default is measured before and behind each switch, as the load of the machine changes.
    """
    plain = Steps(config, device)
    own, cells = [steady(plain.take, seconds)[0]], {}
    for name in names:
        try:
            taken = steady(switched(config, name, device).take, seconds)[0]
        except Exception as error:  # whatever it is belongs into the table
            cells[name] = reason(error)
            continue
        own.append(steady(plain.take, seconds)[0])
        cells[name] = f"{statistics.mean(own[-2:]) / taken:.2f}"
    options = config.training
    return {
        "batch": str(options.batch_size),
        "crop": str(options.crops.samples),
        "samples a second": f"{plain.samples / statistics.median(own):,.0f}",
        **cells,
    }


def with_sizes(study: str, experiment: str, batch: int | None, crop: int | None) -> TrainingConfig:
    """Return an experiment at paper scale with another batch and crop where they are given."""
    config = trained(study)[experiment]
    given = config.resolved["training"]
    return changed(
        config,
        batch_size=batch or given["batch_size"],
        crops=given["crops"] | ({"samples": crop} if crop else {}),
        # Noise is not augmented, and of a batch of one nothing could be mixed anew.
        augmentation=None,
    )


def switched(config: TrainingConfig, name: str, device: torch.device) -> Steps:
    """Return the steps with a switch changed."""
    if name != UNFUSED:
        return Steps(changed(config, **SWITCHES[name]), device)
    optimiser = config.resolved["training"]["optimiser"]
    if optimiser["name"] in ("adam", "adamw"):
        config = changed(config, optimiser={**optimiser, "fused": False})
    return Steps(config, device)


def measure(
    only: list[str] | None,
    switches: list[str] | None,
    *,
    batch: int | None,
    crop: int | None,
    seconds: float,
    device: torch.device,
) -> None:
    """Print a line for each system.

    Args:
        only: names in `SYSTEMS`; None for all.
        switches: names in `SWITCHES`, or `UNFUSED`; None for all that mean something here.
        batch: examples a step; None takes the paper's.
        crop: samples of an example; None takes the paper's.
        seconds: of steps of each column.
        device: where to train.
    """
    names = switches or columns(device)
    heads = ["batch", "crop", "samples a second", *names]
    table(" | ".join(["system", *heads]))
    for system in only or SYSTEMS:
        cells = measured(with_sizes(*SYSTEMS[system], batch, crop), names, seconds, device)
        print("| " + " | ".join([system, *(cells[head] for head in heads)]) + " |", flush=True)
