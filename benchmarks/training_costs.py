"""What a checkpoint and the tracking of an epoch cost, beside the epoch that they belong to."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from training_steps import Steps, changed, steady, table, trained

from mssbench.models.registry import parameter_count
from mssbench.tracking import start_run
from mssbench.tracking.connection import VARIABLE
from mssbench.training import checkpoint
from mssbench.training.config import RandomCropsConfig

SYSTEMS = (("overview", "conv-tasnet"), ("meta_tasnet", "meta-tasnet"))
BETWEEN = 300.0
"""Seconds between two checkpoints within an epoch."""
SHORTER = 8
"""How much shorter the crops are that the steps are taken with."""
EPOCHS = 100
PAUSE = 0.2
"""Seconds between two epochs that are logged, in which the thread that sends is at work."""


def checkpoints(folder: Path, rounds: int, device: torch.device) -> None:
    """Print what a checkpoint costs for models of about 5 and 45 million values.

    The state is that behind a first step and a first validation: weights, Adam's means and the
    best weights. An epoch is the study's; its steps are extrapolated from one example
    of an eighth of its crop.
    """
    table(
        "model | trainable values | file (MB) | checkpoint (s) | of 300 s (%) | epoch (h) "
        "| of an epoch (%)"
    )
    folder.mkdir(parents=True, exist_ok=True)
    for study, experiment in SYSTEMS:
        config = trained(study)[experiment]
        options = config.training
        # All its state appears with a step, however short the crop.
        crops = config.resolved["training"]["crops"]
        crops = crops | {"samples": options.crops.samples // SHORTER}
        steps = Steps(changed(config, batch_size=1, crops=crops, augmentation=None), device)
        spent, _ = steady(steps.take, 0)
        assert isinstance(options.crops, RandomCropsConfig)
        epoch = options.crops.steps_per_epoch * options.batch_size * SHORTER * spent
        steps.state.consider(0.0 if steps.state.best_score > 0 else 1.0)
        times = []
        with tempfile.TemporaryDirectory(dir=folder) as own:
            for _ in range(rounds + 1):
                begin = time.perf_counter()
                file = checkpoint.save(Path(own), {}, steps.state.state_dict())
                times.append(time.perf_counter() - begin)
            size = file.stat().st_size / 1e6
        taken = statistics.median(times[1:])
        print(
            f"| {config.model.name} | {parameter_count(steps.state.model):,} | {size:.0f} "
            f"| {taken:.2f} | {100 * taken / BETWEEN:.2g} | {epoch / 3600:.3g} "
            f"| {100 * taken / epoch:.1g} |",
            flush=True,
        )


def tracking() -> None:
    """Print what tracking costs the process that trains, with an SQLite store.

    The thread that sends runs beside the training, which shares Python with it: its part of the
    processor is what an epoch of some seconds could lose at most.
    """
    row = {f"metric_{number}": float(number) for number in range(16)}
    with tempfile.TemporaryDirectory() as temporary:
        store = f"sqlite:///{temporary}/mlflow.db"
        # In another process, as in the pipeline: what sends must load MLflow itself.
        made = [sys.executable, "-m", "mssbench", "track", "init"]
        made += ["--artifacts", f"{temporary}/artifacts", "--out", f"{temporary}/store.json"]
        subprocess.run(made, env=os.environ | {VARIABLE: store}, check=True, capture_output=True)
        os.environ[VARIABLE] = store
        used = time.process_time()
        begin = time.perf_counter()
        with start_run("benchmark", "train/benchmark", {"a": 1}, {"stage": "train"}) as run:
            started, times = time.perf_counter() - begin, []
            for epoch in range(EPOCHS):
                begin = time.perf_counter()
                run.log_epoch(epoch, row)
                times.append(time.perf_counter() - begin)
                time.sleep(PAUSE)
            begin = time.perf_counter()
        ended, used = time.perf_counter() - begin, time.process_time() - used
    table(
        "start (ms) | log_epoch of 16 values, median (ms) | most (ms) | end (s) "
        f"| processor, {EPOCHS} epochs in {EPOCHS * PAUSE:.0f} s (s)"
    )
    print(
        f"| {1000 * started:.1f} | {1000 * statistics.median(times):.3f} | {1000 * max(times):.3f} "
        f"| {ended:.2f} | {used:.2f} |",
        flush=True,
    )
