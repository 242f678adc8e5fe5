"""``mssbench train``: train one model, or continue where it was stopped."""

import argparse
import csv
import json
import logging
import platform
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from mssbench import __version__
from mssbench.atomic import atomic_path, write_json
from mssbench.commands.options import choose_device, positive, read_config
from mssbench.errors import UserError
from mssbench.provenance import digest

if TYPE_CHECKING:
    from torch import Tensor

    from mssbench.training.config import TrainingConfig
    from mssbench.training.result import Result

# What schedulers send before they kill a job, and Ctrl-C.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--config", required=True, metavar="JSON|FILE", help="the resolved training configuration"
    )
    parser.add_argument("--rendition", type=Path, required=True, help="a rendition's manifest.json")
    parser.add_argument(
        "--checkpoints",
        type=Path,
        required=True,
        help="folder for this run's checkpoints; emptied when the outputs are written",
    )
    parser.add_argument("--out-weights", type=Path, required=True, help=".safetensors to write")
    parser.add_argument("--out-history", type=Path, required=True, help=".csv to write")
    parser.add_argument("--out-run", type=Path, required=True, help=".json to write")
    parser.add_argument(
        "--initial",
        type=Path,
        metavar="FILE",
        help=".safetensors of another run to begin with instead of random weights",
    )
    parser.add_argument(
        "--parts",
        nargs="+",
        default=[],
        metavar="NAME",
        help="modules of the model that take the --initial weights (default: all)",
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=positive, default=1, help="CPU threads (default: 1)")
    parser.add_argument(
        "--checkpoint-seconds",
        type=float,
        default=300.0,
        help="between two checkpoints within an epoch (default: 300)",
    )
    parser.add_argument(
        "--tag",
        type=tag,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a tag of the tracked run; may be given again",
    )


def tag(word: str) -> tuple[str, str]:
    """Read ``key=value`` from the command line."""
    key, equals, value = word.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"{word!r} is not KEY=VALUE")
    return key, value


def run(args: argparse.Namespace) -> None:
    """Train, write the outputs, then remove the checkpoints.

    Raises:
        UserError: the configuration, the rendition, the checkpoints or the device do not fit, or
            training has diverged.
        Interrupted: a signal asked to stop; the same command continues.
    """
    with stop_requests() as should_stop:
        resolved = read_config(args.config)
        train_and_write(args, resolved, should_stop)


def train_and_write(
    args: argparse.Namespace, resolved: dict[str, Any], should_stop: Callable[[], bool]
) -> None:
    """Train under the eyes of the tracker, write the outputs, then remove the checkpoints."""
    import torch

    from mssbench.data.rendition import Rendition
    from mssbench.tracking import Throughput, start_run, training_key
    from mssbench.training import checkpoint
    from mssbench.training.config import TrainingConfig
    from mssbench.training.loop import train

    config = TrainingConfig.from_dict(resolved)
    initial = initial_weights(args.initial, args.parts)
    device = choose_device(args.device)
    torch.set_num_threads(args.threads)
    rendition = Rendition.open(args.rendition)
    name, tags = run_name(config), tags_of(config, dict(args.tag))
    rates = Throughput(audio_per_step(config))
    read = {key: rendition.dataset.get(key, "") for key in ("name", "digest")}
    read["source"] = args.rendition.parent.name
    with start_run(name, training_key(name), resolved, tags, dataset=read) as tracked:
        result = train(
            config,
            rendition,
            args.checkpoints,
            device,
            initial=initial,
            parts=args.parts,
            on_epoch=lambda row: tracked.log_epoch(int(row["epoch"]), {**row, **rates.of(row)}),
            should_stop=should_stop,
            seconds_between_checkpoints=args.checkpoint_seconds,
        )
        write_outputs(args, config, result, device)
        checkpoint.clear(args.checkpoints)


def initial_weights(file: Path | None, parts: list[str]) -> "dict[str, Tensor] | None":
    """Read the weights to begin with, or None if there are none.

    Raises:
        UserError: the file cannot be read, or parts are named without one.
    """
    from mssbench.models.weights import opened

    if file is None:
        if parts:
            raise UserError("--parts names modules for initial weights; give them with --initial")
        return None
    with opened(file) as content:
        return {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether one of `STOP_SIGNALS` has come.

    None of them kills meanwhile, not even when it comes again: schedulers and shells often send
    one signal to a job twice.
    """
    asked = []

    def ask(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    before = {number: signal.signal(number, ask) for number in STOP_SIGNALS}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_name(config: "TrainingConfig") -> str:
    """Return what names the run's weights: model, seed and digest of the configuration."""
    return f"{config.model.name}-s{config.seed}-{digest(config.resolved)}"


def audio_per_step(config: "TrainingConfig") -> float | None:
    """Return the seconds of audio in a batch; None where fine-tuning changes its size."""
    options = config.training
    if options.fine_tuning and options.fine_tuning.batch_size != options.batch_size:
        return None
    return options.batch_size * options.crops.samples / config.rendition.rate


def tags_of(config: "TrainingConfig", given: dict[str, str]) -> dict[str, str]:
    """Return the tags of the tracked run; given ones win."""
    return {
        "stage": "train",
        "model": config.model.name,
        "dataset": str(config.dataset.get("name", "")),
        "config": digest(config.resolved),
        **given,
    }


def write_outputs(
    args: argparse.Namespace, config: "TrainingConfig", result: "Result", device: str
) -> None:
    """Write weights, history and, last, the run's description."""
    import torch
    from safetensors.torch import save_file

    from mssbench.data.disk import telling_full_disk

    text = json.dumps(config.resolved, sort_keys=True)
    args.out_weights.parent.mkdir(parents=True, exist_ok=True)
    with telling_full_disk(args.out_weights.parent), atomic_path(args.out_weights) as temporary:
        save_file(result.weights, temporary, metadata={"config": text})
    with atomic_path(args.out_history) as temporary, temporary.open("w", newline="") as file:
        table = csv.DictWriter(file, fieldnames=list(result.history[0]))
        table.writeheader()
        table.writerows(result.history)
    versions = {
        "mssbench": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    write_json(
        args.out_run,
        {
            "config": config.resolved,
            "id": run_name(config),
            "seconds": round(result.seconds, 3),
            "parameters": result.parameters,
            "epochs": len(result.history),
            "best_epoch": result.best_epoch,
            "best_score": result.best_score,
            "stopped_because": result.stopped_because,
            "initial": args.initial and {"file": args.initial.name, "parts": args.parts},
            "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
            "versions": versions,
        },
    )
