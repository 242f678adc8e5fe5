"""What a model's training makes small, and the estimates that its score looks at."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mssbench.models.base import Separator
from mssbench.training.config import TrainingOptions
from mssbench.training.losses import probes_of, total_loss
from mssbench.training.precision import NARROW, autocast
from mssbench.training.stems import targets


class Objective:
    """The losses of a model on batches of stems.

    Args:
        model: the model.
        options: its losses, its precision, and whether to compile it.
        names: of the stems, ``mixture`` among them.
    """

    def __init__(self, model: Separator, options: TrainingOptions, names: Sequence[str]) -> None:
        self.model, self.options, self.names = model, options, names
        self.probes = probes_of(options.loss)
        self.device = next(model.parameters()).device
        self.compare = model.compare
        if options.compile:
            self.compare = torch.compile(model.compare, mode=options.compile_mode)

    def __call__(self, stems: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the total loss and its terms for stems (batch, stems, channels, samples)."""
        mixture, truth = targets(stems, self.names, self.model.targets)
        with autocast(self.options.precision, self.device):
            compared = self.compare(mixture, truth, self.probes)
        return total_loss(widened(compared), self.options.loss)

    def estimates(self, stems: Tensor) -> tuple[Tensor, Tensor]:
        """Return estimated and true waveforms (batch, targets, channels, samples).

        A pass of its own: what the losses compare may be spectrograms.
        """
        mixture, truth = targets(stems, self.names, self.model.targets)
        with autocast(self.options.precision, self.device):
            final = self.model(mixture)["final"]
        context = self.model.context
        return final.float(), truth[..., context : truth.shape[-1] - context]


def widened(compared: Mapping[str, tuple[Tensor, Tensor]]) -> dict[str, tuple[Tensor, Tensor]]:
    """Return 16-bit values as float32: sums over thousands of samples need its digits."""

    def wide(values: Tensor) -> Tensor:
        return values.float() if values.dtype in NARROW.values() else values

    return {probe: (wide(one), wide(other)) for probe, (one, other) in compared.items()}
