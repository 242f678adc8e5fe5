"""Training steps of the studies' configurations, as `benchmarks/training.py` measures them."""

import copy
import time
from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from typing import Any

import torch

from mssbench.data.songs import STEMS
from mssbench.models.base import Separator
from mssbench.models.registry import build
from mssbench.runs import expand
from mssbench.study import Studies
from mssbench.training.config import TrainingConfig
from mssbench.training.losses import counted
from mssbench.training.objective import Objective
from mssbench.training.precision import reproducible, tf32
from mssbench.training.state import State
from mssbench.training.update import FiniteSteps

WORKFLOW = Path(__file__).parents[1] / "workflow"
SCHEMA = WORKFLOW / "schemas" / "study.schema.yaml"


def trained(study: str, scale: str = "paper") -> dict[str, TrainingConfig]:
    """Return how a study trains each of its systems, without what begins with other weights."""
    resolved = Studies(WORKFLOW / "studies", SCHEMA).load(study, scale)
    known = TrainingConfig.__dataclass_fields__
    return {
        run.experiment: TrainingConfig.from_dict(
            {k: v for k, v in run.config.items() if k in known}
        )
        for run in expand(resolved, {"name": "benchmark"}, [0])
        if run.trained is not None and run.initial is None
    }


def changed(config: TrainingConfig, **training: Any) -> TrainingConfig:
    """Return a configuration with other values of ``training``; None of one removes it."""
    resolved = copy.deepcopy(config.resolved)
    merged = resolved["training"] | training
    resolved["training"] = {key: value for key, value in merged.items() if value is not None}
    return TrainingConfig.from_dict(resolved)


class Steps:
    """The steps of `mssbench train` on one batch of noise: nothing is read and nothing changed.

    Args:
        config: what to train and how; its batch size too.
        device: where.
    """

    def __init__(self, config: TrainingConfig, device: torch.device) -> None:
        options = config.training
        torch.manual_seed(0)
        self.options, self.device = options, device
        model = build(config.model.name, config.model.params)
        assert isinstance(model, Separator)
        model.to(device)
        if options.channels_last:
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        shape = (options.batch_size, len(STEMS), model.channels, options.crops.samples)
        self.batch = 0.1 * torch.randn(shape, device=device)
        model.prepare(repeat(self.batch[:, 0]))
        model.train()
        self.state = State.begin(model, options, counted(options.loss))
        self.objective = Objective(model, options, STEMS)
        self.update = FiniteSteps(
            model, self.state.optimiser, clip_norm=options.clip_norm, scaler=self.state.scaler
        )
        self.samples = options.batch_size * options.crops.samples

    def take(self, steps: int = 1) -> float:
        """Take steps and return the seconds of one."""
        told = reproducible(self.device, strict=self.options.deterministic)
        with told, tf32(self.options.tf32):
            clock = clock_of(self.device)
            begin = clock()
            for _ in range(steps):
                self.state.set_rate()
                total, terms, bad = self.update.take(
                    self.objective, self.batch, self.options.accumulate
                )
                self.state.count_step(total, terms, self.options.batch_size, bad)
            float(total)  # a GPU is waited for
            return (clock() - begin) / steps


def clock_of(device: torch.device) -> Callable[[], float]:
    """Return the clock of steps (s): the processor's own where one thread of it computes alone.

    Other work on the machine does not make that go faster.
    """
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    return time.process_time if alone else time.perf_counter


def steady(take: Callable[[], float], seconds: float) -> tuple[float, int]:
    """Return the mean time of a step after the first one, and how many were taken for it.

    Args:
        take: takes a step and returns its seconds.
        seconds: after which no other step is begun; there is one at least.
    """
    take()
    times: list[float] = []
    while sum(times) < seconds or not times:
        times.append(take())
    return sum(times) / len(times), len(times)


def reason(error: Exception) -> str:
    """Return why something could not be measured, for a cell of a table."""
    lines = str(error).strip().splitlines() or ["no reason given"]
    return f"{type(error).__name__}: {lines[0][:80]}".replace("|", "/")


def table(header: str) -> None:
    """Print the head of a table, its columns divided by ``|``."""
    print(f"\n| {header} |\n|---|" + "---:|" * header.count("|"), flush=True)
