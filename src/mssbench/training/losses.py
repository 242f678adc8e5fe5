"""Losses between estimated and true waveforms, and their weighted sum over a model's probes."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mssbench.errors import UserError
from mssbench.training.config import LossTerm

# Energies of about one quantum of 16-bit audio squared, so that a silent target neither divides
# by zero nor outweighs the batch.
ENERGY_FLOOR = 1e-9


def mae(estimate: Tensor, target: Tensor) -> Tensor:
    """Return the mean absolute error over all elements."""
    return (estimate - target).abs().mean()


def mse(estimate: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error over all elements."""
    return (estimate - target).square().mean()


def negative_si_sdr(estimate: Tensor, target: Tensor) -> Tensor:
    """Return minus the scale-invariant SDR in dB, the mean over all signals.

    Le Roux et al., "SDR - half-baked or well done?" (ICASSP 2019), equation 5: the energy of the
    target, scaled to fit the estimate best, over that of what remains. Means are not removed. A
    small floor on each energy keeps silent signals finite: against a silent target the value is
    the level of the estimate over the floor, so it still teaches silence.

    Args:
        estimate: (..., samples).
        target: (..., samples).
    """
    scale = (estimate * target).sum(-1) / (target.square().sum(-1) + ENERGY_FLOOR)
    signal = scale[..., None] * target
    signal_energy = signal.square().sum(-1) + ENERGY_FLOOR
    error_energy = (estimate - signal).square().sum(-1) + ENERGY_FLOOR
    return 10 * (error_energy.log10() - signal_energy.log10()).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mae": mae,
    "mse": mse,
    "si_sdr": negative_si_sdr,
}


def counted(spec: Mapping[str, LossTerm]) -> tuple[str, ...]:
    """Return the probes that count: those with a weight above 0."""
    return tuple(probe for probe, term in spec.items() if term.weight > 0)


def total_loss(
    outputs: Mapping[str, Tensor], targets: Tensor, spec: Mapping[str, LossTerm]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the weighted sum of the probes' losses, and each of them without its weight.

    Args:
        outputs: probe -> (batch, targets, channels, samples).
        targets: (batch, targets, channels, samples).
        spec: probe -> its loss and weight; only weights above 0 count.

    Raises:
        UserError: ``spec`` names a probe that the model does not have.
        ValueError: an output has another shape than the targets.
    """
    values = {}
    for probe in counted(spec):
        if probe not in outputs:
            raise UserError(
                f"training.loss.{probe}: the model has no such probe; it has {', '.join(outputs)}"
            )
        # Broadcasting would compare the wrong samples without a word.
        if outputs[probe].shape != targets.shape:
            raise ValueError(
                f"probe {probe} has shape {tuple(outputs[probe].shape)}, its targets have "
                f"{tuple(targets.shape)}"
            )
        values[probe] = LOSSES[spec[probe].kind](outputs[probe], targets)
    total = torch.stack([spec[probe].weight * value for probe, value in values.items()]).sum()
    return total, values
