"""``mssbench tables``: a study's tables from the scores of its runs."""

import argparse
import logging
from pathlib import Path

from mssbench.errors import UserError

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--config", required=True, help="the study, its rows and tables: JSON or a JSON file"
    )
    parser.add_argument(
        "--scores", required=True, nargs="+", type=Path, help="the score tables of the rows"
    )
    parser.add_argument(
        "--out", required=True, type=Path, help="folder for <table>.csv, <table>.md and <table>.tex"
    )


def run(args: argparse.Namespace) -> None:
    """Write every table that the configuration defines."""
    from mssbench.report.config import read_config
    from mssbench.report.formats import write_table
    from mssbench.report.scores import gather_scores
    from mssbench.report.tables import make_table

    config = read_config(args.config)
    if not config.tables:
        raise UserError("--config: it defines no table; give a map of at least one as its tables")
    scores, protocol = gather_scores(args.scores)
    for name, definition in config.tables.items():
        write_table(make_table(name, definition, config, scores, protocol), args.out)
        log.info("wrote %s.csv, .md and .tex", args.out / name)
