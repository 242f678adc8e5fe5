"""``mssbench listen``: a study's listening page, which a browser opens from disk."""

import argparse
import logging
from pathlib import Path

from mssbench.commands.named_files import by_name
from mssbench.errors import UserError

log = logging.getLogger(__name__)

INDEX = "index.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--config",
        required=True,
        help="the study, its rows and its key listening: JSON or a JSON file",
    )
    parser.add_argument(
        "--scores", required=True, nargs="+", type=Path, help="the score tables of the rows"
    )
    parser.add_argument(
        "--rendition",
        required=True,
        nargs="+",
        type=Path,
        help="manifest.json of mixtures and true sources; of several, that of the highest rate",
    )
    parser.add_argument(
        "--estimates",
        required=True,
        nargs="+",
        help="the estimates.json of the rows, each in a folder of its row's name, or as NAME=PATH",
    )
    parser.add_argument(
        "--out", required=True, type=Path, help=f"the {INDEX} to write, in a folder of its own"
    )


def run(args: argparse.Namespace) -> None:
    """Write the page.

    Raises:
        UserError: the output is not called index.html, or what is to be heard is not there.
    """
    from mssbench.data.rendition import Rendition
    from mssbench.report.config import read_config
    from mssbench.report.listening.page import write_page
    from mssbench.report.scores import gather_scores

    if args.out.name != INDEX:
        raise UserError(f"--out {args.out}: a page is called {INDEX}; give FOLDER/{INDEX}")
    config = read_config(args.config)
    renditions = [Rendition.open(manifest) for manifest in args.rendition]
    rendition = max(renditions, key=lambda each: (each.rate, each.channel_count))
    scores, protocol = gather_scores(args.scores)
    size = write_page(
        config,
        rendition,
        estimates=by_name(args.estimates),
        scores=scores,
        protocol=protocol,
        folder=args.out.parent,
    )
    log.info("wrote %s and what it plays (%.1f MB)", args.out, size / 1e6)
