"""``mssbench prepare``: decode, downmix and resample a data set to a rendition."""

import argparse
import logging
from pathlib import Path

from mssbench.errors import UserError

log = logging.getLogger(__name__)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"found {number}; allowed is 1 or more")
    return number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options to ``parser``."""
    parser.add_argument("--dataset", type=Path, required=True, help="the dataset.json")
    parser.add_argument("--rate", type=_positive, required=True, help="sample rate in Hz")
    parser.add_argument("--channels", choices=("mono", "stereo"), required=True)
    parser.add_argument(
        "--format",
        choices=("float32", "int16"),
        default="float32",
        help="how samples are stored; int16 of 16-bit files alone, at half the size "
        "(default: float32)",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="the manifest.json; songs go beside it"
    )
    parser.add_argument(
        "--workers",
        type=_positive,
        default=1,
        help="parallel processes; each takes about 1.5 GB for a song of four minutes (default: 1)",
    )


def run(args: argparse.Namespace) -> None:
    """Make the rendition, or what is missing of it.

    Raises:
        UserError: the manifest is to have another name, the songs have changed since the
            ``dataset.json`` was written, or see ``rendition.prepare``.
    """
    from mssbench.data.changes import require_unchanged
    from mssbench.data.rendition import MANIFEST, prepare
    from mssbench.data.songs import Dataset

    if args.out.name != MANIFEST:
        raise UserError(f"--out: found {args.out}; the file must be called {MANIFEST}")
    dataset = Dataset.load(args.dataset)
    require_unchanged(dataset, args.dataset)
    made = prepare(
        dataset, args.out.parent, args.rate, args.channels, args.workers, sample_format=args.format
    )
    log.info(
        "%s: %d songs at %d Hz, %s, %s",
        *(args.out, len(made.songs), made.rate, made.channels, made.sample_format),
    )
