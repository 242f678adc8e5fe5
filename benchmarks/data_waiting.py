"""How much of the training loop's time is spent waiting for the next batch."""

import itertools
import math
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from data_songs import rendition

from mssbench.models.registry import parameter_count
from mssbench.progress import Progress
from mssbench.runs import expand
from mssbench.study import Studies
from mssbench.training import loop
from mssbench.training.config import TrainingConfig
from mssbench.training.keeper import Keeper
from mssbench.training.update import FiniteSteps

WORKFLOW = Path(__file__).parents[1] / "workflow"
STUDY = "overview"
STEPS = {"demo": 50, "paper": 10}
"""An epoch of the demo; of the paper's sizes, what a processor does in some seconds."""


def configurations(scale: str) -> Iterator[TrainingConfig]:
    """Yield how the study trains each of its models."""
    schema = WORKFLOW / "schemas" / "study.schema.yaml"
    study = Studies(WORKFLOW / "studies", schema).load(STUDY, scale)
    for run in expand(study, {"name": "benchmark"}, [0]):
        if run.trained is not None:
            known = TrainingConfig.__dataclass_fields__
            yield TrainingConfig.from_dict({k: v for k, v in run.config.items() if k in known})


def waiting(config: TrainingConfig, made: Any, steps: int) -> tuple[int, float, float]:
    """Take ``steps`` steps of the real loop.

    Returns:
        Trainable values of the model, seconds a step, and the share of them spent waiting.
    """
    training = loop.Training(config, made, torch.device("cpu"))
    waited = 0.0
    read = loop.batches

    def timed(*args: Any) -> Iterator[torch.Tensor]:
        nonlocal waited
        given = itertools.islice(read(*args), steps)
        while True:
            start = time.perf_counter()
            batch = next(given, None)
            waited += time.perf_counter() - start
            if batch is None:
                return
            yield batch

    with tempfile.TemporaryDirectory() as folder, patch.object(loop, "batches", timed):
        keeper = Keeper(Path(folder), {}, math.inf, lambda: False)
        update = FiniteSteps(training.model, training.state.optimiser)
        with loop.reproducible(torch.device("cpu")):
            start = time.perf_counter()
            training.finish_steps(update, keeper, Progress("steps", steps, "steps"))
            spent = time.perf_counter() - start
    return parameter_count(training.model), spent / steps, waited / spent


def measure(folder: Path, wavs: Path, scales: list[str]) -> None:
    """Print a line for each model and scale."""
    made = rendition(folder, wavs, 22050, "mono", "float32")
    print("| model | scale | trainable values | batch | step (ms) | waiting |")
    print("|---|---|---:|---:|---:|---:|", flush=True)
    for scale in scales:
        for config in configurations(scale):
            waiting(config, made, 2)  # the kernels' first use
            values, step, share = waiting(config, made, STEPS[scale])
            print(
                f"| {config.model.name} | {scale} | {values:,} | {config.training.batch_size} "
                f"| {1000 * step:.0f} | {100 * share:.2g} % |",
                flush=True,
            )
