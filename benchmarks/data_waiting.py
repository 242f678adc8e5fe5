"""How much of the training loop's time is spent waiting for the next batch."""

import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from data_songs import rendition

from mssbench.models.registry import build, parameter_count
from mssbench.progress import Progress
from mssbench.runs import expand
from mssbench.study import Studies
from mssbench.training import feed, loop
from mssbench.training.config import TrainingConfig
from mssbench.training.keeper import Keeper
from mssbench.training.precision import reproducible
from mssbench.training.update import FiniteSteps

WORKFLOW = Path(__file__).parents[1] / "workflow"
STUDY = "overview"
STEPS = {"demo": 40, "paper": 10}
"""An epoch of the demo; of the paper's sizes, what a processor does in some seconds."""


def smallest(scale: str) -> TrainingConfig:
    """Return how the study trains the model with the fewest values: its steps are the shortest."""
    schema = WORKFLOW / "schemas" / "study.schema.yaml"
    study = Studies(WORKFLOW / "studies", schema).load(STUDY, scale)
    runs = [run for run in expand(study, {"name": "benchmark"}, [0]) if run.trained is not None]
    known = TrainingConfig.__dataclass_fields__
    configs = [
        TrainingConfig.from_dict({k: v for k, v in run.config.items() if k in known})
        for run in runs
    ]
    with torch.device("meta"):
        return min(configs, key=lambda c: parameter_count(build(c.model.name, c.model.params)))


class Enough(Exception):  # noqa: N818
    """As many steps as were asked for have been taken."""


def waiting(config: TrainingConfig, made: Any, steps: int) -> tuple[int, float, float]:
    """Take ``steps`` steps of the real loop.

    Returns:
        Trainable values of the model, seconds a step, and the share of them spent waiting.
    """
    training = loop.Training(config, made, torch.device("cpu"))
    waited, taken = 0.0, 0
    read = feed.batches

    def timed(*args: Any) -> Iterator[torch.Tensor]:
        nonlocal waited, taken
        given = read(*args)
        while taken < steps:
            start = time.perf_counter()
            batch = next(given)
            waited += time.perf_counter() - start
            yield batch
            taken += 1
        raise Enough

    with tempfile.TemporaryDirectory() as folder, patch.object(feed, "batches", timed):
        keeper = Keeper(Path(folder), {}, math.inf, lambda: False)
        update = FiniteSteps(training.model, training.state.optimiser)
        with reproducible(torch.device("cpu")), suppress(Enough):
            start = time.perf_counter()
            training.finish_steps(update, keeper, Progress("steps", steps, "steps"))
        spent = time.perf_counter() - start
    return parameter_count(training.model), spent / steps, waited / spent


def measure(folder: Path, wavs: Path, scales: list[str]) -> None:
    """Print a line for the smallest model at each scale."""
    made = rendition(folder, wavs, 22050, "stereo", "float32")
    print("| model | scale | trainable values | batch | step (ms) | waiting |")
    print("|---|---|---:|---:|---:|---:|", flush=True)
    for scale in scales:
        config = smallest(scale)
        waiting(config, made, 2)  # the kernels' first use
        values, step, share = waiting(config, made, STEPS[scale])
        print(
            f"| {config.model.name} | {scale} | {values:,} | {config.training.batch_size} "
            f"| {1000 * step:.0f} | {100 * share:.2g} % |",
            flush=True,
        )
