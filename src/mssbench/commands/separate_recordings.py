"""``mssbench separate SONG... --run RUN``: separate recordings of one's own."""

import argparse
import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mssbench.commands.options import choose_device
from mssbench.errors import UserError

if TYPE_CHECKING:
    from mssbench.models.base import Separator

log = logging.getLogger(__name__)

OUT = Path("separated")
OVERLAP = 0.25


def separate_recordings(args: argparse.Namespace) -> None:
    """Separate each recording into a folder of its name.

    Raises:
        UserError: a recording or the run cannot be used; those before it are done.
    """
    import torch

    from mssbench.models.base import Separator
    from mssbench.recordings.separating import separate_recording
    from mssbench.recordings.trained import load_run
    from mssbench.separation import SeparationConfig
    from mssbench.training.structure import structure

    for song in args.songs:
        if not song.is_file():
            raise UserError(f"{song}: there is no such file; give the paths of audio files")
    names = Counter(song.stem for song in args.songs)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise UserError(
            f"two recordings are called {twice[0]!r}, and both would be written to one folder; "
            "separate them one after the other with different --out"
        )
    model, config = load_run(args.run)
    torch.set_num_threads(args.threads)
    if isinstance(model, Separator):
        model.to(choose_device(args.device))
        segment = args.segment or usual_segment(model, config)
        rate = config["rendition"]["rate"]
    else:
        segment, rate = 1, None
    normalise = config.get("training", {}).get("normalise") == "song"
    cut = structure(SeparationConfig, {"segment": segment} | asked(args), "separation")
    for song in args.songs:
        folder = (args.out or OUT) / song.stem
        files = separate_recording(
            model, rate, cut, song, folder, normalise=normalise, exact_sum=args.exact_sum
        )
        log.info("%s: %s", folder, ", ".join(file.name for file in files.values()))


def asked(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the options say, as a study's ``separation`` would."""
    given = {
        "overlap": OVERLAP if args.overlap is None else args.overlap,
        "context": args.context,
        "shifts": args.shifts,
        "rescale": "least_squares" if args.rescale else None,
    }
    if args.soft_mask is not None:
        given["soft_mask"] = {"exponent": args.soft_mask}
    if args.wiener is not None:
        given["wiener"] = {"iterations": args.wiener}
    if args.threshold:
        given["threshold"] = {}
    return given


def usual_segment(model: "Separator", config: dict[str, Any]) -> int:
    """Return the length that a model was trained with, which it is sure to take (samples)."""
    trained: int = config["training"]["crops"]["samples"]
    return max(trained, 2 * model.context + model.multiple)
