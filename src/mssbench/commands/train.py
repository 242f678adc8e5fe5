"""``mssbench train``: train one model, or continue where it was stopped."""

import argparse
import json
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mssbench import __version__
from mssbench.atomic import atomic_path, write_json
from mssbench.commands.options import (
    choose_device,
    positive,
    positive_seconds,
    read_config,
    seconds,
)
from mssbench.errors import UserError
from mssbench.provenance import digest, training_name
from mssbench.training.stopping import stop_requests

if TYPE_CHECKING:
    from mssbench.data.rendition import Rendition
    from mssbench.training.config import TrainingConfig
    from mssbench.training.distributed import Ranks
    from mssbench.training.result import Result


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
        help="folder for this run's checkpoints and the history of its epochs so far; emptied when "
        "the outputs are written",
    )
    parser.add_argument(
        "--out-weights",
        type=Path,
        required=True,
        help=".safetensors to write, of the best epoch",
    )
    parser.add_argument(
        "--out-last",
        type=Path,
        required=True,
        help=".safetensors to write, of the last epoch; with training.average its mean weights",
    )
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
    parser.add_argument(
        "--scratch",
        type=Path,
        metavar="DIR",
        help="copy the training songs to a temporary folder here first, on a disk of this machine "
        "(default: read them where they are)",
    )
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=positive, default=1, help="CPU threads (default: 1)")
    parser.add_argument(
        "--checkpoint-seconds",
        type=seconds,
        default=300.0,
        help="between two checkpoints within an epoch (default: 300)",
    )
    parser.add_argument(
        "--accept-code",
        action="store_true",
        help="continue a run that other code has begun, if all else is the same; run.json names "
        "both codes' digests",
    )
    parser.add_argument(
        "--budget",
        type=positive_seconds,
        metavar="SECONDS",
        help="after which to save and stop with code 75; to be continued (default: none)",
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

    Started by torchrun, all its processes train together; the first one tracks and writes.

    Raises:
        UserError: the configuration, the rendition, the checkpoints or the device do not fit, or
            training has diverged.
        Interrupted: a signal asked to stop, or the budget is spent; the same command continues.
    """
    with stop_requests(args.budget) as should_stop:
        resolved = read_config(args.config)
        train_and_write(args, resolved, should_stop)


def train_and_write(
    args: argparse.Namespace, resolved: dict[str, Any], should_stop: Callable[[], bool]
) -> None:
    """Train under the eyes of the tracker, write the outputs, then remove the checkpoints."""
    import torch

    from mssbench.data.rendition import Rendition
    from mssbench.tracking import Run, Throughput, start_run, training_key
    from mssbench.training import checkpoint
    from mssbench.training.config import TrainingConfig
    from mssbench.training.distributed import joined
    from mssbench.training.initial import begun_with, read_initial, require_same_fold
    from mssbench.training.loop import train

    config, initial = TrainingConfig.from_dict(resolved), None
    if args.initial is not None:
        require_same_fold(args.initial, config.split)
        initial, source = read_initial(args.initial)
        config = begun_with(config, source, args.parts)
    elif args.parts:
        raise UserError("--parts names modules for initial weights; give them with --initial")
    device = choose_device(args.device)
    torch.set_num_threads(args.threads)
    rendition = Rendition.open(args.rendition)
    name, tags = training_name(config.resolved), tags_of(config, dict(args.tag))
    rates = Throughput(audio_per_step(config))
    read = {key: rendition.dataset.get(key, "") for key in ("name", "digest")}
    read["source"] = args.rendition.parent.name
    start = partial(start_run, name, training_key(name), config.resolved, tags, dataset=read)
    with (
        joined(device) as ranks,
        near(rendition, args.scratch, ranks, should_stop) as songs,
        start() if ranks.is_first else Run() as tracked,
    ):
        result = train(
            config,
            songs,
            args.checkpoints,
            device,
            initial=initial,
            parts=config.initial.parts if config.initial else (),
            on_epoch=lambda row: tracked.log_epoch(int(row["epoch"]), {**row, **rates.of(row)}),
            should_stop=should_stop,
            seconds_between_checkpoints=args.checkpoint_seconds,
            ranks=ranks,
            accept_code=args.accept_code,
        )
        if ranks.is_first:
            write_outputs(args, config, result, device, ranks.count)
            checkpoint.clear(args.checkpoints)


@contextmanager
def near(
    rendition: "Rendition", scratch: Path | None, ranks: "Ranks", should_stop: Callable[[], bool]
) -> Iterator["Rendition"]:
    """Yield the rendition, its training songs on ``scratch`` while the block lasts, if so asked.

    On each machine, one of the processes that train together copies them for all of it.
    """
    from mssbench.data.scratch import copy_songs, lying_in

    if scratch is None:
        yield rendition
        return
    folder = ranks.from_machine(lambda: copy_songs(rendition, scratch, should_stop))
    try:
        yield lying_in(rendition, folder)
    finally:
        if folder is not None and ranks.is_first_of_machine:
            shutil.rmtree(folder, ignore_errors=True)


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
    args: argparse.Namespace,
    config: "TrainingConfig",
    result: "Result",
    device: str,
    processes: int,
) -> None:
    """Write both weights, the history and, last, the run's description."""
    import torch

    from mssbench.data.disk import telling_full_disk
    from mssbench.models.weights import write_weights
    from mssbench.tracking.origin import PACKAGE, git_commit
    from mssbench.training.history import write_history

    text, initial = json.dumps(config.resolved, sort_keys=True), config.resolved.get("initial")
    for path, weights in ((args.out_weights, result.weights), (args.out_last, result.last_weights)):
        path.parent.mkdir(parents=True, exist_ok=True)
        with telling_full_disk(path.parent), atomic_path(path) as temporary:
            write_weights(temporary, weights, text)
    write_history(args.out_history, result.history)
    versions = {
        "mssbench": __version__,
        "commit": git_commit(PACKAGE),
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
            "code": result.codes,
            "initial": initial and {"file": args.initial.name, **initial},
            "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
            "processes": processes,
            "versions": versions,
        },
    )
