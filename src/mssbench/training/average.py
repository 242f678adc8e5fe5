"""The running mean of a model's weights, which often separates better than the last weights."""

import copy
from typing import Any

import torch
from torch import Tensor

from mssbench.models.base import Separator


class Average:
    """The exponential moving average of a model, in a model of its own.

    After t steps it is the mean of the weights behind each of them, weighted with ``decay`` to the
    power of their age: the first weights, which nothing has taught, are not in it. Running
    statistics are averaged too; counts are the latest.

    Args:
        model: the model in training.
        decay: how much of the mean is kept at each step.

    Attributes:
        model: has the mean weights.
        mass: float64 (), the sum of the powers so far.
    """

    def __init__(self, model: Separator, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).requires_grad_(False)
        device = next(model.parameters()).device
        self.mass = torch.zeros((), dtype=torch.float64, device=device)

    @torch.no_grad()
    def add(self, model: Separator, left_out: Tensor) -> None:
        """Count the model's weights behind a step, unless the step was left out."""
        self.mass = torch.where(left_out, self.mass, self.decay * self.mass + 1)
        weight = torch.where(left_out, 0, 1 / self.mass)
        latest = model.state_dict()
        for name, mean in self.model.state_dict().items():
            if mean.is_floating_point():
                mean.lerp_(latest[name], weight.to(mean.dtype))
            else:
                torch.where(left_out, mean, latest[name], out=mean)

    def state_dict(self) -> dict[str, Any]:
        """Return the mean weights and their mass."""
        return {"model": self.model.state_dict(), "mass": self.mass}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self.model.load_state_dict(saved["model"])
        self.mass.copy_(saved["mass"])
