"""``mssbench stretch``: add a rendition's training songs at other tempos and pitches."""

import argparse
import logging
from dataclasses import fields
from pathlib import Path

from mssbench.commands.options import positive
from mssbench.errors import UserError
from mssbench.stretching.config import StretchingConfig, check_kept

log = logging.getLogger(__name__)

LAWS = ("ra_paper", "ra_code")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options to ``parser``."""
    parser.add_argument("--rendition", type=Path, required=True, help="its manifest.json")
    parser.add_argument(
        "--out", type=Path, required=True, help="the new manifest.json; songs go beside it"
    )
    parser.add_argument(
        "--factors", type=float, nargs="+", help="tempo factors; above 1 is faster, 1 is no copy"
    )
    parser.add_argument(
        "--like", choices=LAWS, help="factors and probabilities of RA's paper or of its code"
    )
    parser.add_argument(
        "--probabilities",
        type=float,
        nargs="+",
        help="one a factor (default: equal); with --copies",
    )
    parser.add_argument(
        "--semitones",
        type=int,
        nargs="+",
        help="pitches, equally likely at every tempo; above 0 is higher (default: 0)",
    )
    parser.add_argument(
        "--keep",
        nargs="+",
        default=[],
        metavar="SOURCE",
        help="sources of the rendition that keep their pitch, such as drums",
    )
    parser.add_argument(
        "--copies",
        type=positive,
        help="draw so many different factors a song (default: all factors)",
    )
    parser.add_argument("--seed", type=int, default=0, help="decides the draw (default: 0)")
    parser.add_argument(
        "--workers",
        type=positive,
        default=1,
        help="parallel processes; each takes about 2300 MB for a song of four minutes in stereo at "
        "44.1 kHz at half its tempo, and more the slower it is (default: 1)",
    )


def run(args: argparse.Namespace) -> None:
    """Make the rendition, or what is missing of it.

    Raises:
        UserError: options that do not go together, the manifest is to have another name, or see
            ``stretch_songs`` and ``StretchingConfig``.
    """
    from mssbench.data.rendition import MANIFEST, Rendition
    from mssbench.stretching.offline import stretch_songs
    from mssbench.training.structure import structure

    if args.out.name != MANIFEST:
        raise UserError(f"--out: found {args.out}; the file must be called {MANIFEST}")
    try:
        given = {field.name: getattr(args, field.name) for field in fields(StretchingConfig)}
        config = structure(StretchingConfig, given)
        tempos = config.tempos()
    except UserError as error:
        raise UserError(f"--{error}") from None
    rendition = Rendition.open(args.rendition)
    check_kept(config.keep, rendition.stems[1:], "--keep")
    made = stretch_songs(
        rendition,
        args.out.parent,
        tempos,
        copies=config.copies,
        seed=config.seed,
        keep=config.keep,
        workers=args.workers,
    )
    further = len(made.songs) - len(rendition.songs)
    log.info("%s: %d songs, %d of them stretched", args.out, len(made.songs), further)
