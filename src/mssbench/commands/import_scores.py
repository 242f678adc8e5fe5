"""``mssbench import-scores``: make a score table of museval's JSON files."""

import argparse
import logging
from pathlib import Path

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "source",
        type=Path,
        metavar="DIR|ARCHIVE",
        help="museval's JSON files, one a song and of its name: a folder, .zip or .tar(.gz, .xz)",
    )
    parser.add_argument("--run", required=True, help="what to call the system in the table")
    parser.add_argument(
        "--subset",
        choices=["train", "test", "all"],
        default="test",
        help="read the files in folders of this name, where there are any (default: test)",
    )
    parser.add_argument("--out", type=Path, required=True, help="the .parquet score table to write")


def run(args: argparse.Namespace) -> None:
    """Read all files and write the table.

    Raises:
        UserError: a file is not museval's, or see ``import_scores``.
    """
    from mssbench.report.imported import import_scores
    from mssbench.scoring.results import write_scores

    table = import_scores(args.run, args.source, args.subset)
    write_scores(args.out, table)
    protocol = table.attrs["protocol"]
    log.info(
        "%s: %d songs; windows of %g s, hop %g s; %s",
        args.out,
        table["track"].nunique(),
        protocol["window"],
        protocol["hop"],
        ", ".join(table["target"].unique()),
    )
