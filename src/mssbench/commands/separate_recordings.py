"""``mssbench separate SONG... --run RUN``: separate recordings of one's own."""

import argparse
import logging
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mssbench.commands.options import choose_device
from mssbench.errors import UserError

if TYPE_CHECKING:
    from mssbench.models.base import Model, Separator
    from mssbench.separation import SeparationConfig

log = logging.getLogger(__name__)

OUT = Path("separated")
OVERLAP = 0.25


def separate_recordings(args: argparse.Namespace) -> None:
    """Separate each recording into a folder of its name.

    Raises:
        UserError: the run cannot be used, or a recording cannot; all others are done.
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
        usual, rate = usual_cut(model, config, args), config["rendition"]["rate"]
    else:
        usual, rate = {"segment": 1, "overlap": 0.0}, None
    normalise = config.get("training", {}).get("normalise") == "song"
    cut = structure(SeparationConfig, usual | asked(args), "separation")
    check_cut(model, cut)
    failed = []
    for song in args.songs:
        folder = (args.out or OUT) / song.stem
        try:
            files = separate_recording(
                model, rate, cut, song, folder, normalise=normalise, exact_sum=args.exact_sum
            )
        except UserError as error:
            if len(args.songs) == 1:
                raise
            log.error("%s", error)  # noqa: TRY400 (no traceback)
            failed.append(str(song))
            continue
        log.info("%s: %s", folder, ", ".join(file.name for file in files.values()))
    if failed:
        raise UserError(
            f"{len(failed)} of {len(args.songs)} recordings could not be separated, for the "
            f"reasons above: {', '.join(failed)}; give these again once that is mended"
        )


def asked(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the options say, as a study's ``separation`` would."""
    given: dict[str, Any] = {
        "shifts": args.shifts,
        "rescale": "least_squares" if args.rescale else None,
    }
    for key in ("segment", "overlap", "context", "output"):
        if getattr(args, key) is not None:
            given[key] = getattr(args, key)
    if args.soft_mask is not None:
        given["soft_mask"] = {"exponent": args.soft_mask}
    if args.wiener is not None:
        given["wiener"] = {"iterations": args.wiener}
    if args.threshold:
        given["threshold"] = {}
    return given


def usual_cut(
    model: "Separator", config: dict[str, Any], args: argparse.Namespace
) -> dict[str, Any]:
    """Return how recordings are cut where the options do not say.

    A model whose estimates depend on a part of the recording alone hears so much around each
    segment that it says what it would of the whole. Segments are so long that it hears half as
    much again at most; they need not overlap.

    Args:
        model: what separates.
        config: what it was trained with.
        args: the options; with a segment, a context or an output of one's own there is no such
            context.

    Returns:
        The keys ``segment``, ``overlap`` and ``context`` of a study's ``separation``.
    """
    from mssbench.separation_cut import rounded_up

    usual = usual_segment(model, config)
    free = args.segment is None and args.context is None and args.output in (None, "final")
    if model.reach is None or not free:
        return {"segment": usual, "overlap": OVERLAP, "context": 0}
    context = rounded_up(model.reach, model.multiple)
    lost = 2 * (model.context + context)
    segment = rounded_up(lost + max(usual - 2 * model.context, 2 * lost), model.multiple)
    return {"segment": segment, "overlap": 0.0, "context": context}


def check_cut(model: "Model", cut: "SeparationConfig") -> None:
    """Check what options say before a recording is read.

    Raises:
        UserError: the model has no such output, or takes no such segments.
    """
    from mssbench.models.base import Separator
    from mssbench.separation_cut import output_length

    outputs = model.output_names if isinstance(model, Separator) else ("final",)
    if cut.output not in outputs:
        raise UserError(
            f"--output is {cut.output}; {type(model).__name__} has {', '.join(outputs)}"
        )
    if isinstance(model, Separator):
        output_length(model, cut)


def usual_segment(model: "Separator", config: dict[str, Any]) -> int:
    """Return the length that a model was trained with, which it is sure to take (samples)."""
    trained: int = config["training"]["crops"]["samples"]
    return max(trained, 2 * model.context + model.multiple)
