"""Losses between what a model says and what it should say, and their weighted sum."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mssbench.training.config import LossTerm

# Energies of about one quantum of 16-bit audio squared, so that a silent target neither divides
# by zero nor outweighs the batch.
ENERGY_FLOOR = 1e-9
# Of Meta-TasNet's released code.
EPSILON = 1e-8


def mae(estimate: Tensor, target: Tensor) -> Tensor:
    """Return the mean absolute error over all elements."""
    return (estimate - target).abs().mean()


def mse(estimate: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error over all elements."""
    return (estimate - target).square().mean()


def bels(estimate: Tensor, target: Tensor) -> Tensor:
    """Return the scale-invariant SDR of each signal in bels (tens of dB); see `si_sdr`."""
    scale = (estimate * target).sum(-1) / (target.square().sum(-1) + ENERGY_FLOOR)
    signal = scale[..., None] * target
    signal_energy = signal.square().sum(-1) + ENERGY_FLOOR
    error_energy = (estimate - signal).square().sum(-1) + ENERGY_FLOOR
    return signal_energy.log10() - error_energy.log10()


def si_sdr(estimate: Tensor, target: Tensor) -> Tensor:
    """Return the scale-invariant SDR of each signal in dB.

    Le Roux et al., "SDR - half-baked or well done?" (ICASSP 2019), equation 5: the energy of the
    target, scaled to fit the estimate best, over that of what remains. Means are not removed. A
    small floor on each energy keeps silent signals finite: against a silent target the value falls
    as the estimate rises above the floor, so its negative still teaches silence.

    Args:
        estimate: (..., samples).
        target: (..., samples).
    """
    return 10 * bels(estimate, target)


def negative_si_sdr(estimate: Tensor, target: Tensor) -> Tensor:
    """Return minus the scale-invariant SDR in dB, the mean over all signals; see `si_sdr`."""
    return -10 * bels(estimate, target).mean()


def negative_si_snr(estimate: Tensor, target: Tensor) -> Tensor:
    """Return minus the scale-invariant SNR in dB, the mean over the signals that are not silent.

    As in Meta-TasNet's training (Samuel, Ganeshan and Naradowsky, ICASSP 2020, released code),
    which passes over silent targets; 0 where all are silent. Means are not removed.

    Args:
        estimate: (..., samples).
        target: (..., samples).
    """
    energy = target.square().sum(-1)
    scale = (estimate * target).sum(-1) / (energy + EPSILON)
    signal = scale[..., None] * target
    noise = (estimate - signal).square().sum(-1)
    ratio = 10 * torch.log10(signal.square().sum(-1) / (noise + EPSILON) + EPSILON)
    active = energy > 0
    # Selected by a product: an index would make the host wait for the device.
    return -(ratio * active).sum() / active.sum().clamp(min=1)


def penalty(value: Tensor, _: Tensor) -> Tensor:
    """Return the mean of what the model computes at the probe, which is a loss already."""
    return value.mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mae": mae,
    "mse": mse,
    "si_sdr": negative_si_sdr,
    "si_snr": negative_si_snr,
    "penalty": penalty,
}


def counted(spec: Mapping[str, LossTerm]) -> tuple[str, ...]:
    """Return the terms that count: those whose weight is not 0."""
    return tuple(name for name, term in spec.items() if term.weight)


def probes_of(spec: Mapping[str, LossTerm]) -> tuple[str, ...]:
    """Return the probes that the terms which count look at."""
    return tuple(dict.fromkeys(spec[name].probe or name for name in counted(spec)))


def total_loss(
    compared: Mapping[str, tuple[Tensor, Tensor]], spec: Mapping[str, LossTerm]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the weighted sum of the terms, and each of them without its weight.

    Args:
        compared: probe -> what the model says there and what it should say, of one shape.
        spec: term -> its loss and weight; a weight of 0 does not count.

    Raises:
        ValueError: the two sides of a probe differ in shape.
    """
    values = {}
    for name in counted(spec):
        probe = spec[name].probe or name
        estimate, truth = compared[probe]
        # Broadcasting would compare the wrong samples without a word.
        if estimate.shape != truth.shape:
            raise ValueError(
                f"probe {probe} has shape {tuple(estimate.shape)}, what it is compared with has "
                f"{tuple(truth.shape)}"
            )
        values[name] = LOSSES[spec[name].kind](estimate, truth)
    total = torch.stack([spec[name].weight * value for name, value in values.items()]).sum()
    return total, values
