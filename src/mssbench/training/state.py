"""All that changes while a model is trained, so that a checkpoint can hold it."""

import math
from dataclasses import InitVar, dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from mssbench.models.base import Separator
from mssbench.training.average import Average
from mssbench.training.config import TrainingOptions
from mssbench.training.means import Means
from mssbench.training.optimisers import build_optimiser, restore_optimiser
from mssbench.training.precision import build_scaler
from mssbench.training.schedule import Schedule

Row = dict[str, float]


@dataclass
class State:
    """The state of a training run between two steps.

    Attributes:
        model: the model, on its device.
        optimiser: of the model's parameters.
        schedule: of the learning rate and the batch size.
        probes: the probes whose losses are counted.
        average: the running mean of the weights, if it is wanted.
        scaler: of the loss in 16-bit training; None where it is not scaled.
        higher_is_better: whether the best score is the highest.
        means: training losses of the unfinished epoch.
        bad: int64 tensor (2,): how many steps in a row, up to the last, were left out because
            they were not finite, and how many of the unfinished epoch.
        step: steps taken, through all epochs.
        steps_of_epoch: those of the unfinished epoch.
        epoch: epochs finished, validation included.
        best_score: the best score (of what decides) so far; infinite before there is one.
        best_epoch: the epoch of that score, from 1; 0 before there is one.
        best_weights: the validated model's state of that epoch, on the CPU.
        waited: epochs since the best one, or since the beginning of fine-tuning.
        history: one row a finished epoch.
        seconds: time spent in training and validation, in all attempts.
        codes: digests of the code that took part, in their order, up to the present one.
        waiting_seconds: those of the unfinished epoch in which training waited for a batch.
    """

    model: Separator
    optimiser: Optimizer
    schedule: Schedule
    probes: InitVar[tuple[str, ...]]
    average: Average | None = None
    scaler: GradScaler = field(default_factory=lambda: GradScaler(enabled=False))
    higher_is_better: bool = False
    means: Means = field(init=False)
    bad: Tensor = field(init=False)
    step: int = 0
    steps_of_epoch: int = 0
    epoch: int = 0
    best_score: float = field(init=False)
    best_epoch: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    waited: int = 0
    history: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    codes: list[str] = field(default_factory=list)
    waiting_seconds: float = 0.0

    NUMBERS: ClassVar = (
        *("step", "steps_of_epoch", "epoch"),
        *("best_score", "best_epoch", "waited", "seconds", "waiting_seconds"),
    )

    def __post_init__(self, probes: tuple[str, ...]) -> None:
        device = next(self.model.parameters()).device
        self.means = Means(probes, device)
        self.bad = torch.zeros(2, dtype=torch.int64, device=device)
        self.best_score = -math.inf if self.higher_is_better else math.inf

    @classmethod
    def begin(cls, model: Separator, options: TrainingOptions, terms: tuple[str, ...]) -> "State":
        """Return the state of a model before its first step.

        Args:
            model: the model, on its device.
            options: how it is trained.
            terms: names of the losses that are counted.
        """
        return cls(
            model,
            build_optimiser(options.optimiser, model),
            Schedule(
                options.optimiser.lr,
                options.batch_size,
                options.schedule,
                options.warm_up,
                options.fine_tuning,
            ),
            terms,
            Average(model, options.average.decay) if options.average else None,
            build_scaler(options.precision, next(model.parameters()).device),
            higher_is_better=options.score in ("si_sdr", "median_sdr"),
        )

    @property
    def validated(self) -> Separator:
        """Return the model that is validated and saved: the mean one, if there is one."""
        return self.average.model if self.average else self.model

    @property
    def is_bad(self) -> bool:
        """Tell whether the last step was left out; waits for the device."""
        return bool(self.bad[0])

    def set_rate(self) -> None:
        """Give the optimiser the next step's learning rate."""
        lr = self.schedule.lr(self.step)
        for group in self.optimiser.param_groups:
            group["lr"] = lr

    def count_step(
        self, total: Tensor, parts: dict[str, Tensor], items: int, left_out: Tensor
    ) -> None:
        """Count a step with its losses; ``left_out`` tells whether it was not taken."""
        self.means.add(total, parts, items, skip=left_out)
        if self.average:
            self.average.add(self.model, left_out)
        in_a_row, of_epoch = self.bad
        self.bad = torch.stack([(in_a_row + 1) * left_out, of_epoch + left_out])
        self.step += 1
        self.steps_of_epoch += 1

    def begin_epoch(self) -> None:
        """Forget the losses and the waiting of the epoch before."""
        self.means.reset()
        self.waiting_seconds = 0.0
        self.bad[1] = 0
        self.steps_of_epoch = 0

    def latest_weights(self) -> dict[str, Tensor]:
        """Return a copy of the validated model's state as it is now, on the CPU."""
        # In torch's plain order, whatever the order that is fastest on the device.
        return {
            name: values.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, values in self.validated.state_dict().items()
        }

    def consider(self, score: float) -> None:
        """Keep the weights if ``score`` is the best yet; NaN never is."""
        best = self.best_score
        if score > best if self.higher_is_better else score < best:
            self.best_score, self.best_epoch, self.waited = score, self.epoch, 0
            self.best_weights = self.latest_weights()
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
            "schedule": self.schedule.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "scaler": self.scaler.state_dict(),
            "sums": self.means.sums,
            "bad": self.bad,
            "best_weights": self.best_weights,
            "history": self.history,
            "codes": self.codes,
            "random": random,
            **{name: getattr(self, name) for name in self.NUMBERS},
        }

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned, on this or on another device."""
        self.model.load_state_dict(saved["model"])
        restore_optimiser(self.optimiser, saved["optimiser"])
        self.schedule.load_state_dict(saved["schedule"])
        if self.average:
            self.average.load_state_dict(saved["average"])
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(saved["scaler"])
        self.means.sums.copy_(saved["sums"])
        self.bad.copy_(saved["bad"])
        self.best_weights, self.history = saved["best_weights"], saved["history"]
        self.codes = saved["codes"]
        for name in self.NUMBERS:
            setattr(self, name, saved[name])
        torch.set_rng_state(saved["random"]["cpu"])
        if self.bad.is_cuda and "cuda" in saved["random"]:
            torch.cuda.set_rng_state(saved["random"]["cuda"], self.bad.device)
