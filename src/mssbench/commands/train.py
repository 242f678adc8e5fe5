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
from mssbench.provenance import digest, training_name

if TYPE_CHECKING:
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
        help=".safetensors of another run to begin with instead of random weights; part of the "
        "run's name",
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
    from mssbench.tracking import start_run, training_key
    from mssbench.training import checkpoint
    from mssbench.training.config import TrainingConfig
    from mssbench.training.initial import begun_with, read_initial
    from mssbench.training.loop import train

    config, initial = TrainingConfig.from_dict(resolved), None
    if args.initial is not None:
        initial, source = read_initial(args.initial)
        config = begun_with(config, source, args.parts)
    elif args.parts:
        raise UserError("--parts names modules for initial weights; give them with --initial")
    device = choose_device(args.device)
    torch.set_num_threads(args.threads)
    rendition = Rendition.open(args.rendition)
    name, tags = training_name(config.resolved), tags_of(config, dict(args.tag))
    with start_run(name, training_key(name), config.resolved, tags) as tracked:
        result = train(
            config,
            rendition,
            args.checkpoints,
            device,
            initial=initial,
            parts=config.initial.parts if config.initial else (),
            on_epoch=lambda row: tracked.log_epoch(int(row["epoch"]), row),
            should_stop=should_stop,
            seconds_between_checkpoints=args.checkpoint_seconds,
        )
        write_outputs(args, config, result, device)
        checkpoint.clear(args.checkpoints)


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

    text, initial = json.dumps(config.resolved, sort_keys=True), config.resolved.get("initial")
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
            "id": training_name(config.resolved),
            "seconds": round(result.seconds, 3),
            "parameters": result.parameters,
            "epochs": len(result.history),
            "best_epoch": result.best_epoch,
            "best_score": result.best_score,
            "stopped_because": result.stopped_because,
            "initial": initial and {"file": args.initial.name, **initial},
            "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
            "versions": versions,
        },
    )
