"""All that changes while a model is trained, so that a checkpoint can hold it."""

import math
from dataclasses import InitVar, dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from mssbench.models.base import Separator
from mssbench.training.means import Means
from mssbench.training.update import Adam

Row = dict[str, float]


@dataclass
class State:
    """The state of a training run between two steps.

    Attributes:
        model: the model, on its device.
        optimiser: of the model's parameters.
        probes: the probes whose losses are counted.
        means: training losses of the unfinished epoch.
        bad: int64 tensor (2,): how many steps in a row, up to the last, were left out because
            they were not finite, and how many of the unfinished epoch.
        step: steps taken, through all epochs.
        epoch: epochs finished, validation included.
        best_score: the lowest score (the loss that decides) so far.
        best_epoch: the epoch of that score, from 1; 0 before there is one.
        best_weights: the model's state of that epoch, on the CPU.
        waited: epochs since the best one.
        history: one row a finished epoch.
        seconds: time spent in training and validation, in all attempts.
    """

    model: Separator
    optimiser: Adam
    probes: InitVar[tuple[str, ...]]
    means: Means = field(init=False)
    bad: Tensor = field(init=False)
    step: int = 0
    epoch: int = 0
    best_score: float = math.inf
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    waited: int = 0
    history: list[Row] = field(default_factory=list)
    seconds: float = 0.0

    NUMBERS: ClassVar = ("step", "epoch", "best_score", "best_epoch", "waited", "seconds")

    def __post_init__(self, probes: tuple[str, ...]) -> None:
        device = next(self.model.parameters()).device
        self.means = Means(probes, device)
        self.bad = torch.zeros(2, dtype=torch.int64, device=device)

    def count_step(
        self, total: Tensor, parts: dict[str, Tensor], items: int, left_out: Tensor
    ) -> None:
        """Count a step with its losses; ``left_out`` tells whether it was not taken."""
        self.means.add(total, parts, items, skip=left_out)
        in_a_row, of_epoch = self.bad
        self.bad = torch.stack([(in_a_row + 1) * left_out, of_epoch + left_out])
        self.step += 1

    def begin_epoch(self) -> None:
        """Forget the losses of the epoch before."""
        self.means.reset()
        self.bad[1] = 0

    def consider(self, score: float) -> None:
        """Keep the weights if ``score`` is the lowest yet; NaN never is."""
        if score < self.best_score:
            self.best_score, self.best_epoch, self.waited = score, self.epoch, 0
            weights = self.model.state_dict()
            self.best_weights = {k: v.detach().cpu().clone() for k, v in weights.items()}
        else:
            self.waited += 1

    def state_dict(self) -> dict[str, Any]:
        """Return the state, and that of torch's random numbers, as plain values and tensors."""
        random = {"cpu": torch.get_rng_state()}
        if self.bad.is_cuda:
            random["cuda"] = torch.cuda.get_rng_state(self.bad.device)
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "sums": self.means.sums,
            "bad": self.bad,
            "best_weights": self.best_weights,
            "history": self.history,
            "random": random,
            **{name: getattr(self, name) for name in self.NUMBERS},
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned, on this or on another device."""
        self.model.load_state_dict(saved["model"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.means.sums.copy_(saved["sums"])
        self.bad.copy_(saved["bad"])
        self.best_weights, self.history = saved["best_weights"], saved["history"]
        for name in self.NUMBERS:
            setattr(self, name, saved[name])
        torch.set_rng_state(saved["random"]["cpu"])
        if self.bad.is_cuda and "cuda" in saved["random"]:
            torch.cuda.set_rng_state(saved["random"]["cuda"], self.bad.device)
