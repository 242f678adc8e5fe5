"""``mssbench pan``: make stereo mixtures whose sources stand side by side at equal angles."""

import argparse
import logging
from pathlib import Path

from mssbench.commands.options import positive
from mssbench.errors import UserError

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options to ``parser``."""
    parser.add_argument("--rendition", type=Path, required=True, help="a mono manifest.json")
    parser.add_argument(
        "--out", type=Path, required=True, help="the new manifest.json; songs go beside it"
    )
    parser.add_argument(
        "--spacing", type=float, required=True, help="angle between neighbours in degrees"
    )
    parser.add_argument(
        "--delay",
        type=int,
        default=0,
        help="of the outermost sources between the channels in samples (default: 0)",
    )
    parser.add_argument(
        "--seconds", type=float, help="take the middle of each song (default: the whole song)"
    )
    parser.add_argument("--workers", type=positive, default=1, help="parallel processes")


def run(args: argparse.Namespace) -> None:
    """Make the rendition, or what is missing of it.

    Raises:
        UserError: the manifest is to have another name, a value is not allowed, or see
            ``pan_songs``.
    """
    from mssbench.data.rendition import MANIFEST, Rendition
    from mssbench.panning.fan import Fan
    from mssbench.panning.songs import pan_songs
    from mssbench.training.structure import structure

    if args.out.name != MANIFEST:
        raise UserError(f"--out: found {args.out}; the file must be called {MANIFEST}")
    given = {"spacing": args.spacing, "delay": args.delay, "seconds": args.seconds}
    fan = structure(Fan, given, "panning")
    made = pan_songs(Rendition.open(args.rendition), args.out.parent, fan, args.workers)
    log.info("%s: %d songs, sources %g degrees apart", args.out, len(made.songs), fan.spacing)
