"""From the start of `mssbench train`'s process to the end of its first step."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from data_songs import rendition
from training_steps import table

from mssbench.data.rendition import MANIFEST
from mssbench.tracking.connection import OFF, VARIABLE
from mssbench.tracking.store import initialise

CONFIG = {
    "dataset": {"name": "benchmark"},
    "rendition": {"rate": 8000, "channels": "mono"},
    "split": {"kind": "random", "train_share": 0.75, "seed": 1},
    "training": {
        "crops": {"kind": "random", "samples": 2048, "steps_per_epoch": 3},
        "batch_size": 2,
        "optimiser": {"name": "adam", "lr": 1.0e-3},
        "epochs": 8,
        "patience": 20,
        "loss": {"final": {"kind": "mae", "weight": 1.0}},
    },
    "seed": 0,
}
"""Of the study that the tests run through the pipeline."""
MODELS = {
    "htmd_net": {"N": 16, "B": 8, "H": 8, "X": 2, "filters": 2, "levels": 4, "units": 4},
    "wave_u_net": {"levels": 3, "filters": 2, "output": "single"},
}
PROGRAM = """
import os, sys
from mssbench.cli import main
from mssbench.training.update import FiniteSteps

take = FiniteSteps.take


def and_end(*args):
    float(take(*args)[0])
    used = os.times()
    os.write(1, b"%f" % (used.user + used.system))
    os._exit(0)


FiniteSteps.take = and_end
sys.exit(main(sys.argv[1:]))
"""
"""The command, which ends with its first step and says what it has used of the processor."""


def measure(folder: Path, wavs: Path, rounds: int, device: str) -> None:
    """Print a line for each model, without tracking and with an SQLite store."""
    rendition(folder, wavs, 8000, "mono", "float32")
    manifest = folder / f"{wavs.name}-8000-mono-float32" / MANIFEST
    with tempfile.TemporaryDirectory() as temporary:
        store = f"sqlite:///{temporary}/mlflow.db"
        initialise(store, ["mssbench"], Path(temporary) / "artifacts")
        table("model | tracking | by the clock (s) | least | of the processor (s)")
        for model, params in MODELS.items():
            config = CONFIG | {"model": {"name": model, "params": params}}
            for name, uri in (("off", OFF), ("SQLite", store)):
                found = [
                    first_step(config, manifest, uri, Path(temporary) / f"{model}-{name}", device)
                    for _ in range(rounds + 1)
                ][1:]  # the first one reads the files of the packages
                clock, used = zip(*found, strict=True)
                print(
                    f"| {model} | {name} | {statistics.median(clock):.1f} | {min(clock):.1f} "
                    f"| {statistics.median(used):.1f} |",
                    flush=True,
                )


def first_step(
    config: dict[str, object], manifest: Path, uri: str, folder: Path, device: str
) -> tuple[float, float]:
    """Return the seconds by the clock and of the processor up to the end of the first step."""
    given = {
        "config": json.dumps(config),
        "rendition": manifest,
        "checkpoints": folder / "checkpoints",
        "out-weights": folder / "model.safetensors",
        "out-last": folder / "last.safetensors",
        "out-history": folder / "history.csv",
        "out-run": folder / "run.json",
        "device": device,
    }
    words = [str(word) for name, value in given.items() for word in (f"--{name}", value)]
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "train", *words],
        env=os.environ | {VARIABLE: uri},
        capture_output=True,
        text=True,
        check=False,
    )
    spent = time.perf_counter() - begin
    if done.returncode:
        raise SystemExit(done.stderr)
    return spent, float(done.stdout)
