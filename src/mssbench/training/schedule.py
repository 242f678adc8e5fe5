"""The learning rate of each step and the batch size of each phase of training."""

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from mssbench.training.structure import Maximum, Minimum

Share = Annotated[float, Minimum(0, excluded=True), Maximum(1)]


@dataclass(frozen=True)
class PlateauConfig:
    """The learning rate falls where the score does not get better.

    Attributes:
        factor: of the learning rate, each time.
        patience: epochs without a better score after which it falls, and again after as many.
    """

    kind: Literal["plateau"]
    factor: Annotated[float, Minimum(0, excluded=True), Maximum(1, excluded=True)]
    patience: Annotated[int, Minimum(1)]


@dataclass(frozen=True)
class CosineConfig:
    """The learning rate falls along half a cosine and starts anew (SGDR).

    Loshchilov and Hutter, "SGDR: Stochastic gradient descent with warm restarts" (ICLR 2017),
    equation 5, with cycles of one length, each from a lower rate than the one before.

    Attributes:
        steps: of a cycle.
        restart: factor of the rate that a cycle starts from, over the cycle before.
        lowest: rate at a cycle's end, as a share of the rate at its start.
    """

    kind: Literal["cosine"]
    steps: Annotated[int, Minimum(1)]
    restart: Share = 1.0
    lowest: Annotated[float, Minimum(0), Maximum(1)] = 0.0


ScheduleConfig = PlateauConfig | CosineConfig


@dataclass(frozen=True)
class FineTuningConfig:
    """A second phase, which begins where the first has lost its patience and has as much.

    As in Wave-U-Net's released code, it goes on from the latest weights, not from the best ones,
    and with what the optimiser has gathered. Its learning rate stays as it is.

    Attributes:
        lr: learning rate.
        batch_size: examples a step.
    """

    lr: Annotated[float, Minimum(0, excluded=True)]
    batch_size: Annotated[int, Minimum(1)]


@dataclass
class Schedule:
    """Where training stands in its schedule.

    Attributes:
        base_lr: the optimiser's learning rate.
        base_batch_size: examples a step of the first phase.
        config: how the rate changes; None leaves it.
        warm_up: steps in which the rate grows in equal parts to what it is otherwise.
        second: the second phase, if there is one.
        reductions: how often the rate has fallen on a plateau.
        fine_tuning: whether the second phase has begun.
    """

    base_lr: float
    base_batch_size: int
    config: ScheduleConfig | None = None
    warm_up: int = 0
    second: FineTuningConfig | None = None
    reductions: int = 0
    fine_tuning: bool = False

    def lr(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0 through all epochs."""
        if self.second and self.fine_tuning:
            return self.second.lr
        warm = min(1.0, (step + 1) / self.warm_up) if self.warm_up else 1.0
        return self.base_lr * warm * self._factor(step)

    def _factor(self, step: int) -> float:
        if isinstance(self.config, PlateauConfig):
            return self.config.factor**self.reductions
        if isinstance(self.config, CosineConfig):
            cycle, place = divmod(step, self.config.steps)
            half_wave = (1 + math.cos(math.pi * place / self.config.steps)) / 2
            low = self.config.lowest
            return self.config.restart**cycle * (low + (1 - low) * half_wave)
        return 1.0

    @property
    def batch_size(self) -> int:
        """Return the examples a step."""
        second = self.second if self.fine_tuning else None
        return second.batch_size if second else self.base_batch_size

    def end_epoch(self, waited: int) -> None:
        """Let the rate fall if no epoch was better in a row of ``waited``, up to the last."""
        if isinstance(self.config, PlateauConfig) and waited and not self.fine_tuning:
            self.reductions += waited % self.config.patience == 0

    def begin_fine_tuning(self) -> bool:
        """Begin the second phase; return False if there is none or it has begun already."""
        begins = self.second is not None and not self.fine_tuning
        self.fine_tuning = self.fine_tuning or begins
        return begins

    def state_dict(self) -> dict[str, Any]:
        """Return what changes while training."""
        return {"reductions": self.reductions, "fine_tuning": self.fine_tuning}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self.reductions, self.fine_tuning = saved["reductions"], saved["fine_tuning"]
